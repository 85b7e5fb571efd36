#include "sandbox/cpu_sets.h"

#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <catch2/catch.hpp>

#include "runtime/base/files.h"
#include "sandbox/cgroup_backends.h"

namespace hearth {
namespace {

TEST_CASE("lists of processors are written and read as the kernel does", "[cpus]") {
  CHECK(FormatCpus({}).empty());
  CHECK(FormatCpus({0}) == "0");
  CHECK(FormatCpus({0, 1, 2, 5, 7, 8}) == "0-2,5,7-8");
  CHECK(ParseCpus("0-2,5,7-8\n").value() == CpuList{0, 1, 2, 5, 7, 8});
  CHECK(ParseCpus("").value().empty());
  CHECK(ParseCpus("\n").value().empty());
  CHECK(ParseCpus("8191").value() == CpuList{8191});
  for (const char* malformed : {"x", "0-", "3-1", "1,1", "1;2", "8192", "-1", "1,,2"}) {
    INFO(malformed);
    CHECK_FALSE(ParseCpus(malformed).ok());
  }
}

// A tree of plain files where cgroup v2 would be: what is written where, without the kernel's say.
class FakeTree {
 public:
  FakeTree() {
    char scratch[] = "/tmp/hearth-cpusets-XXXXXX";
    root = ::mkdtemp(scratch);
    Put("cpuset.cpus.effective", "0-3\n");
    for (const char* set : {"shared", "ded-1"}) {
      REQUIRE(MakeFolders(root + "/" + set).ok());
      Put(std::string(set) + "/cpuset.cpus", "");
      Put(std::string(set) + "/cgroup.subtree_control", "");
    }
  }
  ~FakeTree() { (void)RemoveTree(root); }
  void Put(const std::string& file, const std::string& text) {
    REQUIRE(WriteFileAtomically(root + "/" + file, text).ok());
  }
  // Files here, unlike the kernel's, keep what was longer behind what is written over it.
  std::string Get(const std::string& file) { return ReadFile(root + "/" + file).value(); }
  std::string root;
};

TEST_CASE("version 2: a folder a set, with controllers for the groups below it", "[cpus]") {
  FakeTree tree;
  auto sets = CpuSets::Open(tree.root, 2, "+memory +cpuset");
  REQUIRE(sets.ok());
  CHECK(sets->all() == CpuList{0, 1, 2, 3});
  CHECK(tree.Get("shared/cpuset.cpus") == "0-3");
  CHECK(tree.Get("shared/cgroup.subtree_control") == "+memory +cpuset");
  CHECK(sets->Has(""));
  CHECK_FALSE(sets->Has("ded-1"));
  REQUIRE(sets->Set("", {0, 1, 2}).ok());
  REQUIRE(sets->Set("ded-1", {3}).ok());
  CHECK(tree.Get("shared/cpuset.cpus") == "0-2");
  CHECK(tree.Get("ded-1/cpuset.cpus") == "3");
  CHECK(tree.Get("ded-1/cgroup.subtree_control") == "+memory +cpuset");
  CHECK(sets->FolderOf("ded-1") == tree.root + "/ded-1");
  sets->Remove("ded-1");
  CHECK_FALSE(sets->Has("ded-1"));
  CHECK(sets->NearestTo("ded-1").empty());
  CHECK_FALSE(sets->Set("ded-2", {}).ok());
}

TEST_CASE("version 2: without the controller there are no sets", "[cpus]") {
  char scratch[] = "/tmp/hearth-cpusets-XXXXXX";
  const std::string root = ::mkdtemp(scratch);
  CHECK_FALSE(CpuSets::Open(root, 2, "").ok());
  REQUIRE(RemoveTree(root).ok());
}

std::string CpusAllowed(pid_t pid) {
  const std::string status = ReadFile("/proc/" + std::to_string(pid) + "/status").value();
  const std::string key = "Cpus_allowed_list:\t";
  const size_t at = status.find(key) + key.size();
  return status.substr(at, status.find('\n', at) - at);
}

// Goal: the kernel holds whoever is in a set to it, at once, and lets them go again.
TEST_CASE("version 1, as the kernel sees it", "[cpus][cgroup]") {
  const CgroupPaths paths = FindCgroups();
  const auto backend = paths.version == 1
                           ? MakeCgroupV1Backend(paths)
                           : Result<std::unique_ptr<CgroupBackend>>(Error{ErrorCode::kUnsupported, ""});
  const auto cpus = backend.ok() ? (*backend)->Cpus() : Result<CpuList>(backend.error());
  if (!cpus.ok() || cpus->size() < 2) {
    WARN("needs root, cgroup v1 with cpuset, and two processors");
    return;
  }
  const CpuList first = {cpus->front()}, second = {cpus->back()};
  REQUIRE((*backend)->SetCpus("ded-1", second).ok());
  auto tenant =
      std::move((*backend)->Create({.memory_bytes = 64u << 20, .pids_max = 8, .cpu_set = "ded-1"})).value();
  auto stranger = std::move((*backend)->Create({.memory_bytes = 64u << 20, .pids_max = 8})).value();
  pid_t pids[2];
  for (int i = 0; i < 2; ++i) {
    int ready[2];
    REQUIRE(::pipe2(ready, O_CLOEXEC) == 0);
    pids[i] = ::fork();
    REQUIRE(pids[i] >= 0);
    if (pids[i] == 0) {
      ::prctl(PR_SET_PDEATHSIG, SIGKILL);
      for (const int fd : (i == 0 ? tenant : stranger)->tasks_fds()) {
        if (::write(fd, "0", 1) != 1) ::_exit(1);
      }
      (void)!::write(ready[1], "r", 1);
      for (;;) ::pause();
    }
    char byte;
    ::close(ready[1]);
    REQUIRE(::read(ready[0], &byte, 1) == 1);
    ::close(ready[0]);
  }
  CHECK(CpusAllowed(pids[0]) == FormatCpus(second));
  CHECK(CpusAllowed(pids[1]) == FormatCpus(*cpus));
  REQUIRE((*backend)->SetCpus("", first).ok());
  CHECK(CpusAllowed(pids[1]) == FormatCpus(first));
  REQUIRE((*backend)->SetCpus("", *cpus).ok());
  CHECK(CpusAllowed(pids[1]) == FormatCpus(*cpus));
  CHECK((*backend)->Create({.memory_bytes = 64u << 20, .pids_max = 8, .cpu_set = "ded-2"}).ok());
  for (const pid_t pid : pids) {
    ::kill(pid, SIGKILL);
    ::waitpid(pid, nullptr, 0);
  }
  (*backend)->RemoveCpus("ded-1");
}

}  // namespace
}  // namespace hearth
