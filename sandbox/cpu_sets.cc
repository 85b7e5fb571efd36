#include "sandbox/cpu_sets.h"

#include <fcntl.h>
#include <sys/stat.h>

#include <cerrno>
#include <charconv>

#include "runtime/base/files.h"

namespace hearth {
namespace {

constexpr int kCpusMax = 8'192;  // the kernel's NR_CPUS on x86-64

Status WriteFile(const std::string& path, const std::string& text) {
  HEARTH_ASSIGN(const CgroupFile file, CgroupFile::Open(path, O_WRONLY));
  return file.Write(text);
}

std::string Above(const std::string& folder) { return folder.substr(0, folder.rfind('/')); }

std::string Trimmed(std::string text) {
  while (!text.empty() && (text.back() == '\n' || text.back() == ' ')) text.pop_back();
  return text;
}

}  // namespace

std::string FormatCpus(const CpuList& cpus) {
  std::string text;
  for (size_t first = 0; first < cpus.size();) {
    size_t last = first;
    while (last + 1 < cpus.size() && cpus[last + 1] == cpus[last] + 1) ++last;
    if (!text.empty()) text += ',';
    text += std::to_string(cpus[first]);
    if (last > first) text += '-' + std::to_string(cpus[last]);
    first = last + 1;
  }
  return text;
}

Result<CpuList> ParseCpus(std::string_view text) {
  const Error malformed{ErrorCode::kCorrupt, "not a list of processors: " + std::string(text)};
  CpuList cpus;
  const char* at = text.data();
  const char* const end = text.data() + text.size();
  while (at < end && *at != '\n') {
    int first = 0;
    auto [next, failed] = std::from_chars(at, end, first);
    if (failed != std::errc()) return malformed;
    int last = first;
    if (next < end && *next == '-') {
      const auto range = std::from_chars(next + 1, end, last);
      if (range.ec != std::errc()) return malformed;
      next = range.ptr;
    }
    if (first < 0 || last < first || last >= kCpusMax || (!cpus.empty() && first <= cpus.back()))
      return malformed;
    for (int cpu = first; cpu <= last; ++cpu) cpus.push_back(cpu);
    if (next < end && *next != ',' && *next != '\n') return malformed;
    at = next < end && *next == ',' ? next + 1 : next;
  }
  return cpus;
}

Result<CpuSets> CpuSets::Open(std::string folder, int version, std::string controllers) {
  CpuSets sets(std::move(folder), version, std::move(controllers));
  if (version == 1) {
    const std::string above = Above(sets.folder_);
    HEARTH_ASSIGN(const std::string cpus, ReadFile(above + "/cpuset.effective_cpus"));
    HEARTH_ASSIGN(const std::string mems, ReadFile(above + "/cpuset.effective_mems"));
    sets.mems_ = Trimmed(mems);
    HEARTH_ASSIGN(sets.all_, ParseCpus(cpus));
    HEARTH_TRY(WriteFile(sets.folder_ + "/cpuset.cpus", FormatCpus(sets.all_)));
    HEARTH_TRY(WriteFile(sets.folder_ + "/cpuset.mems", sets.mems_));
  } else {
    HEARTH_ASSIGN(const std::string cpus, ReadFile(sets.folder_ + "/cpuset.cpus.effective"));
    HEARTH_ASSIGN(sets.all_, ParseCpus(cpus));
  }
  if (sets.all_.empty()) return Error{ErrorCode::kUnsupported, "no processor in " + sets.folder_};
  HEARTH_TRY(sets.Set("", sets.all_));
  return sets;
}

std::string CpuSets::FolderOf(const std::string& name) const {
  return folder_ + (name.empty() ? "/shared" : "/" + name);
}

Status CpuSets::Make(const std::string& folder) const {
  if (mkdir(folder.c_str(), 0755) != 0 && errno != EEXIST) return ErrnoError("make cgroup " + folder);
  if (version_ == 1) return WriteFile(folder + "/cpuset.mems", mems_);
  return WriteFile(folder + "/cgroup.subtree_control", controllers_);
}

Status CpuSets::Set(const std::string& name, const CpuList& cpus) {
  std::erase_if(to_remove_, [](const std::string& folder) { return RemoveCgroupFolder(folder); });
  if (cpus.empty()) return Error{ErrorCode::kInvalidArgument, "a set of no processors"};
  const std::string folder = FolderOf(name);
  std::erase(to_remove_, folder);
  if (!Has(name)) HEARTH_TRY(Make(folder));
  HEARTH_TRY(WriteFile(folder + "/cpuset.cpus", FormatCpus(cpus)));
  if (Has(name)) return Ok();
  CgroupFile tasks;
  if (version_ == 1) {
    HEARTH_ASSIGN(tasks, CgroupFile::Open(folder + "/tasks", O_RDWR));
  }
  sets_[name] = std::move(tasks);
  return Ok();
}

void CpuSets::Remove(const std::string& name) {
  if (sets_.erase(name) == 0) return;
  to_remove_.push_back(FolderOf(name));
  std::erase_if(to_remove_, [](const std::string& folder) { return RemoveCgroupFolder(folder); });
}

}  // namespace hearth
