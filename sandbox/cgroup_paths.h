#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace hearth {

// One mounted hierarchy and this process's own folder in it.
struct CgroupHierarchy {
  std::string folder;                    // "/sys/fs/cgroup/memory/system.slice/hearth.service"
  std::vector<std::string> controllers;  // "memory"; several where they are mounted together
};

struct CgroupPaths {
  int version = 0;                           // 1 or 2; 0: nothing usable
  std::vector<CgroupHierarchy> hierarchies;  // writable ones with a controller that we use; one for version 2
  std::string v2_root;                       // where version 2 is mounted, if it is the one used
  // This process's own folder of a version 2 without controllers, mounted beside version 1 ("hybrid"): for
  // freezing. "": none that we may write to.
  std::string freeze_folder;
  std::string report;  // "cgroups: ..."

  bool Has(std::string_view controller) const;
  bool limits_memory_and_pids() const { return Has("memory") && Has("pids"); }
};

// Pure: what the two files of /proc/self say. `own` is /proc/self/cgroup. Paths are not asked whether they
// exist.
std::vector<CgroupHierarchy> ParseCgroupV1(std::string_view mountinfo, std::string_view own);
std::string ParseCgroupV2Folder(std::string_view mountinfo, std::string_view own);  // "" if not mounted
std::string ParseCgroupV2Root(std::string_view mountinfo);

// Of this process, as root or not: controllers whose folder it may write to.
CgroupPaths FindCgroups();

}  // namespace hearth
