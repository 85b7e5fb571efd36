#include <algorithm>

#include "sandbox/cgroup_backends.h"

namespace hearth {
namespace {

class NoneCgroup final : public Cgroup {
 public:
  std::vector<int> tasks_fds() const override { return {}; }
  Result<CgroupUsage> Usage() override { return CgroupUsage{}; }
  Result<uint64_t> OomKills() override { return uint64_t{0}; }
  Status ResetPeak() override { return Ok(); }
  Status Freeze(Frozen) override { return Ok(); }
  Result<bool> IsFrozen() override { return false; }
  FreezerKind freezer() const override { return FreezerKind::kNone; }
  Result<uint64_t> CpuUs() override { return uint64_t{0}; }
  Status LimitCpus(double) override { return Ok(); }
  Status Kill() override { return Ok(); }
};

class CgroupNoneBackend final : public CgroupBackend {
 public:
  std::string_view name() const override { return "none"; }
  bool limits_memory() const override { return false; }
  FreezerKind freezer() const override { return FreezerKind::kNone; }
  Result<std::unique_ptr<Cgroup>> Create(const CgroupLimits&) override {
    return std::unique_ptr<Cgroup>(new NoneCgroup);
  }
  Result<CpuList> Cpus() const override {
    return Error{ErrorCode::kUnsupported,
                 "this hearthd may not use the cpuset controller: run it as root, with cpuset mounted"};
  }
  Status SetCpus(const std::string&, const CpuList&) override { return Cpus().error(); }
  void RemoveCpus(const std::string&) override {}
};

std::string_view FreezerReport(FreezerKind freezer) {
  switch (freezer) {
    case FreezerKind::kV2:
      return "freezer: ok (v2)";
    case FreezerKind::kV1:
      return "freezer: ok (v1)";
    case FreezerKind::kNone:
      break;
  }
  return "freezer: missing (idle workers are stopped with SIGSTOP instead, which a handler's own timers can "
         "undo; run as root, or mount the freezer or cgroup2)";
}

}  // namespace

double CpusFor(uint64_t memory_bytes) { return static_cast<double>(memory_bytes) / (1769.0 * 1024 * 1024); }

uint64_t CpuQuotaUs(double cpus) {
  return std::max<uint64_t>(1000, static_cast<uint64_t>(cpus * static_cast<double>(kCpuPeriodUs)));
}

std::unique_ptr<CgroupBackend> MakeCgroupNoneBackend() { return std::make_unique<CgroupNoneBackend>(); }

CgroupDiscovery DiscoverCgroups() {
  const CgroupPaths paths = FindCgroups();
  CgroupDiscovery found{nullptr, paths.report, {}};
  if (paths.version != 0) {
    auto backend = paths.version == 1 ? MakeCgroupV1Backend(paths) : MakeCgroupV2Backend(paths);
    if (backend.ok()) {
      found.backend = std::move(backend).value();
      found.freezer_report = FreezerReport(found.backend->freezer());
      return found;
    }
    found.report = "cgroups: missing (" + backend.error().message + ")";
  }
  found.backend = MakeCgroupNoneBackend();
  found.freezer_report = FreezerReport(FreezerKind::kNone);
  return found;
}

}  // namespace hearth
