#include "runtime/pool/cpu_hosts.h"

#include <dirent.h>
#include <sched.h>

#include <charconv>
#include <memory>
#include <string_view>

namespace hearth {

CpuHosts::CpuHosts(CgroupBackend& cgroups, std::function<void(const CpuList&)> keep_off)
    : keep_off_(std::move(keep_off)), cgroups_(cgroups) {}

Result<CpuPlacement> CpuHosts::Place(const std::vector<Host>& hosts) const {
  HEARTH_ASSIGN(const CpuList all, cgroups_.Cpus());
  std::vector<CpuWish> wanted;
  for (const Host& host : hosts) wanted.push_back({host.cpus, CpusOf(host.id)});
  return PlaceCpus(CoresOf(all), wanted);
}

Status CpuHosts::Check(const std::vector<Host>& hosts) const {
  if (hosts.empty()) return Ok();
  HEARTH_TRY(Place(hosts));
  return Ok();
}

Status CpuHosts::Apply(const std::vector<Host>& hosts) {
  if (hosts.empty() && hosts_.empty()) return Ok();
  HEARTH_ASSIGN(CpuPlacement placement, Place(hosts));
  std::map<std::string, CpuList> made;
  for (size_t i = 0; i < hosts.size(); ++i) made[hosts[i].id] = placement.hosts[i];
  // First everybody off, also what still runs for those whose host ends; then the new tenant in.
  HEARTH_TRY(cgroups_.SetCpus("", placement.shared));
  keep_off_(placement.shared);
  for (const auto& [id, cpus] : hosts_) {
    if (!made.contains(id)) HEARTH_TRY(cgroups_.SetCpus(id, placement.shared));
  }
  for (const auto& [id, cpus] : made) HEARTH_TRY(cgroups_.SetCpus(id, cpus));
  for (const auto& [id, cpus] : std::exchange(hosts_, made)) {
    if (!made.contains(id)) cgroups_.RemoveCpus(id);
  }
  return Ok();
}

CpuList CpuHosts::CpusOf(const std::string& id) const {
  const auto found = hosts_.find(id);
  return found == hosts_.end() ? CpuList() : found->second;
}

void KeepThisProcessOn(const CpuList& cpus) {
  cpu_set_t set;
  CPU_ZERO(&set);
  for (const int cpu : cpus) {
    if (cpu < CPU_SETSIZE) CPU_SET(cpu, &set);
  }
  const std::unique_ptr<DIR, int (*)(DIR*)> tasks(opendir("/proc/self/task"), &closedir);
  if (tasks == nullptr) return;
  while (const dirent* task = readdir(tasks.get())) {
    pid_t thread = 0;
    const std::string_view name(task->d_name);
    if (std::from_chars(name.data(), name.data() + name.size(), thread).ec != std::errc()) continue;
    (void)sched_setaffinity(thread, sizeof set, &set);
  }
}

}  // namespace hearth
