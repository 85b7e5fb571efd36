#include "runtime/worker/launcher.h"

#include <signal.h>

#include <catch2/catch.hpp>

#include "runtime/worker/stages.h"
#include "sandbox/cgroup.h"
#include "tests/unit/runtime/worker/launcher_fixture.h"

// A real launcher, real sandboxes, real handlers: as root and as an ordinary user.

namespace hearth {
namespace {

using Kind = Answer::Kind;

As Whoever() { return GENERATE(As::kRoot, As::kNobody); }

// Without root there is only one of the two to be.
bool CannotBe(As as) {
  if (as == As::kNobody || RunsAsRoot()) return false;
  WARN("not run as root: only the unprivileged half is tested; run it under sudo for the other");
  return true;
}

const std::string kProbe = std::string(HEARTH_PROBE_DIR) + "/libprobe.so";
std::string Victim(const std::string& name) { return std::string(HEARTH_TEST_HANDLERS_DIR) + "/" + name; }

TEST_CASE("a worker answers, again and again", "[launcher]") {
  const As as = Whoever();
  if (CannotBe(as)) return;
  TestLauncher launcher(as);
  INFO(launcher.hello().report);
  CHECK(launcher.hello().isolation_level >= kIsolationRootless);
  launcher.MustMake(TestLauncher::ASandbox(launcher.Package({kProbe}), "libprobe.so"));
  TestWorker worker = launcher.ForkAndInit();
  CHECK(worker.Invoke("who").text == "pid 1 host probe in /var/task");
  CHECK(worker.Invoke("who").text == "pid 1 host probe in /var/task");
  CHECK(worker.Invoke("print hello").text == "ok");
  CHECK(worker.ReadOutput() == "hello\n");
}

TEST_CASE("a payload and a response of megabytes pass by memfd", "[launcher]") {
  TestLauncher launcher(RunsAsRoot() ? As::kRoot : As::kNobody);
  launcher.MustMake(TestLauncher::ASandbox(launcher.Package({Victim("libvictim.so")}), "libvictim.so"));
  TestWorker worker = launcher.ForkAndInit();
  const std::string megabytes(7u << 20, 'x');
  CHECK(worker.Invoke(megabytes).text == megabytes);
  CHECK(worker.Invoke("still there").text == "still there");
}

TEST_CASE("how a worker ends is told", "[launcher]") {
  const As as = Whoever();
  if (CannotBe(as)) return;
  TestLauncher launcher(as);
  launcher.MustMake(TestLauncher::ASandbox(launcher.Package({kProbe}), "libprobe.so"));
  TestWorker worker = launcher.ForkAndInit();
  SECTION("exit code") {
    CHECK(worker.Invoke("exit 7").kind == Kind::kGone);
    CHECK(launcher.WaitForExit(worker).exit_code == 7);
  }
  SECTION("abort is told apart from a fault") {
    CHECK(worker.Invoke("abort").kind == Kind::kGone);
    CHECK(launcher.WaitForExit(worker).exit_code == 134);
  }
  SECTION("segmentation fault") {
    const Answer answer = worker.Invoke("segv");
    CHECK(answer.kind == Kind::kGone);
    REQUIRE(answer.crash);
    CHECK(answer.crash->signal == SIGSEGV);
    CHECK(answer.crash->address == 8);
    CHECK_THAT(answer.crash->text, Catch::StartsWith("#0 0x") && Catch::Contains("fault+0x") &&
                                       Catch::Contains("(libprobe.so+0x"));
    CHECK(launcher.WaitForExit(worker).signal == SIGSEGV);
  }
  SECTION("a forbidden call kills") {
    CHECK(worker.Invoke("mount /tmp").kind == Kind::kGone);
    const WorkerExitedFrame exited = launcher.WaitForExit(worker);
    CHECK(exited.signal == SIGSYS);
    CHECK(exited.violation == "mount");
  }
  SECTION("its channel closed") {
    worker.channel.Reset();
    CHECK(launcher.WaitForExit(worker).exit_code == 0);
  }
  // And the next worker is fine.
  TestWorker next = launcher.ForkAndInit();
  CHECK(next.Invoke("who").kind == Kind::kResponse);
}

TEST_CASE("a fork is a process as after exec, as far as its library can tell", "[launcher]") {
  const As as = Whoever();
  if (CannotBe(as)) return;
  TestLauncher launcher(as);
  launcher.MustMake(TestLauncher::ASandbox(launcher.Package({kProbe}), "libprobe.so"));
  // More than one: each is made from what was prepared for it, the first perhaps from nothing.
  TestWorker workers[] = {launcher.ForkAndInit(), launcher.ForkAndInit(), launcher.ForkAndInit()};
  for (TestWorker& worker : workers) {
    // libc knows the thread by its own number, not by its zygote's.
    CHECK(worker.Invoke("mutex").text == "others 0, itself again");
    // What the library left when it was loaded is gone; ours are those that tell of crashes.
    CHECK(worker.Invoke("signals").text == "4 6 7 8 11 ");
  }
}

TEST_CASE("how a library ended the process that loaded it", "[launcher][stages]") {
  const std::string stage(kStageLoad);
  CHECK_THAT(CrashInStage(stage, 134, 0).detail, Catch::EndsWith("exit code 134"));
  CHECK_THAT(CrashInStage(stage, -1, SIGSEGV).detail, Catch::Contains("signal 11"));
  // With frames it was a fault, also where the time for their names was over.
  const std::string frames = "#0 0x1 a (x.so+0x1)\n#1 0x2 b (x.so+0x2)\n";
  CHECK_THAT(CrashInStage(stage, -1, SIGSEGV, {}, frames).detail,
             Catch::EndsWith("; #0 0x1 a (x.so+0x1), #1 0x2 b (x.so+0x2)"));
  CHECK_THAT(CrashInStage(stage, 128 + SIGABRT, 0, {}, frames).detail,
             Catch::Contains("signal 6") && Catch::Contains("; #0"));
  CHECK_THAT(CrashInStage(stage, 3, 0, {}, frames).detail, Catch::EndsWith("exit code 3"));
  std::string many;
  for (int i = 0; i < 20; ++i) many += "#" + std::to_string(i) + " 0x1\n";
  const std::string told = CrashInStage(stage, -1, SIGSEGV, {}, many).detail;
  CHECK_THAT(told, Catch::Contains("#7 0x1") && !Catch::Contains("#8 0x1"));
}

TEST_CASE("a failing init is told with its reason", "[launcher]") {
  TestLauncher launcher(RunsAsRoot() ? As::kRoot : As::kNobody);
  MakeSandboxFrame request = TestLauncher::ASandbox(launcher.Package({kProbe}), "libprobe.so");
  request.environment.push_back("PROBE_INIT_FAILS=1");
  launcher.MustMake(request);
  TestWorker worker = launcher.Fork();
  CHECK(worker.Init() == "Probe.Init");
  CHECK(launcher.WaitForExit(worker).exit_code == 0);
}

TEST_CASE("a bad artefact is refused with the reason", "[launcher]") {
  TestLauncher launcher(RunsAsRoot() ? As::kRoot : As::kNobody);
  const auto refusal = [&](const std::string& file) {
    const auto failure = launcher.Make(TestLauncher::ASandbox(launcher.Package({Victim(file)}), file));
    REQUIRE(failure);
    CHECK(failure->authors_fault == 1);
    return failure->stage + ": " + failure->detail;
  };
  SECTION("another ABI version") {
    CHECK_THAT(refusal("libwrongabi.so"),
               Catch::Contains("check ABI version") && Catch::Contains("this worker runs version 1"));
  }
  SECTION("no such symbol") {
    CHECK_THAT(refusal("libnosymbol.so"), Catch::Contains("exports no function hearth_function"));
  }
  SECTION("an undefined symbol") {
    CHECK_THAT(refusal("libundefined.so"),
               Catch::Contains("load library") && Catch::Contains("undefined symbol"));
  }
  SECTION("no such file") {
    const auto failure = launcher.Make(TestLauncher::ASandbox(launcher.Package({kProbe}), "libother.so"));
    REQUIRE(failure);
    CHECK_THAT(failure->detail, Catch::Contains("libother.so"));
  }
}

TEST_CASE("a library of the package itself is found", "[launcher]") {
  TestLauncher launcher(RunsAsRoot() ? As::kRoot : As::kNobody);
  const std::string probes = HEARTH_PROBE_DIR;
  launcher.MustMake(TestLauncher::ASandbox(
      launcher.Package({probes + "/libneedy.so", probes + "/libhelper.so"}), "libneedy.so"));
  CHECK(launcher.ForkAndInit().Invoke("").text == "helped");
}

TEST_CASE("killing a sandbox kills all of it, and nothing else", "[launcher]") {
  const As as = Whoever();
  if (CannotBe(as)) return;
  TestLauncher launcher(as);
  const std::string package = launcher.Package({kProbe});
  MakeSandboxFrame request = TestLauncher::ASandbox(package, "libprobe.so");
  launcher.MustMake(request);
  TestWorker first = launcher.ForkAndInit();
  TestWorker second = launcher.ForkAndInit();
  request.sandbox_id = 2;
  launcher.Kill(1);
  launcher.WaitForGone(1);
  CHECK_FALSE(NextPacket(first.channel.get()));
  CHECK_FALSE(NextPacket(second.channel.get()));
  launcher.MustMake(request);
  TestWorker other = launcher.ForkAndInit();
  CHECK(other.Invoke("who").kind == Kind::kResponse);
}

TEST_CASE("a sandbox dies with its launcher", "[launcher]") {
  TestLauncher launcher(RunsAsRoot() ? As::kRoot : As::kNobody);
  launcher.MustMake(TestLauncher::ASandbox(launcher.Package({kProbe}), "libprobe.so"));
  TestWorker worker = launcher.ForkAndInit();
  REQUIRE(launcher.process().Signal(SIGKILL).ok());
  CHECK_FALSE(NextPacket(worker.channel.get()));
}

TEST_CASE("a request that cannot be is refused before anything is made", "[launcher]") {
  TestLauncher launcher(RunsAsRoot() ? As::kRoot : As::kNobody);
  MakeSandboxFrame request = TestLauncher::ASandbox(launcher.Package({kProbe}), "libprobe.so");
  SECTION("a library outside the package") { request.library = "../libprobe.so"; }
  SECTION("a mount over what is the sandbox's own") { request.mounts = {{"/", "/usr", 1}}; }
  SECTION("secrets without their values") { request.secrets = {{"a", 1}}; }
  SECTION("a mount that climbs") { request.mounts = {{"/", "/mnt/../etc", 1}}; }
  const auto failure = launcher.Make(request);
  REQUIRE(failure);
  CHECK(failure->stage == "check request");
}

TEST_CASE("a folder that is not there is named with its stage", "[launcher]") {
  TestLauncher launcher(RunsAsRoot() ? As::kRoot : As::kNobody);
  const auto failure = launcher.Make(TestLauncher::ASandbox("/no/such/folder", "libprobe.so"));
  REQUIRE(failure);
  CHECK(failure->stage == "open /no/such/folder");
  CHECK(failure->error == ENOENT);
  CHECK(failure->authors_fault == 0);
}

}  // namespace
}  // namespace hearth
