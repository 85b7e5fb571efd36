#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>

#include "sandbox/cgroup_backends.h"
#include "sandbox/cgroup_folder.h"

// cgroup v2. Written to the kernel's documentation; the machines it was developed on have no v2 controllers,
// so that only what does not need them has been run.

namespace hearth {
namespace {

class CgroupV2Backend final : public CgroupBackend {
 public:
  CgroupV2Backend(std::string folder, Result<CpuSets> cpu_sets)
      : folder_(std::move(folder)), cpu_sets_(std::move(cpu_sets)) {}
  ~CgroupV2Backend() override { RemoveCgroupFolderSoon(folder_); }
  std::string_view name() const override { return "cgroup v2"; }
  bool limits_memory() const override { return true; }
  FreezerKind freezer() const override { return FreezerKind::kV2; }
  Result<std::unique_ptr<Cgroup>> Create(const CgroupLimits& limits) override;
  Result<CpuList> Cpus() const override {
    return cpu_sets_.ok() ? Result<CpuList>(cpu_sets_->all()) : Result<CpuList>(cpu_sets_.error());
  }
  Status SetCpus(const std::string& set, const CpuList& cpus) override {
    return cpu_sets_.ok() ? cpu_sets_->Set(set, cpus) : Status(cpu_sets_.error());
  }
  void RemoveCpus(const std::string& set) override {
    if (cpu_sets_.ok()) cpu_sets_->Remove(set);
  }
  void Remove(std::string folder) {
    to_remove_.push_back(std::move(folder));
    std::erase_if(to_remove_, [](const std::string& each) { return RemoveCgroupFolder(each); });
  }

 private:
  const std::string folder_;
  Result<CpuSets> cpu_sets_;
  uint64_t next_number_ = 1;
  std::vector<std::string> to_remove_;
};

Status WriteFile(const std::string& path, const std::string& text) {
  HEARTH_ASSIGN(const CgroupFile file, CgroupFile::Open(path, O_WRONLY));
  return file.Write(text);
}

std::string CpuMax(double cpus) {
  return (cpus > 0 ? std::to_string(CpuQuotaUs(cpus)) : "max") + " " + std::to_string(kCpuPeriodUs);
}

class CgroupV2 final : public Cgroup {
 public:
  struct Files {
    CgroupFile procs, freeze, events, cpu, memory_events,
        memory_peak;  // kept open: a write or read costs 2 us, with open() 10
  };
  CgroupV2(CgroupV2Backend& backend, std::string folder, Files files)
      : backend_(backend), folder_(std::move(folder)), files_(std::move(files)) {}
  ~CgroupV2() override { backend_.Remove(folder_); }

  std::vector<int> tasks_fds() const override { return {files_.procs.fd()}; }
  Result<CgroupUsage> Usage() override;
  Result<uint64_t> OomKills() override;
  // Since Linux 6.12 per open file only; before, the peak is that of the worker's life.
  Status ResetPeak() override { return Ok(); }
  Status Freeze(Frozen frozen) override { return files_.freeze.Write(frozen == Frozen::kYes ? "1" : "0"); }
  Result<bool> IsFrozen() override {
    HEARTH_ASSIGN(const std::string text, files_.events.Read());
    return NumberOf(text, "frozen") == 1;
  }
  FreezerKind freezer() const override { return FreezerKind::kV2; }
  Result<uint64_t> CpuUs() override {
    HEARTH_ASSIGN(const std::string text, files_.cpu.Read());
    return NumberOf(text, "usage_usec");
  }
  Status LimitCpus(double cpus) override { return WriteFile(folder_ + "/cpu.max", CpuMax(cpus)); }
  Status Kill() override { return WriteFile(folder_ + "/cgroup.kill", "1"); }

 private:
  CgroupV2Backend& backend_;
  const std::string folder_;
  const Files files_;
};

Result<CgroupUsage> CgroupV2::Usage() {
  CgroupUsage usage;
  HEARTH_ASSIGN(usage.cpu_us, CpuUs());
  if (!files_.memory_peak.valid()) return usage;
  HEARTH_ASSIGN(usage.memory_peak_bytes, files_.memory_peak.ReadNumber());
  return usage;
}

Result<uint64_t> CgroupV2::OomKills() {
  if (!files_.memory_events.valid()) return uint64_t{0};
  HEARTH_ASSIGN(const std::string text, files_.memory_events.Read());
  return NumberOf(text, "oom_kill");
}

Result<CgroupV2::Files> OpenFiles(const std::string& folder) {
  CgroupV2::Files files;
  HEARTH_ASSIGN(files.procs, CgroupFile::Open(folder + "/cgroup.procs", O_RDWR));
  HEARTH_ASSIGN(files.freeze, CgroupFile::Open(folder + "/cgroup.freeze", O_RDWR));
  HEARTH_ASSIGN(files.events, CgroupFile::Open(folder + "/cgroup.events", O_RDONLY));
  HEARTH_ASSIGN(files.cpu, CgroupFile::Open(folder + "/cpu.stat", O_RDONLY));
  // Not there without the controller; the peak since Linux 5.19.
  if (auto file = CgroupFile::Open(folder + "/memory.events", O_RDONLY); file.ok()) {
    files.memory_events = std::move(file).value();
  }
  if (auto file = CgroupFile::Open(folder + "/memory.peak", O_RDONLY); file.ok()) {
    files.memory_peak = std::move(file).value();
  }
  return files;
}

Result<std::unique_ptr<Cgroup>> CgroupV2Backend::Create(const CgroupLimits& limits) {
  // Groups of a set lie below it, and cannot get more than it has.
  const std::string above =
      cpu_sets_.ok() ? cpu_sets_->FolderOf(cpu_sets_->NearestTo(limits.cpu_set)) : folder_;
  const std::string folder = above + "/w" + std::to_string(next_number_++);
  if (mkdir(folder.c_str(), 0755) != 0) return ErrnoError("make cgroup " + folder);
  const Status limited = WriteCgroupV2Limits(folder, limits);
  auto files = limited.ok() ? OpenFiles(folder) : Result<CgroupV2::Files>(limited.error());
  if (!files.ok()) {
    RemoveCgroupFolder(folder);
    return files.error();
  }
  return std::unique_ptr<Cgroup>(new CgroupV2(*this, folder, std::move(files).value()));
}

constexpr const char* kControllers = "+memory +pids +cpu";

// Not everybody is delegated cpuset: without it there are no sets, and no dedicated processors.
Result<CpuSets> OpenCpuSets(const std::string& above, const std::string& own) {
  HEARTH_TRY(WriteFile(above + "/cgroup.subtree_control", "+cpuset"));
  HEARTH_TRY(WriteFile(own + "/cgroup.subtree_control", "+cpuset"));
  return CpuSets::Open(own, 2, std::string(kControllers) + " +cpuset");
}

// A group with controllers for its children may hold no process itself. One that was delegated to us alone (a
// unit of systemd's with Delegate=) becomes such by our moving to a leaf of our own.
Status MoveToLeaf(const std::string& folder) {
  const std::string leaf = folder + "/supervisor";
  if (mkdir(leaf.c_str(), 0755) != 0 && errno != EEXIST) return ErrnoError("make cgroup " + leaf);
  return WriteFile(leaf + "/cgroup.procs", "0");
}

bool HoldsOnlyThisProcess(const std::string& folder) {
  const auto procs = CgroupFile::Open(folder + "/cgroup.procs", O_RDONLY);
  const auto text = procs.ok() ? procs->Read() : Result<std::string>(procs.error());
  return text.ok() && *text == std::to_string(getpid()) + "\n";
}

}  // namespace

Status WriteCgroupV2Limits(const std::string& folder, const CgroupLimits& limits) {
  HEARTH_TRY(WriteFile(folder + "/memory.max", std::to_string(limits.memory_bytes)));
  HEARTH_TRY(WriteFile(folder + "/memory.oom.group", "1"));
  HEARTH_TRY(WriteFile(folder + "/pids.max", std::to_string(limits.pids_max)));
  (void)WriteFile(folder + "/memory.swap.max", "0");  // not there without swap accounting
  if (limits.cpus <= 0) return Ok();
  return WriteFile(folder + "/cpu.max", CpuMax(limits.cpus));
}

Result<std::unique_ptr<CgroupBackend>> MakeCgroupV2Backend(const CgroupPaths& paths) {
  // In a shell's or a session's group there are others, who stay: then below the root of the hierarchy, where
  // the rule does not hold, if we may write there.
  std::string above = paths.hierarchies.front().folder;
  if (above != paths.v2_root && HoldsOnlyThisProcess(above)) {
    HEARTH_TRY(MoveToLeaf(above));
  } else {
    above = paths.v2_root;
  }
  HEARTH_TRY(WriteFile(above + "/cgroup.subtree_control", kControllers));
  HEARTH_ASSIGN(const std::string own, MakeOwnCgroupFolder(above));
  const Status enabled = WriteFile(own + "/cgroup.subtree_control", kControllers);
  if (!enabled.ok()) {
    RemoveCgroupFolder(own);
    return enabled.error();
  }
  auto cpu_sets = OpenCpuSets(above, own);
  return std::unique_ptr<CgroupBackend>(new CgroupV2Backend(own, std::move(cpu_sets)));
}

}  // namespace hearth
