#pragma once

#include <map>
#include <memory>
#include <string>
#include <vector>

#include "sandbox/cgroup.h"

namespace hearth {

// Processors far beyond those of this machine, each a core of its own, and the sets that they were put into.
class FakeCpus final : public CgroupBackend {
 public:
  std::string_view name() const override { return "fake"; }
  bool limits_memory() const override { return true; }
  FreezerKind freezer() const override { return FreezerKind::kNone; }
  Result<std::unique_ptr<Cgroup>> Create(const CgroupLimits&) override {
    return Error{ErrorCode::kUnsupported, "not asked for here"};
  }
  Result<CpuList> Cpus() const override {
    if (none) return Error{ErrorCode::kUnsupported, "no cpuset"};
    return cpus;
  }
  Status SetCpus(const std::string& set, const CpuList& its) override {
    sets[set] = its;
    order.push_back(set);
    return Ok();
  }
  void RemoveCpus(const std::string& set) override {
    left_behind[set] = sets[set];
    sets.erase(set);
  }

  bool none = false;
  CpuList cpus = {1000, 1001, 1002, 1003};
  std::map<std::string, CpuList> sets;
  std::map<std::string, CpuList> left_behind;  // sets that were removed, as they were
  std::vector<std::string> order;
};

}  // namespace hearth
