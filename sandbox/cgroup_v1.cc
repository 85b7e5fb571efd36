#include <fcntl.h>
#include <signal.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <charconv>
#include <utility>

#include "runtime/base/files.h"
#include "sandbox/cgroup_backends.h"
#include "sandbox/cgroup_folder.h"

namespace hearth {
namespace {

// cgroup v1, and the "hybrid" of v1 with a v2 that has no controllers: there the v2 freezes. It is ten times
// as fast as v1's freezer, and what it holds can be killed; in v1's it stays until somebody thaws it, also
// when we have been killed. Its groups are *threaded*, because a process of one thread may move itself into
// such a group without waiting for a grace period of the kernel (40 us; into a group of processes 7 ms).

// Groups kept for reuse: making and removing one costs 100 us, and the kernel frees the old ones late.
constexpr size_t kIdleGroupsMax = 16;

// The folders of one group, one a hierarchy, and the files of theirs that are used again and again.
struct Group {
  std::vector<std::string> folders;
  std::vector<CgroupFile> tasks;
  CgroupFile memory_limit, swap_limit, memory_peak, oom_control, pids_limit, cpu_quota, cpu_time, freezer,
      v2_freeze, v2_events;
  std::string memory_folder,
      freeze_folder;              // of oom_control and v2_events, which are opened when they are needed
  bool used = false;              // it has been another worker's
  uint64_t oom_kills_before = 0;  // the kernel's counter cannot be reset
  CgroupLimits limits{};          // as they were written
};

class CgroupV1Backend final : public CgroupBackend {
 public:
  CgroupV1Backend(std::vector<CgroupHierarchy> own, bool has_memory, FreezerKind freezer,
                  Result<CpuSets> cpu_sets, std::string cpu_folder)
      : own_(std::move(own)),
        has_memory_(has_memory),
        freezer_(freezer),
        cpu_folder_(std::move(cpu_folder)),
        cpu_sets_(std::move(cpu_sets)) {}
  ~CgroupV1Backend() override;

  std::string_view name() const override { return "cgroup v1"; }
  bool limits_memory() const override { return has_memory_; }
  FreezerKind freezer() const override { return freezer_; }
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

  void GiveBack(std::unique_ptr<Group> group);

 private:
  Result<std::unique_ptr<Group>> MakeGroup();
  void RemoveWaiting();

  const std::vector<CgroupHierarchy> own_;  // folder: our `hearth-<pid>` in each hierarchy
  const bool has_memory_;
  const FreezerKind freezer_;
  const std::string cpu_folder_;  // "": no sets
  Result<CpuSets> cpu_sets_;
  uint64_t next_number_ = 1;
  std::vector<std::unique_ptr<Group>> idle_;
  std::vector<std::string> to_remove_;  // folders whose last task the kernel has not let go yet
};

class CgroupV1 final : public Cgroup {
 public:
  // `cpu_tasks`: of the set of processors; -1: none.
  CgroupV1(CgroupV1Backend& backend, std::unique_ptr<Group> group, int cpu_tasks)
      : backend_(backend), group_(std::move(group)), cpu_tasks_(cpu_tasks) {}
  ~CgroupV1() override { backend_.GiveBack(std::move(group_)); }

  std::vector<int> tasks_fds() const override;
  Result<CgroupUsage> Usage() override;
  Result<uint64_t> OomKills() override;
  Status ResetPeak() override { return group_->memory_peak.valid() ? group_->memory_peak.Write("0") : Ok(); }
  Status Freeze(Frozen frozen) override;
  Result<bool> IsFrozen() override;
  FreezerKind freezer() const override { return backend_.freezer(); }
  Result<uint64_t> CpuUs() override;
  Status LimitCpus(double cpus) override;
  Status Kill() override;

 private:
  CgroupV1Backend& backend_;
  std::unique_ptr<Group> group_;
  const int cpu_tasks_;
};

Status WriteIfOpen(const CgroupFile& file, uint64_t value) {
  return file.valid() ? file.Write(std::to_string(value)) : Ok();
}

std::string QuotaText(double cpus) { return cpus > 0 ? std::to_string(CpuQuotaUs(cpus)) : "-1"; }

// Memory and swap together may never be below memory: a recycled group is opened wide first.
Status SetMemoryLimit(const Group& group, uint64_t bytes) {
  if (group.used && group.swap_limit.valid()) HEARTH_TRY(group.swap_limit.Write("-1"));
  HEARTH_TRY(WriteIfOpen(group.memory_limit, bytes));
  return WriteIfOpen(group.swap_limit, bytes);
}

// Those that differ: mostly a group was one of the same function.
Status WriteLimits(Group& group, const CgroupLimits& limits) {
  const CgroupLimits had = std::exchange(group.limits, {});
  if (had.memory_bytes != limits.memory_bytes || had.memory_bytes == 0)
    HEARTH_TRY(SetMemoryLimit(group, limits.memory_bytes));
  if (had.pids_max != limits.pids_max || had.pids_max == 0)
    HEARTH_TRY(WriteIfOpen(group.pids_limit, limits.pids_max));
  if (group.cpu_quota.valid() && (had.cpus != limits.cpus || had.memory_bytes == 0)) {
    HEARTH_TRY(group.cpu_quota.Write(QuotaText(limits.cpus)));
  }
  group.limits = limits;
  return Ok();
}

Status OpenOnce(CgroupFile& file, const std::string& path) {
  if (file.valid()) return Ok();
  HEARTH_ASSIGN(file, CgroupFile::Open(path, O_RDONLY));
  return Ok();
}

// Since the folder was made.
Result<uint64_t> CountOomKills(Group& group) {
  if (group.memory_folder.empty()) return uint64_t{0};
  HEARTH_TRY(OpenOnce(group.oom_control, group.memory_folder + "/memory.oom_control"));
  HEARTH_ASSIGN(const std::string text, group.oom_control.Read());
  return NumberOf(text, "oom_kill");
}

Status SetLimits(Group& group, const CgroupLimits& limits) {
  HEARTH_TRY(WriteLimits(group, limits));
  if (!std::exchange(group.used, true)) return Ok();  // all is zero in a new one
  HEARTH_TRY(WriteIfOpen(group.cpu_time, 0));
  HEARTH_TRY(WriteIfOpen(group.memory_peak, 0));
  HEARTH_ASSIGN(group.oom_kills_before, CountOomKills(group));
  return Ok();
}

Status OpenFreezerFiles(Group& group, const std::string& folder) {
  HEARTH_ASSIGN(const auto type, CgroupFile::Open(folder + "/cgroup.type", O_RDWR));
  HEARTH_TRY(type.Write("threaded"));
  HEARTH_ASSIGN(auto threads, CgroupFile::Open(folder + "/cgroup.threads", O_RDWR));
  group.tasks.push_back(std::move(threads));
  HEARTH_ASSIGN(group.v2_freeze, CgroupFile::Open(folder + "/cgroup.freeze", O_RDWR));
  group.freeze_folder = folder;
  return Ok();
}

Status OpenFiles(Group& group, const std::string& folder, const std::vector<std::string>& controllers) {
  if (controllers.empty()) return OpenFreezerFiles(group, folder);
  HEARTH_ASSIGN(auto tasks, CgroupFile::Open(folder + "/tasks", O_RDWR));
  group.tasks.push_back(std::move(tasks));
  for (const std::string& controller : controllers) {
    if (controller == "memory") {
      HEARTH_ASSIGN(group.memory_limit, CgroupFile::Open(folder + "/memory.limit_in_bytes", O_RDWR));
      HEARTH_ASSIGN(group.memory_peak, CgroupFile::Open(folder + "/memory.max_usage_in_bytes", O_RDWR));
      group.memory_folder = folder;
      // Only on kernels that account swap.
      auto swap = CgroupFile::Open(folder + "/memory.memsw.limit_in_bytes", O_RDWR);
      if (swap.ok()) group.swap_limit = std::move(swap).value();
    } else if (controller == "pids") {
      HEARTH_ASSIGN(group.pids_limit, CgroupFile::Open(folder + "/pids.max", O_RDWR));
    } else if (controller == "cpu") {
      HEARTH_ASSIGN(group.cpu_quota, CgroupFile::Open(folder + "/cpu.cfs_quota_us", O_RDWR));
      HEARTH_ASSIGN(auto period, CgroupFile::Open(folder + "/cpu.cfs_period_us", O_RDWR));
      HEARTH_TRY(period.Write(std::to_string(kCpuPeriodUs)));
    } else if (controller == "cpuacct") {
      HEARTH_ASSIGN(group.cpu_time, CgroupFile::Open(folder + "/cpuacct.usage", O_RDWR));
    } else if (controller == "freezer") {
      HEARTH_ASSIGN(group.freezer, CgroupFile::Open(folder + "/freezer.state", O_RDWR));
    }
  }
  return Ok();
}

// The first is the first that a worker joins, and it leaves all of them at once.
bool IsEmpty(const Group& group) {
  const auto text = group.tasks.front().Read();
  return text.ok() && text->empty();
}

CgroupV1Backend::~CgroupV1Backend() {
  idle_.clear();
  for (const CgroupHierarchy& hierarchy : own_) RemoveCgroupFolderSoon(hierarchy.folder);
  if (!cpu_folder_.empty()) RemoveCgroupFolderSoon(cpu_folder_);
}

void CgroupV1Backend::RemoveWaiting() {
  std::erase_if(to_remove_, [](const std::string& folder) { return RemoveCgroupFolder(folder); });
}

Result<std::unique_ptr<Group>> CgroupV1Backend::MakeGroup() {
  auto group = std::make_unique<Group>();
  // Past what an earlier backend of this process left because it was still in use.
  while (PathExists(own_.front().folder + "/w" + std::to_string(next_number_))) ++next_number_;
  const std::string name = "/w" + std::to_string(next_number_++);
  for (const CgroupHierarchy& hierarchy : own_) {
    const std::string folder = hierarchy.folder + name;
    Status made = mkdir(folder.c_str(), 0755) == 0 ? Ok() : Status(ErrnoError("make cgroup " + folder));
    if (made.ok()) {
      group->folders.push_back(folder);
      made = OpenFiles(*group, folder, hierarchy.controllers);
    }
    if (!made.ok()) {
      for (const std::string& done : group->folders) RemoveCgroupFolder(done);
      return made.error();
    }
  }
  return group;
}

Result<std::unique_ptr<Cgroup>> CgroupV1Backend::Create(const CgroupLimits& limits) {
  RemoveWaiting();
  const int cpu_tasks = cpu_sets_.ok() ? cpu_sets_->tasks_fd(cpu_sets_->NearestTo(limits.cpu_set)) : -1;
  std::unique_ptr<Group> group;
  const auto empty =
      std::find_if(idle_.begin(), idle_.end(), [](const auto& idle) { return IsEmpty(*idle); });
  if (empty != idle_.end()) {
    group = std::move(*empty);
    idle_.erase(empty);
  } else {
    HEARTH_ASSIGN(group, MakeGroup());
  }
  HEARTH_TRY(SetLimits(*group, limits));
  return std::unique_ptr<Cgroup>(new CgroupV1(*this, std::move(group), cpu_tasks));
}

void CgroupV1Backend::GiveBack(std::unique_ptr<Group> group) {
  if (group->freezer.valid()) (void)group->freezer.Write("THAWED");
  if (group->v2_freeze.valid()) (void)group->v2_freeze.Write("0");
  if (idle_.size() < kIdleGroupsMax) {
    idle_.push_back(std::move(group));
    return;
  }
  to_remove_.insert(to_remove_.end(), group->folders.begin(), group->folders.end());
  group.reset();
  RemoveWaiting();
}

std::vector<int> CgroupV1::tasks_fds() const {
  std::vector<int> fds;
  for (const CgroupFile& tasks : group_->tasks) fds.push_back(tasks.fd());
  if (cpu_tasks_ >= 0) fds.push_back(cpu_tasks_);
  return fds;
}

Result<CgroupUsage> CgroupV1::Usage() {
  CgroupUsage usage;
  HEARTH_ASSIGN(usage.cpu_us, CpuUs());
  if (!group_->memory_peak.valid()) return usage;
  HEARTH_ASSIGN(usage.memory_peak_bytes, group_->memory_peak.ReadNumber());
  return usage;
}

Result<uint64_t> CgroupV1::OomKills() {
  HEARTH_ASSIGN(const uint64_t kills, CountOomKills(*group_));
  return kills - group_->oom_kills_before;
}

Result<uint64_t> CgroupV1::CpuUs() {
  if (!group_->cpu_time.valid()) return uint64_t{0};
  HEARTH_ASSIGN(const uint64_t nanoseconds, group_->cpu_time.ReadNumber());
  return nanoseconds / 1000;
}

Result<bool> CgroupV1::IsFrozen() {
  if (!group_->freeze_folder.empty()) {
    HEARTH_TRY(OpenOnce(group_->v2_events, group_->freeze_folder + "/cgroup.events"));
    HEARTH_ASSIGN(const std::string text, group_->v2_events.Read());
    return NumberOf(text, "frozen") == 1;
  }
  if (!group_->freezer.valid()) return false;
  HEARTH_ASSIGN(const std::string state, group_->freezer.Read());  // moves FREEZING on to FROZEN, too
  return state == "FROZEN\n";
}

Status CgroupV1::Freeze(Frozen frozen) {
  if (group_->v2_freeze.valid()) return group_->v2_freeze.Write(frozen == Frozen::kYes ? "1" : "0");
  if (!group_->freezer.valid()) return Ok();
  return group_->freezer.Write(frozen == Frozen::kYes ? "FROZEN" : "THAWED");
}

Status CgroupV1::LimitCpus(double cpus) {
  if (!group_->cpu_quota.valid()) return Ok();
  group_->limits.cpus = cpus;
  return group_->cpu_quota.Write(QuotaText(cpus));
}

Status CgroupV1::Kill() {
  HEARTH_ASSIGN(const std::string text, group_->tasks.front().Read());
  for (const char* at = text.data(); at < text.data() + text.size();) {
    pid_t pid = 0;
    const auto [end, failed] = std::from_chars(at, text.data() + text.size(), pid);
    if (failed != std::errc()) break;
    if (pid > 0) (void)kill(pid, SIGKILL);
    at = end + 1;
  }
  return Freeze(Frozen::kNo);  // a task that v1 has frozen does not die
}

// A folder of ours in the v2 beside us; "" where it cannot be had.
std::string MakeThreadedFolder(const std::string& above) {
  if (above.empty()) return {};
  const auto folder = MakeOwnCgroupFolder(above);
  if (!folder.ok()) return {};
  const auto type = CgroupFile::Open(*folder + "/cgroup.type", O_RDWR);
  if (type.ok() && type->Write("threaded").ok() && PathExists(*folder + "/cgroup.freeze")) return *folder;
  RemoveCgroupFolder(*folder);
  return {};
}

constexpr const char* kNoCpuset =
    "the cpuset controller is not mounted, or not ours to write to: run hearthd as root";

// Not a group of each worker's: a set is few and lives long, and what is forked in it stays in it.
Result<CpuSets> OpenCpuSets(const CgroupPaths& paths, std::string& own_folder) {
  for (const CgroupHierarchy& hierarchy : paths.hierarchies) {
    if (hierarchy.controllers != std::vector<std::string>{"cpuset"}) continue;
    HEARTH_ASSIGN(own_folder, MakeOwnCgroupFolder(hierarchy.folder));
    return CpuSets::Open(own_folder, 1, "");
  }
  return Error{ErrorCode::kUnsupported, kNoCpuset};
}

}  // namespace

Result<std::unique_ptr<CgroupBackend>> MakeCgroupV1Backend(const CgroupPaths& paths) {
  std::vector<CgroupHierarchy> own;
  FreezerKind freezer = paths.Has("freezer") ? FreezerKind::kV1 : FreezerKind::kNone;
  if (const std::string folder = MakeThreadedFolder(paths.freeze_folder); !folder.empty()) {
    own.push_back({folder, {}});
    freezer = FreezerKind::kV2;
  }
  for (const CgroupHierarchy& hierarchy : paths.hierarchies) {
    const bool only_freezes = hierarchy.controllers == std::vector<std::string>{"freezer"};
    if (only_freezes && freezer == FreezerKind::kV2) continue;
    if (std::count(hierarchy.controllers.begin(), hierarchy.controllers.end(), "cpuset") > 0) continue;
    auto folder = MakeOwnCgroupFolder(hierarchy.folder);
    if (!folder.ok()) {
      for (const CgroupHierarchy& made : own) RemoveCgroupFolder(made.folder);
      return folder.error();
    }
    own.push_back({std::move(folder).value(), hierarchy.controllers});
  }
  if (own.empty()) return Error{ErrorCode::kUnsupported, "no controller but cpuset is ours to write to"};
  std::string cpu_folder;
  auto cpu_sets = OpenCpuSets(paths, cpu_folder);
  return std::unique_ptr<CgroupBackend>(new CgroupV1Backend(std::move(own), paths.Has("memory"), freezer,
                                                            std::move(cpu_sets), std::move(cpu_folder)));
}

}  // namespace hearth
