#include <algorithm>

#include "sandbox/cgroup_backends.h"

namespace hearth {
namespace {

class NoneCgroup final : public Cgroup {
 public:
  std::vector<int> tasks_fds() const override { return {}; }
  Result<CgroupUsage> Usage() override { return CgroupUsage{}; }
  Status ResetPeak() override { return Ok(); }
  Status Freeze(Frozen) override { return Ok(); }
  Status Kill() override { return Ok(); }
};

class CgroupNoneBackend final : public CgroupBackend {
 public:
  std::string_view name() const override { return "none"; }
  bool limits_memory() const override { return false; }
  Result<std::unique_ptr<Cgroup>> Create(const CgroupLimits&) override {
    return std::unique_ptr<Cgroup>(new NoneCgroup);
  }
};

}  // namespace

double CpusFor(uint64_t memory_bytes) { return static_cast<double>(memory_bytes) / (1769.0 * 1024 * 1024); }

uint64_t CpuQuotaUs(double cpus) {
  return std::max<uint64_t>(1000, static_cast<uint64_t>(cpus * static_cast<double>(kCpuPeriodUs)));
}

std::unique_ptr<CgroupBackend> MakeCgroupNoneBackend() { return std::make_unique<CgroupNoneBackend>(); }

CgroupDiscovery DiscoverCgroups() {
  const CgroupPaths paths = FindCgroups();
  CgroupDiscovery found{nullptr, paths.report};
  if (paths.version != 0) {
    auto backend = paths.version == 1 ? MakeCgroupV1Backend(paths) : MakeCgroupV2Backend(paths);
    if (backend.ok()) {
      found.backend = std::move(backend).value();
      return found;
    }
    found.report = "cgroups: missing (" + backend.error().message + ")";
  }
  found.backend = MakeCgroupNoneBackend();
  return found;
}

}  // namespace hearth
