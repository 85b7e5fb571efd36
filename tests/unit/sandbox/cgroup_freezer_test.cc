#include <fcntl.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <atomic>
#include <chrono>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include <catch2/catch.hpp>

#include "runtime/base/files.h"
#include "sandbox/cgroup_backends.h"
#include "sandbox/cgroup_folder.h"

// The freezers of this host, on processes that would rather run.

namespace hearth {
namespace {

// A process in a group, with a thread that spins without end.
class Spinner {
 public:
  explicit Spinner(const std::vector<int>& tasks) {
    int ready[2];
    REQUIRE(::pipe2(ready, O_CLOEXEC) == 0);
    pid_ = ::fork();
    REQUIRE(pid_ >= 0);
    if (pid_ == 0) {
      ::prctl(PR_SET_PDEATHSIG, SIGKILL);
      for (const int fd : tasks) {
        if (::write(fd, "0", 1) != 1) ::_exit(1);
      }
      std::thread([] {
        for (std::atomic<uint64_t> n = 0;; ++n) {
        }
      }).detach();
      (void)!::write(ready[1], "r", 1);
      for (;;) ::pause();
    }
    ::close(ready[1]);
    char byte;
    REQUIRE(::read(ready[0], &byte, 1) == 1);
    ::close(ready[0]);
  }
  ~Spinner() {
    if (pid_ < 0) return;
    ::kill(pid_, SIGKILL);
    ::waitpid(pid_, nullptr, 0);
  }
  pid_t pid() const { return pid_; }
  bool HasEnded() {
    if (::waitpid(pid_, nullptr, WNOHANG) != pid_) return false;
    pid_ = -1;
    return true;
  }

 private:
  pid_t pid_ = -1;
};

// Looks again and again for ten seconds.
template <class Predicate>
bool Until(Predicate predicate) {
  const auto end = std::chrono::steady_clock::now() + std::chrono::seconds(10);
  while (!predicate()) {
    if (std::chrono::steady_clock::now() > end) return false;
    std::this_thread::yield();
  }
  return true;
}

struct Host {
  CgroupPaths paths;
  std::unique_ptr<CgroupBackend> backend;
};

// With the freezer that is asked for, where this host has it.
std::optional<Host> With(FreezerKind freezer) {
  Host host{FindCgroups(), nullptr};
  if (host.paths.version == 2 && freezer == FreezerKind::kV2) {
    host.backend = std::move(MakeCgroupV2Backend(host.paths)).value();
  } else if (host.paths.version == 1) {
    if (freezer == FreezerKind::kV1) host.paths.freeze_folder.clear();
    host.backend = std::move(MakeCgroupV1Backend(host.paths)).value();
  }
  if (host.backend && host.backend->freezer() == freezer) return host;
  WARN("needs root and a " << (freezer == FreezerKind::kV1 ? "cgroup v1 freezer" : "cgroup2 mount") << ": "
                           << host.paths.report);
  return std::nullopt;
}

TEST_CASE("frozen threads use no processor; thawed they go on", "[cgroup][freeze]") {
  const auto host = With(GENERATE(FreezerKind::kV1, FreezerKind::kV2));
  if (!host) return;
  const auto group = std::move(host->backend->Create({.memory_bytes = 64u << 20, .pids_max = 16})).value();
  Spinner spinner(group->tasks_fds());
  REQUIRE(Until([&] { return group->CpuUs().value() > 10'000; }));
  CHECK_FALSE(group->IsFrozen().value());
  REQUIRE(group->Freeze(Frozen::kYes).ok());
  REQUIRE(Until([&] { return group->IsFrozen().value(); }));
  const uint64_t frozen_at = group->CpuUs().value();
  // Time in which it would have used as much: this process uses the processor meanwhile.
  timespec began{}, now{};
  ::clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &began);
  do {
    ::clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now);
  } while ((now.tv_sec - began.tv_sec) * 1'000'000'000 + now.tv_nsec - began.tv_nsec < 50'000'000);
  CHECK(group->CpuUs().value() == frozen_at);
  REQUIRE(group->Freeze(Frozen::kNo).ok());
  CHECK(Until([&] { return group->CpuUs().value() > frozen_at + 10'000; }));
}

TEST_CASE("a frozen process is killed", "[cgroup][freeze]") {
  const auto host = With(GENERATE(FreezerKind::kV1, FreezerKind::kV2));
  if (!host) return;
  const auto group = std::move(host->backend->Create({.memory_bytes = 64u << 20, .pids_max = 16})).value();
  Spinner spinner(group->tasks_fds());
  REQUIRE(group->Freeze(Frozen::kYes).ok());
  REQUIRE(Until([&] { return group->IsFrozen().value(); }));
  SECTION("as a group") {
    REQUIRE(group->Kill().ok());
    CHECK(Until([&] { return spinner.HasEnded(); }));
  }
  SECTION("by a signal: in version 2 at once, in version 1 when it is thawed") {
    ::kill(spinner.pid(), SIGKILL);
    if (host->backend->freezer() == FreezerKind::kV1) {
      CHECK_FALSE(spinner.HasEnded());
      REQUIRE(group->Freeze(Frozen::kNo).ok());
    }
    CHECK(Until([&] { return spinner.HasEnded(); }));
  }
}

TEST_CASE("a group that was given back frozen is lent thawed", "[cgroup][freeze]") {
  const auto host = With(GENERATE(FreezerKind::kV1, FreezerKind::kV2));
  if (!host) return;
  auto group = std::move(host->backend->Create({.memory_bytes = 64u << 20, .pids_max = 16})).value();
  {
    Spinner spinner(group->tasks_fds());
    REQUIRE(group->Freeze(Frozen::kYes).ok());
    ::kill(spinner.pid(), SIGKILL);
    group.reset();
    REQUIRE(Until([&] { return spinner.HasEnded(); }));
  }
  group = std::move(host->backend->Create({.memory_bytes = 64u << 20, .pids_max = 16})).value();
  CHECK_FALSE(group->IsFrozen().value());
  Spinner next(group->tasks_fds());
  CHECK(Until([&] { return group->CpuUs().value() > 10'000; }));
}

// After kill -9 of a daemon: nobody is left who would thaw its workers.
TEST_CASE("what a dead daemon left frozen by version 1 is let die", "[cgroup][freeze]") {
  const auto host = With(FreezerKind::kV1);
  if (!host) return;
  std::string above;
  for (const CgroupHierarchy& hierarchy : host->paths.hierarchies) {
    if (hierarchy.controllers == std::vector<std::string>{"freezer"}) above = hierarchy.folder;
  }
  REQUIRE_FALSE(above.empty());
  const pid_t dead = ::fork();
  if (dead == 0) ::_exit(0);
  ::waitpid(dead, nullptr, 0);
  const std::string left = above + "/hearth-" + std::to_string(dead);
  REQUIRE(::mkdir(left.c_str(), 0755) == 0);
  REQUIRE(::mkdir((left + "/w1").c_str(), 0755) == 0);
  auto tasks = CgroupFile::Open(left + "/w1/tasks", O_RDWR);
  Spinner spinner({tasks->fd()});
  const auto state = CgroupFile::Open(left + "/w1/freezer.state", O_RDWR);
  REQUIRE(state->Write("FROZEN").ok());
  ::kill(spinner.pid(), SIGKILL);
  CHECK(MakeOwnCgroupFolder(above).ok());
  CHECK(Until([&] { return spinner.HasEnded(); }));
  CHECK(Until([&] { return RemoveCgroupFolder(left); }));
}

}  // namespace
}  // namespace hearth
