#include <fcntl.h>
#include <signal.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <fstream>

#include <catch2/catch.hpp>

#include "runtime/base/files.h"
#include "sandbox/cgroup.h"
#include "sandbox/cgroup_folder.h"
#include "sandbox/cgroup_paths.h"
#include "sandbox/landlock.h"
#include "tests/unit/runtime/worker/launcher_fixture.h"

// What a worker must not be able to do, tried from within (handlers/probe.c), as root and as an ordinary
// user.

namespace hearth {
namespace {

using Kind = Answer::Kind;

const std::string kProbe = std::string(HEARTH_PROBE_DIR) + "/libprobe.so";

// How a worker comes to be: forked from a zygote; with a sandbox of its own; with one that was made ahead.
enum class Born { kForked, kAlone, kFromBlank };

struct Kept {
  As as;
  Born born;
};

// One worker of the probe.
struct Cell {
  explicit Cell(As as) : launcher(as) {}
  explicit Cell(const Kept& kept) : launcher(kept.as), born(kept.born) {
    if (born == Born::kFromBlank) launcher.KeepBlanks(1);
  }
  void Open(std::vector<BindMount> mounts = {}, uint64_t memory = 256u << 20, bool has_cgroup = false,
            const std::vector<int>& tasks = {}) {
    request = TestLauncher::ASandbox(launcher.Package({kProbe}), "libprobe.so");
    request.mounts = std::move(mounts);
    request.memory_bytes = memory;
    request.has_memory_cgroup = has_cgroup ? 1 : 0;
    if (born == Born::kForked) launcher.MustMake(request);
    worker = Another(tasks);
  }
  // Of the same function; init's channel is that of the last one.
  TestWorker Another(const std::vector<int>& tasks = {}) {
    if (born == Born::kForked) return launcher.ForkAndInit(tasks);
    if (born == Born::kFromBlank && launcher.was_blank()) launcher.AwaitBlanks(0);  // the one before
    if (born == Born::kFromBlank) launcher.AwaitBlanks(1);
    inits.push_back(launcher.TakeInit());
    std::optional<StageFailure> failure;
    TestWorker other = launcher.MakeWithWorker(request, tasks, failure);
    if (failure) FAIL(failure->stage << ": errno " << failure->error << " " << failure->detail);
    CHECK(launcher.was_blank() == (born == Born::kFromBlank));
    ++request.sandbox_id;
    REQUIRE(other.Init() == "ready");
    return other;
  }
  std::string Try(const std::string& probe) { return worker.Invoke(probe).text; }
  // The signal that the attempt cost it.
  int KilledBy(const std::string& probe) {
    CHECK(worker.Invoke(probe).kind == Kind::kGone);
    return launcher.WaitForExit(worker).signal;
  }

  TestLauncher launcher;
  Born born = Born::kForked;
  std::vector<UniqueFd> inits;  // of those before: a sandbox ends when its init's channel does
  MakeSandboxFrame request;
  TestWorker worker;
};

#define FOR_EVERY_WORKER(kept)                                                                 \
  const Kept kept = GENERATE(Kept{As::kRoot, Born::kForked}, Kept{As::kNobody, Born::kForked}, \
                             Kept{As::kRoot, Born::kAlone}, Kept{As::kNobody, Born::kAlone},   \
                             Kept{As::kRoot, Born::kFromBlank});                               \
  if (kept.as == As::kRoot && !RunsAsRoot()) return;                                           \
  INFO("as " << (kept.as == As::kRoot ? "root" : "nobody") << ", born " << static_cast<int>(kept.born))

TEST_CASE("a worker sees its own files only", "[escape]") {
  FOR_EVERY_WORKER(kept);
  Cell cell(kept);
  cell.Open();
  CHECK(cell.Try("open /etc/shadow") == "No such file or directory");
  CHECK(cell.Try("open ../../../etc/shadow") == "No such file or directory");
  CHECK(cell.Try("open /proc/1/mem") == "No such file or directory");
  CHECK(cell.Try("open /sys/kernel/notes") == "No such file or directory");
  CHECK(cell.Try("open /dev/kmsg") == "No such file or directory");
  CHECK(cell.Try("list /dev") == "urandom random full zero null ");
  CHECK(cell.Try("list /var/task") == "libprobe.so ");
  CHECK(cell.Try("open /var/task/libprobe.so") == "ok");
  CHECK(cell.Try("open /etc/passwd") == "ok");
}

TEST_CASE("each of a zygote's workers is as confined as the first, with a /tmp of its own", "[escape]") {
  if (LandlockAbi() < kLandlockAbiOfFiles) return;
  FOR_EVERY_WORKER(kept);
  Cell cell(kept);
  cell.Open();
  TestWorker workers[] = {std::move(cell.worker), cell.Another(), cell.Another()};
  for (TestWorker& worker : workers) {
    CHECK(worker.Invoke("list /").text == "Permission denied");
    CHECK(worker.Invoke("list /tmp").text == "");
    CHECK(worker.Invoke("write /tmp/mine").text == "ok");
    CHECK(worker.Invoke("fds").text == "0 1 2 3 ");
  }
}

TEST_CASE("Landlock refuses what mounts would show", "[escape]") {
  if (LandlockAbi() < kLandlockAbiOfFiles) return;  // `hearth doctor` says so
  FOR_EVERY_WORKER(kept);
  Cell cell(kept);
  const std::string given = cell.launcher.Package({kProbe});
  REQUIRE(chmod(given.c_str(), 0777) == 0);
  cell.Open({{given, "/mnt/buckets/in", 0}, {given, "/mnt/buckets/out", 1}});
  CHECK(cell.Try("list /") == "Permission denied");
  CHECK(cell.Try("list /mnt") == "Permission denied");
  CHECK(cell.Try("list /mnt/buckets/in") == "libprobe.so ");
  CHECK(cell.Try("write /mnt/buckets/in/x") == "Read-only file system");
  CHECK(cell.Try("write /mnt/buckets/out/x") == "ok");
  CHECK(cell.Try("move /tmp/one") == "ok");
}

TEST_CASE("a worker writes to its /tmp only", "[escape]") {
  FOR_EVERY_WORKER(kept);
  Cell cell(kept);
  cell.Open();
  CHECK(cell.Try("write /var/task/x") == "Read-only file system");
  CHECK(cell.Try("write /var/task/libprobe.so") == "Read-only file system");
  CHECK(cell.Try("write /usr/lib/x") == "Read-only file system");
  CHECK(cell.Try("write /x") == "Read-only file system");
  CHECK(cell.Try("write /etc/passwd") == "Read-only file system");
  CHECK(cell.Try("write /tmp/x") == "ok");
  CHECK(cell.Try("mapexec /tmp/code") == "Operation not permitted");
}

TEST_CASE("/tmp is private and of the size asked for", "[escape]") {
  FOR_EVERY_WORKER(kept);
  Cell cell(kept);
  cell.Open();
  CHECK(cell.Try("write /tmp/mine") == "ok");
  TestWorker sibling = cell.Another();
  CHECK(sibling.Invoke("list /tmp").text.empty());
  CHECK(cell.Try("list /tmp") == "mine ");
  const std::string filled = cell.Try("fill /tmp/all");
  INFO(filled);
  const unsigned long bytes = std::stoul(filled);
  CHECK(bytes <= 8u << 20);
  CHECK(bytes >= 7u << 20);
}

TEST_CASE("a worker has no network, no processes, no way up", "[escape]") {
  FOR_EVERY_WORKER(kept);
  Cell cell(kept);
  cell.Open();
  for (const char* family : {"1", "2", "10", "16", "17", "38", "40"}) {
    INFO("family " << family);
    CHECK(cell.Try(std::string("socket ") + family) == "Permission denied");
  }
  CHECK(cell.Try("exec /var/task/libprobe.so") == "Operation not permitted");
  CHECK(cell.Try("fork") == "Operation not permitted");
  CHECK(cell.Try("unshare") == "Operation not permitted");
  CHECK(cell.Try("setuid") == "Operation not permitted");
  CHECK(cell.Try("setlimit") == "Operation not permitted");
  CHECK(cell.Try("io_uring") == "Function not implemented");
  SECTION("mount kills") { CHECK(cell.KilledBy("mount /tmp") == SIGSYS); }
  SECTION("ptrace kills") { CHECK(cell.KilledBy("ptrace 1") == SIGSYS); }
}

TEST_CASE("kill of all reaches no sibling", "[escape]") {
  FOR_EVERY_WORKER(kept);
  Cell cell(kept);
  cell.Open();
  TestWorker sibling = cell.Another();
  cell.Try("killall");
  CHECK(sibling.Invoke("who").kind == Kind::kResponse);
  TestWorker next = cell.Another();  // init and zygote live too
  CHECK(next.Invoke("who").kind == Kind::kResponse);
}

TEST_CASE("a worker holds four descriptors and its own environment", "[escape]") {
  FOR_EVERY_WORKER(kept);
  Cell cell(kept);
  cell.Open();
  CHECK(cell.Try("fds") == "0 1 2 3 ");
  CHECK(cell.Try("env") == "COLOUR=green\nLAMBDA_TASK_ROOT=/var/task\n");
}

TEST_CASE("threads stop at their limit where there is no cgroup", "[escape]") {
  FOR_EVERY_WORKER(kept);
  Cell cell(kept);
  cell.Open();
  const int started = std::stoi(cell.Try("threads 100"));
  CHECK(started >= 8);
  CHECK(started <= 15);
}

TEST_CASE("memory stops at its limit where there is no cgroup", "[escape]") {
  FOR_EVERY_WORKER(kept);
  Cell cell(kept);
  cell.Open();
  CHECK(cell.Try("eat 300") == "Cannot allocate memory");
}

TEST_CASE("a mounted folder is as writable as asked for", "[escape]") {
  FOR_EVERY_WORKER(kept);
  Cell cell(kept);
  const std::string in = cell.launcher.Package({});
  const std::string out = cell.launcher.Package({});
  std::ofstream(in + "/photo") << "p";
  REQUIRE(chmod(out.c_str(), 0777) == 0);
  cell.Open({{in, "/mnt/in", 0}, {out, "/mnt/out", 1}});
  CHECK(cell.Try("open /mnt/in/photo") == "ok");
  CHECK(cell.Try("write /mnt/in/photo") == "Read-only file system");
  CHECK(cell.Try("write /mnt/out/thumb") == "ok");
  CHECK(PathExists(out + "/thumb"));
  CHECK(cell.Try("whiteout /mnt/out/thumb") == "Function not implemented");
  CHECK(cell.Try("mapexec /mnt/out/code") == "Operation not permitted");
}

TEST_CASE("as root a mounted folder is its owner's to the worker, whoever that is", "[escape]") {
  const Born born = GENERATE(Born::kForked, Born::kAlone, Born::kFromBlank);
  if (!RunsAsRoot()) return;
  Cell cell(Kept{As::kRoot, born});
  const std::string out = cell.launcher.Package({});
  REQUIRE(chown(out.c_str(), 4711, 4712) == 0);
  REQUIRE(chmod(out.c_str(), 0700) == 0);
  cell.Open({{out, "/mnt/out", 1}});
  CHECK(cell.Try("write /mnt/out/thumb") == "ok");
  struct stat info {};
  REQUIRE(stat((out + "/thumb").c_str(), &info) == 0);
  CHECK(info.st_uid == 4711);
  CHECK(info.st_gid == 4712);
  CHECK(cell.Try("setuidbit /mnt/out/thumb") == "Function not implemented");
}

TEST_CASE("a memory bomb is killed by its cgroup and told apart", "[escape][cgroup]") {
  CgroupDiscovery cgroups = DiscoverCgroups();
  if (!cgroups.backend->limits_memory()) {
    WARN("needs root and a memory controller: " << cgroups.report);
    return;
  }
  Cell cell(Kept{As::kRoot, GENERATE(Born::kForked, Born::kAlone, Born::kFromBlank)});
  auto group = cgroups.backend->Create({.memory_bytes = 64u << 20, .pids_max = 16, .cpus = 0});
  REQUIRE(group.ok());
  cell.Open({}, 64u << 20, true, (*group)->tasks_fds());

  CHECK(std::stoi(cell.Try("threads 100")) == 15);
  CHECK(cell.Try("eat 10") == "ok");
  const auto before = (*group)->Usage();
  REQUIRE(before.ok());
  CHECK(*(*group)->OomKills() == 0);
  CHECK(before->memory_peak_bytes > 10u << 20);
  CHECK(before->cpu_us > 0);
  CHECK(cell.KilledBy("eat 200") == SIGKILL);
  const auto after = (*group)->Usage();
  REQUIRE(after.ok());
  CHECK(*(*group)->OomKills() >= 1);
  CHECK(after->memory_peak_bytes <= 64u << 20);

  // Recycled, it has forgotten.
  group->reset();
  auto again = cgroups.backend->Create({.memory_bytes = 128u << 20, .pids_max = 16, .cpus = 1});
  REQUIRE(again.ok());
  CHECK(*(*again)->OomKills() == 0);
  TestWorker next = cell.Another((*again)->tasks_fds());
  CHECK(next.Invoke("eat 100").text == "ok");
}

// The way into a group of version 2, tried on a hierarchy that needs no controllers.
TEST_CASE("a worker joins a group through its cgroup.procs", "[escape][cgroup]") {
  const std::string root = ParseCgroupV2Root(ReadFile("/proc/self/mountinfo").value());
  if (!RunsAsRoot() || root.empty()) {
    WARN("needs root and a mounted cgroup2");
    return;
  }
  const std::string folder = root + "/hearth-test-" + std::to_string(getpid());
  REQUIRE(mkdir(folder.c_str(), 0755) == 0);
  {
    const auto procs = CgroupFile::Open(folder + "/cgroup.procs", O_RDWR);
    REQUIRE(procs.ok());
    Cell cell(As::kRoot);
    cell.Open({}, 64u << 20, false, {procs->fd()});
    const std::string members = procs->Read().value();
    CHECK(std::count(members.begin(), members.end(), '\n') == 1);
    CHECK(cell.KilledBy("mount /tmp") == SIGSYS);
  }
  CHECK(RemoveCgroupFolder(folder));
}

TEST_CASE("a group is killed and frozen as one", "[escape][cgroup]") {
  CgroupDiscovery cgroups = DiscoverCgroups();
  if (!cgroups.backend->limits_memory()) {
    WARN("needs root and cgroups: " << cgroups.report);
    return;
  }
  Cell cell(Kept{As::kRoot, GENERATE(Born::kForked, Born::kAlone, Born::kFromBlank)});
  auto group = cgroups.backend->Create({.memory_bytes = 64u << 20, .pids_max = 16, .cpus = 0});
  REQUIRE(group.ok());
  cell.Open({}, 64u << 20, true, (*group)->tasks_fds());
  REQUIRE((*group)->Freeze(Frozen::kYes).ok());
  REQUIRE((*group)->Kill().ok());
  CHECK(cell.launcher.WaitForExit(cell.worker).signal == SIGKILL);
}

}  // namespace
}  // namespace hearth
