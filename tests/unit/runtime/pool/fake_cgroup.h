#pragma once

#include <memory>
#include <string>
#include <vector>

#include "sandbox/cgroup.h"

namespace hearth {

// What a FakeCgroup says, and what was asked of it; outlives it.
struct PlayedCgroup {
  CgroupUsage usage;
  uint64_t oom_kills = 0;
  FreezerKind freezer = FreezerKind::kV2;
  bool stands_still = true;  // once it is frozen
  bool broken = false;
  int looks = 0;        // whether it is frozen
  int usage_reads = 0;  // what it has used
  std::vector<std::string> calls;
};

class FakeCgroup final : public Cgroup {
 public:
  explicit FakeCgroup(PlayedCgroup& played) : played_(played) {}
  std::vector<int> tasks_fds() const override { return {}; }
  Result<CgroupUsage> Usage() override {
    ++played_.usage_reads;
    return played_.usage;
  }
  Result<uint64_t> OomKills() override { return played_.oom_kills; }
  Status ResetPeak() override { return Ok(); }
  Status Freeze(Frozen frozen) override {
    if (played_.broken) return Error{ErrorCode::kIo, "no such cgroup"};
    played_.calls.push_back(frozen == Frozen::kYes ? "freeze" : "thaw");
    return Ok();
  }
  Result<bool> IsFrozen() override {
    ++played_.looks;
    return played_.stands_still;
  }
  FreezerKind freezer() const override { return played_.freezer; }
  Result<uint64_t> CpuUs() override { return played_.usage.cpu_us; }
  Status LimitCpus(double) override { return Ok(); }
  Status Kill() override { return Ok(); }

 private:
  PlayedCgroup& played_;
};

}  // namespace hearth
