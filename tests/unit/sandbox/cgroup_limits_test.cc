#include <fcntl.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <string>

#include <catch2/catch.hpp>

#include "runtime/base/files.h"
#include "sandbox/cgroup.h"
#include "sandbox/cgroup_backends.h"
#include "sandbox/cgroup_folder.h"

// What is written for a worker's limits: to this host's version 1, and to folders that look like version 2.

namespace hearth {
namespace {

std::string TextOf(const std::string& path) {
  std::ifstream in(path);
  std::string text;
  std::getline(in, text);
  return text;
}

// Of the hierarchy with that file.
std::string ReadOf(const Cgroup& group, const std::string& file) {
  for (const int fd : group.tasks_fds()) {
    const auto tasks = std::filesystem::read_symlink("/proc/self/fd/" + std::to_string(fd));
    const std::string path = tasks.parent_path().string() + "/" + file;
    if (PathExists(path)) return TextOf(path);
  }
  return "no " + file;
}

TEST_CASE("a group that is used again has the limits of who has it now", "[cgroup]") {
  const CgroupDiscovery found = DiscoverCgroups();
  if (found.backend->name() != "cgroup v1" || !found.backend->limits_memory()) {
    WARN("no memory controller of version 1 that is ours to write to: not tested here");
    return;
  }
  const auto check = [&](const CgroupLimits& limits) {
    const auto group = found.backend->Create(limits);
    REQUIRE(group.ok());
    CHECK(ReadOf(**group, "memory.limit_in_bytes") == std::to_string(limits.memory_bytes));
    if (const std::string swap = ReadOf(**group, "memory.memsw.limit_in_bytes"); !swap.starts_with("no "))
      CHECK(swap == std::to_string(limits.memory_bytes));
    if (const std::string pids = ReadOf(**group, "pids.max"); !pids.starts_with("no "))
      CHECK(pids == std::to_string(limits.pids_max));
    if (const std::string quota = ReadOf(**group, "cpu.cfs_quota_us"); !quota.starts_with("no "))
      CHECK(quota == (limits.cpus > 0 ? std::to_string(CpuQuotaUs(limits.cpus)) : "-1"));
    return ReadOf(**group, "memory.limit_in_bytes");
  };
  const CgroupLimits small{.memory_bytes = 32u << 20, .pids_max = 5, .cpus = 0.5};
  for (const CgroupLimits& each :
       {small, small, CgroupLimits{.memory_bytes = 64u << 20, .pids_max = 5, .cpus = 0.5},
        CgroupLimits{.memory_bytes = 64u << 20, .pids_max = 6, .cpus = 0.5},
        CgroupLimits{.memory_bytes = 64u << 20, .pids_max = 6, .cpus = 0.25},
        CgroupLimits{.memory_bytes = 64u << 20, .pids_max = 6, .cpus = 0}, small}) {
    check(each);
  }
}

TEST_CASE("a group's share of the processors is changed while it is held, and is its next holder's own",
          "[cgroup]") {
  const CgroupDiscovery found = DiscoverCgroups();
  if (found.backend->name() != "cgroup v1") {
    WARN("no controllers of version 1 that are ours to write to: not tested here");
    return;
  }
  const CgroupLimits half{.memory_bytes = 32u << 20, .pids_max = 5, .cpus = 0.5};
  {
    const auto group = found.backend->Create(half);
    REQUIRE(group.ok());
    if (ReadOf(**group, "cpu.cfs_quota_us").starts_with("no ")) return;
    REQUIRE((*group)->LimitCpus(1).ok());
    CHECK(ReadOf(**group, "cpu.cfs_quota_us") == std::to_string(kCpuPeriodUs));
    REQUIRE((*group)->LimitCpus(0).ok());
    CHECK(ReadOf(**group, "cpu.cfs_quota_us") == "-1");
  }
  const auto again = found.backend->Create(half);
  CHECK(ReadOf(**again, "cpu.cfs_quota_us") == std::to_string(kCpuPeriodUs / 2));
}

// Joins the group, then wants more memory than it may have.
void DieOfMemoryIn(const Cgroup& group) {
  const pid_t child = fork();
  REQUIRE(child >= 0);
  if (child == 0) {
    for (const int fd : group.tasks_fds()) (void)!write(fd, "0", 1);
    constexpr size_t kMore = 64u << 20;
    char* const memory =
        static_cast<char*>(mmap(nullptr, kMore, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0));
    for (size_t at = 0; at < kMore; at += 4096) memory[at] = 1;
    _exit(0);
  }
  int status = 0;
  REQUIRE(waitpid(child, &status, 0) == child);
  CHECK(WIFSIGNALED(status));
}

TEST_CASE("a group that is used again has counted nothing yet", "[cgroup]") {
  const CgroupDiscovery found = DiscoverCgroups();
  if (found.backend->name() != "cgroup v1" || !found.backend->limits_memory()) {
    WARN("no memory controller of version 1 that is ours to write to: not tested here");
    return;
  }
  const CgroupLimits limits{.memory_bytes = 16u << 20, .pids_max = 5, .cpus = 1};
  for (int holder = 1; holder <= 3; ++holder) {
    const auto group = found.backend->Create(limits);
    REQUIRE(group.ok());
    CHECK((*group)->OomKills().value() == 0);
    CHECK((*group)->Usage()->cpu_us == 0);
    CHECK((*group)->Usage()->memory_peak_bytes < 8u << 20);
    DieOfMemoryIn(**group);
    CHECK((*group)->OomKills().value() == 1);
    CHECK((*group)->Usage()->cpu_us > 0);
    CHECK((*group)->Usage()->memory_peak_bytes > 12u << 20);
  }
}

// A folder with the files that the kernel makes in a group of version 2.
class FakeGroup final {
 public:
  explicit FakeGroup(std::initializer_list<const char*> files) {
    char name[] = "/tmp/hearth-cgroup2-XXXXXX";
    REQUIRE(mkdtemp(name) != nullptr);
    folder = name;
    for (const char* file : files) std::ofstream(folder + "/" + file) << "";
  }
  ~FakeGroup() { std::filesystem::remove_all(folder); }
  std::string Text(const char* file) const { return TextOf(folder + "/" + file); }
  std::string folder;
};

TEST_CASE("limits as version 2 takes them", "[cgroup]") {
  const CgroupLimits limits{.memory_bytes = 128u << 20, .pids_max = 1024, .cpus = CpusFor(128u << 20)};
  SECTION("all of them") {
    const FakeGroup group({"memory.max", "memory.oom.group", "memory.swap.max", "pids.max", "cpu.max"});
    REQUIRE(WriteCgroupV2Limits(group.folder, limits).ok());
    CHECK(group.Text("memory.max") == "134217728");
    CHECK(group.Text("memory.oom.group") == "1");
    CHECK(group.Text("memory.swap.max") == "0");
    CHECK(group.Text("pids.max") == "1024");
    CHECK(group.Text("cpu.max") == "1447 20000");
  }
  SECTION("a kernel that does not account swap, a function that may use every processor") {
    const FakeGroup group({"memory.max", "memory.oom.group", "pids.max", "cpu.max"});
    REQUIRE(WriteCgroupV2Limits(group.folder, {.memory_bytes = 1u << 20, .pids_max = 1}).ok());
    CHECK(group.Text("memory.max") == "1048576");
    CHECK(group.Text("pids.max") == "1");
    CHECK(group.Text("cpu.max").empty());
  }
  SECTION("a controller that was not delegated is named, and there is no group without its limit") {
    for (const std::string missing : {"memory.max", "memory.oom.group", "pids.max", "cpu.max"}) {
      const FakeGroup group({"memory.max", "memory.oom.group", "pids.max", "cpu.max"});
      std::filesystem::remove(group.folder + "/" + missing);
      const Status written = WriteCgroupV2Limits(group.folder, limits);
      REQUIRE_FALSE(written.ok());
      CHECK_THAT(written.error().message, Catch::Contains(missing));
    }
  }
  SECTION("the least that the kernel takes of a processor") {
    const FakeGroup group({"memory.max", "memory.oom.group", "pids.max", "cpu.max"});
    REQUIRE(WriteCgroupV2Limits(group.folder, {.memory_bytes = 1, .pids_max = 1, .cpus = 0.0001}).ok());
    CHECK(group.Text("cpu.max") == "1000 20000");
  }
}

}  // namespace
}  // namespace hearth
