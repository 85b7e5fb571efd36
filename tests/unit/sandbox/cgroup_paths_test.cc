#include "sandbox/cgroup_paths.h"

#include <catch2/catch.hpp>

#include "sandbox/cgroup.h"
#include "sandbox/cgroup_backends.h"
#include "sandbox/cgroup_folder.h"

namespace hearth {
namespace {

constexpr const char* kHybridMounts =
    "31 23 0:28 / /sys/fs/cgroup rw,relatime - tmpfs tmpfs rw,mode=755\n"
    "32 31 0:29 / /sys/fs/cgroup/cpu,cpuacct rw,relatime shared:9 - cgroup cgroup rw,cpu,cpuacct\n"
    "34 31 0:31 / /sys/fs/cgroup/cpuset rw,relatime - cgroup cgroup rw,cpuset\n"
    "35 31 0:32 / /sys/fs/cgroup/memory rw,relatime - cgroup cgroup rw,memory\n"
    "40 31 0:37 / /sys/fs/cgroup/systemd rw,relatime - cgroup cgroup rw,name=systemd\n"
    "41 31 0:38 / /sys/fs/cgroup/unified rw,relatime - cgroup2 cgroup2 rw\n";
constexpr const char* kHybridOwn =
    "9:name=systemd:/\n5:cpu,cpuacct:/\n4:memory:/system.slice/hearth.service\n3:cpuset:/\n0::/user.slice\n";

TEST_CASE("hierarchies of version 1 are found with this process's own folders", "[cgroup]") {
  const auto hierarchies = ParseCgroupV1(kHybridMounts, kHybridOwn);
  REQUIRE(hierarchies.size() == 3);
  CHECK(hierarchies[0].folder == "/sys/fs/cgroup/cpu,cpuacct");
  CHECK(hierarchies[0].controllers == std::vector<std::string>{"cpu", "cpuacct"});
  CHECK(hierarchies[1].controllers == std::vector<std::string>{"cpuset"});
  CHECK(hierarchies[2].folder == "/sys/fs/cgroup/memory/system.slice/hearth.service");
}

TEST_CASE("a container's part of a hierarchy", "[cgroup]") {
  const auto hierarchies =
      ParseCgroupV1("35 31 0:32 /docker/ab /sys/fs/cgroup/memory ro - cgroup cgroup rw,memory\n",
                    "4:memory:/docker/ab/inner\n");
  REQUIRE(hierarchies.size() == 1);
  CHECK(hierarchies[0].folder == "/sys/fs/cgroup/memory/inner");
}

TEST_CASE("the folder of version 2", "[cgroup]") {
  CHECK(ParseCgroupV2Folder(kHybridMounts, kHybridOwn) == "/sys/fs/cgroup/unified/user.slice");
  CHECK(ParseCgroupV2Folder("", kHybridOwn).empty());
  CHECK(ParseCgroupV2Folder(kHybridMounts, "4:memory:/\n").empty());
}

TEST_CASE("lines that are not such are passed over", "[cgroup]") {
  CHECK(ParseCgroupV1("no dash\n - \n1 2 3 - cgroup\n", "x\n:\n1:memory\n").empty());
}

TEST_CASE("processor time is in proportion to memory", "[cgroup]") {
  CHECK(CpusFor(1769ULL << 20) == 1.0);
  CHECK(CpuQuotaUs(CpusFor(1769ULL << 20)) == kCpuPeriodUs);
  CHECK(CpuQuotaUs(CpusFor(128ULL << 20)) == 1447);
  CHECK(CpuQuotaUs(0.001) == 1000);  // the kernel takes no less
}

TEST_CASE("numbers are read by their key", "[cgroup]") {
  constexpr const char* kText = "oom_kill_disable 0\nunder_oom 0\noom_kill 3";
  CHECK(NumberOf(kText, "oom_kill") == 3);
  CHECK(NumberOf(kText, "under_oom") == 0);
  CHECK(NumberOf(kText, "missing") == 0);
  CHECK(NumberOf("", "oom_kill") == 0);
}

TEST_CASE("without cgroups everything is allowed and nothing counted", "[cgroup]") {
  const auto backend = MakeCgroupNoneBackend();
  CHECK_FALSE(backend->limits_memory());
  const auto group = backend->Create({.memory_bytes = 1, .pids_max = 1, .cpus = 1});
  REQUIRE(group.ok());
  CHECK((*group)->tasks_fds().empty());
  CHECK((*group)->Usage()->cpu_us == 0);
}

}  // namespace
}  // namespace hearth
