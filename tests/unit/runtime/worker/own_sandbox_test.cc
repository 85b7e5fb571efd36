#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <fstream>

#include <catch2/catch.hpp>

#include "runtime/base/files.h"
#include "runtime/worker/launcher.h"
#include "tests/unit/runtime/worker/launcher_fixture.h"

// Workers that come with a sandbox of their own, and the sandboxes that are made before anybody asks. That they are
// confined as others are: escape_test.cc.

namespace hearth {
namespace {

using Kind = Answer::Kind;

const std::string kProbe = std::string(HEARTH_PROBE_DIR) + "/libprobe.so";
const std::string kThreaded = std::string(HEARTH_PROBE_DIR) + "/libthreaded.so";

bool NeedsRoot() {
  if (RunsAsRoot()) return false;
  WARN("not run as root: blank sandboxes are root's");
  return true;
}

std::vector<pid_t> ChildrenOf(pid_t pid) {
  std::ifstream in("/proc/" + std::to_string(pid) + "/task/" + std::to_string(pid) + "/children");
  std::vector<pid_t> children;
  for (pid_t child; in >> child;) children.push_back(child);
  return children;
}

// "Name: value" of /proc/PID/status.
std::string StatusOf(pid_t pid, const std::string& name) {
  std::ifstream in("/proc/" + std::to_string(pid) + "/status");
  for (std::string line; std::getline(in, line);) {
    if (!line.starts_with(name + ":")) continue;
    const size_t value = line.find_first_not_of(" \t", name.size() + 1);
    return value == std::string::npos ? "" : line.substr(value);
  }
  return {};
}

struct Fixture {
  explicit Fixture(As as = As::kRoot) : launcher(as) {}
  MakeSandboxFrame Request(const std::string& library = kProbe) {
    const std::string folder = launcher.Package({library});
    MakeSandboxFrame request = TestLauncher::ASandbox(folder, library.substr(library.rfind('/') + 1));
    request.sandbox_id = next++;
    return request;
  }
  TestWorker Start(const MakeSandboxFrame& request) {
    std::optional<StageFailure> failure;
    TestWorker worker = launcher.MakeWithWorker(request, {}, failure);
    if (failure) FAIL(failure->stage << ": errno " << failure->error << " " << failure->detail);
    REQUIRE(worker.Init() == "ready");
    return worker;
  }
  TestLauncher launcher;
  uint64_t next = 1;
};

TEST_CASE("a worker with a sandbox of its own answers, and is told of like any other", "[own]") {
  const As as = GENERATE(As::kRoot, As::kNobody);
  if (as == As::kRoot && NeedsRoot()) return;
  Fixture f(as);
  TestWorker worker = f.Start(f.Request());
  CHECK(worker.Invoke("who").text == "pid 1 host probe in /var/task");
  CHECK(worker.Invoke("print hello").text == "ok");
  CHECK(worker.ReadOutput() == "hello\n");
  SECTION("exit code") {
    CHECK(worker.Invoke("exit 7").kind == Kind::kGone);
    CHECK(f.launcher.WaitForExit(worker).exit_code == 7);
  }
  SECTION("segmentation fault") {
    const Answer answer = worker.Invoke("segv");
    REQUIRE(answer.crash);
    CHECK(answer.crash->signal == SIGSEGV);
    CHECK(f.launcher.WaitForExit(worker).signal == SIGSEGV);
  }
  SECTION("a forbidden call kills") {
    CHECK(worker.Invoke("mount /tmp").kind == Kind::kGone);
    const WorkerExitedFrame exited = f.launcher.WaitForExit(worker);
    CHECK(exited.signal == SIGSYS);
    CHECK(exited.violation == "mount");
  }
}

TEST_CASE("nothing is forked where a worker has its own sandbox", "[own]") {
  Fixture f(RunsAsRoot() ? As::kRoot : As::kNobody);
  const TestWorker worker = f.Start(f.Request());
  const UniqueFd null(OpenFile("/dev/null", O_WRONLY).value());
  const int fds[] = {null.get(), null.get(), null.get()};
  REQUIRE(SendPacket(f.launcher.init_channel(), Encode(ForkWorkerFrame{77}), fds).ok());
  const auto failed = DecodeForkFailed(NextPacket(f.launcher.init_channel())->bytes);
  REQUIRE(failed);
  CHECK(failed->worker_id == 77);
  CHECK(failed->failure.error == EINVAL);
}

TEST_CASE("a library that leaves threads is none to fork, and runs in a sandbox of its own", "[own]") {
  const As as = GENERATE(As::kRoot, As::kNobody);
  if (as == As::kRoot && NeedsRoot()) return;
  Fixture f(as);
  const MakeSandboxFrame request = f.Request(kThreaded);
  const auto failure = f.launcher.Make(request);
  REQUIRE(failure);
  CHECK(failure->stage == "look for threads");
  CHECK(failure->leaves_threads == 1);
  MakeSandboxFrame own = request;
  own.sandbox_id = 2;
  TestWorker worker = f.Start(own);
  CHECK(worker.Invoke("x").text == "\"it runs\"");
}

TEST_CASE("a library that cannot be loaded is told of as ever", "[own]") {
  if (NeedsRoot()) return;
  Fixture f;
  const bool blank = GENERATE(false, true);
  if (blank) f.launcher.KeepBlanks(1);
  if (blank) f.launcher.AwaitBlanks(1);
  MakeSandboxFrame request = f.Request();
  request.symbol = "none";
  std::optional<StageFailure> failure;
  TestWorker worker = f.launcher.MakeWithWorker(request, {}, failure);
  REQUIRE(failure);
  CHECK(failure->stage == "find handler");
  CHECK(failure->authors_fault == 1);
  CHECK(failure->leaves_threads == 0);
  CHECK_FALSE(NextPacket(worker.channel.get()));  // closed
}

TEST_CASE("a code folder that is not there fails the start from a blank sandbox, by stage and errno",
          "[own]") {
  if (NeedsRoot()) return;
  Fixture f;
  f.launcher.KeepBlanks(1);
  f.launcher.AwaitBlanks(1);
  MakeSandboxFrame request = f.Request();
  request.code_folder = "/not/there";
  std::optional<StageFailure> failure;
  (void)f.launcher.MakeWithWorker(request, {}, failure);
  REQUIRE(failure);
  CHECK(failure->stage == "open /not/there");
  CHECK(failure->error == ENOENT);
  f.launcher.AwaitBlanks(1);  // another; the launcher goes on
  CHECK(f.Start(f.Request()).Invoke("who").kind == Kind::kResponse);
}

TEST_CASE("layers and secrets are there, read by the function's user and changed by nobody", "[own]") {
  const As as = GENERATE(As::kRoot, As::kNobody);
  if (as == As::kRoot && NeedsRoot()) return;
  const bool blank = as == As::kRoot && GENERATE(false, true);
  Fixture f(as);
  if (blank) f.launcher.KeepBlanks(1);
  if (blank) f.launcher.AwaitBlanks(1);
  MakeSandboxFrame request = f.Request();
  request.layers_folder = f.launcher.Package({kProbe});
  request.secrets = {{"one", 3}, {"two", 4}};
  const UniqueFd values = MakeSealedMemfd("values", "abcdefg").value();
  std::optional<StageFailure> failure;
  TestWorker worker = f.launcher.MakeWithWorker(request, {values.get()}, failure);
  if (failure) FAIL(failure->stage << ": errno " << failure->error << " " << failure->detail);
  CHECK(f.launcher.was_blank() == blank);
  REQUIRE(worker.Init() == "ready");
  CHECK(worker.Invoke("list /opt").text == "libprobe.so ");
  CHECK(worker.Invoke("open /run/secrets/one").text == "ok");
  CHECK(worker.Invoke("open /run/secrets/two").text == "ok");
  CHECK(worker.Invoke("write /run/secrets/one").text != "ok");
  CHECK(worker.Invoke("write /opt/x").text == "Read-only file system");
}

TEST_CASE("a start without descriptors for its worker is refused", "[own]") {
  Fixture f(RunsAsRoot() ? As::kRoot : As::kNobody);
  MakeSandboxFrame request = f.Request();
  request.own_worker = 5;
  const auto failure = f.launcher.Make(request);
  REQUIRE(failure);
  CHECK(failure->stage == "check request");
}

TEST_CASE("a blank sandbox is used once, and another takes its place", "[own]") {
  if (NeedsRoot()) return;
  Fixture f;
  f.launcher.KeepBlanks(1);
  f.launcher.AwaitBlanks(1);
  const std::vector<pid_t> blank = ChildrenOf(f.launcher.process().pid());
  REQUIRE(blank.size() == 1);
  TestWorker first = f.Start(f.Request());
  CHECK(f.launcher.was_blank());
  const UniqueFd init = f.launcher.TakeInit();
  f.launcher.AwaitBlanks(0);
  f.launcher.AwaitBlanks(1);
  CHECK(ChildrenOf(f.launcher.process().pid()).size() == 2);
  TestWorker second = f.Start(f.Request());
  CHECK(f.launcher.was_blank());
  CHECK(first.Invoke("who").kind == Kind::kResponse);
  CHECK(second.Invoke("who").kind == Kind::kResponse);
}

TEST_CASE("so many blank sandboxes are kept as were asked for last, and no more than 64", "[own]") {
  if (NeedsRoot()) return;
  Fixture f;
  f.launcher.KeepBlanks(3);
  f.launcher.AwaitBlanks(3);
  CHECK(ChildrenOf(f.launcher.process().pid()).size() == 3);
  f.launcher.KeepBlanks(1);
  f.launcher.AwaitBlanks(1);
  f.launcher.KeepBlanks(0);
  f.launcher.AwaitBlanks(0);
  CHECK(ChildrenOf(f.launcher.process().pid()).empty());
  f.launcher.KeepBlanks(Launcher::kBlanksMax);
  f.launcher.AwaitBlanks(Launcher::kBlanksMax);
  f.launcher.KeepBlanks(Launcher::kBlanksMax + 1);
  Fixture other;  // it has had time to make one more, had it wanted to
  other.launcher.KeepBlanks(3);
  other.launcher.AwaitBlanks(3);
  CHECK(ChildrenOf(f.launcher.process().pid()).size() == Launcher::kBlanksMax);
}

TEST_CASE("one that is killed while it is made, as it is not wanted any more, is no failure", "[own]") {
  if (NeedsRoot()) return;
  Fixture f;
  for (int i = 0; i < 20; ++i) {
    f.launcher.KeepBlanks(2);
    f.launcher.KeepBlanks(0);
  }
  f.launcher.KeepBlanks(2);
  f.launcher.AwaitBlanks(2);
}

TEST_CASE("a blank sandbox waits with few rights, behind the filter, and dies with the launcher", "[own]") {
  if (NeedsRoot()) return;
  UniqueFd waiting;
  {
    Fixture f;
    f.launcher.KeepBlanks(1);
    f.launcher.AwaitBlanks(1);
    const pid_t init = ChildrenOf(f.launcher.process().pid()).at(0);
    const pid_t worker = ChildrenOf(init).at(0);
    CHECK(StatusOf(worker, "CapEff") == "00000000000001c0");  // setgid, setuid, setpcap: to become a user
    CHECK(StatusOf(worker, "CapBnd") == "00000000000001c0");
    CHECK(StatusOf(worker, "NoNewPrivs") == "1");
    CHECK(StatusOf(worker, "Seccomp") == "2");
    CHECK(StatusOf(init, "CapEff") == "0000000000200020");  // sys_admin, kill
    CHECK(StatusOf(init, "NoNewPrivs") == "1");
    const TestWorker used = f.Start(f.Request());
    CHECK(StatusOf(worker, "CapEff") == "0000000000000000");
    CHECK(StatusOf(worker, "CapBnd") == "0000000000000000");
    CHECK(StatusOf(worker, "Uid").starts_with("100777\t100777\t100777"));
    CHECK(StatusOf(worker, "Groups").empty());
    CHECK(StatusOf(init, "Seccomp") == "2");
    f.launcher.AwaitBlanks(0);
    f.launcher.AwaitBlanks(1);
    const pid_t next = ChildrenOf(f.launcher.process().pid()).at(1);
    waiting.Reset(static_cast<int>(syscall(SYS_pidfd_open, next, 0)));
    REQUIRE(waiting.valid());
  }
  pollfd gone{waiting.get(), POLLIN, 0};
  CHECK(poll(&gone, 1, 10'000) == 1);
}

TEST_CASE("a blank sandbox that dies while it waits is made anew", "[own]") {
  if (NeedsRoot()) return;
  Fixture f;
  f.launcher.KeepBlanks(1);
  f.launcher.AwaitBlanks(1);
  REQUIRE(kill(ChildrenOf(f.launcher.process().pid()).at(0), SIGKILL) == 0);
  f.launcher.AwaitBlanks(0);
  f.launcher.AwaitBlanks(1);
  CHECK(f.Start(f.Request()).Invoke("who").kind == Kind::kResponse);
  CHECK(f.launcher.was_blank());
}

TEST_CASE("who is not root keeps no blank sandboxes, and starts without", "[own]") {
  Fixture f(As::kNobody);
  f.launcher.KeepBlanks(3);
  CHECK(f.Start(f.Request()).Invoke("who").kind == Kind::kResponse);
  CHECK_FALSE(f.launcher.was_blank());
  CHECK(f.launcher.blanks().count == 0);
}

}  // namespace
}  // namespace hearth
