#pragma once

#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "runtime/base/result.h"
#include "sandbox/cgroup_folder.h"

namespace hearth {

using CpuList = std::vector<int>;             // ascending
std::string FormatCpus(const CpuList& cpus);  // "0-2,5", as the kernel writes it
Result<CpuList> ParseCpus(std::string_view text);

// Processors that are kept apart: each set is a folder of the cpuset controller below one of ours, and what is
// in it runs on these processors alone. The set "" is everybody's.
//
// Owned by: a cgroup backend. Its folder goes with the backend's.
// Thread:   that of its backend.
class CpuSets final {
 public:
  // `folder` is ours, and there. Version 1 gives it all processors and memory nodes of the folder above it; in
  // version 2 `controllers` are what groups in a set need.
  static Result<CpuSets> Open(std::string folder, int version, std::string controllers);

  const CpuList& all() const { return all_; }  // that may be handed out
  // Makes the set, or changes it: what runs in it moves at once.
  Status Set(const std::string& name, const CpuList& cpus);
  bool Has(const std::string& name) const { return sets_.contains(name); }
  // A set that has ended meanwhile: everybody's.
  std::string NearestTo(const std::string& name) const { return Has(name) ? name : std::string(); }
  std::string FolderOf(const std::string& name) const;
  int tasks_fd(const std::string& name) const { return sets_.at(name).fd(); }  // version 1
  // Once nothing is in it any more the folder goes, now or with one of the next calls.
  void Remove(const std::string& name);

 private:
  CpuSets(std::string folder, int version, std::string controllers)
      : folder_(std::move(folder)), version_(version), controllers_(std::move(controllers)) {}
  Status Make(const std::string& folder) const;

  std::string folder_;
  int version_;
  std::string controllers_;
  CpuList all_;
  std::string mems_;                        // version 1
  std::map<std::string, CgroupFile> sets_;  // its tasks, in version 1
  std::vector<std::string> to_remove_;
};

}  // namespace hearth
