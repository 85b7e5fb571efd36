#pragma once

#include <cstdint>
#include <initializer_list>
#include <span>

#include "sandbox/steps.h"

namespace hearth {

// Resource limits of a process, by setrlimit. Where a hard limit is lower already, it stays. 0: leave alone.
struct ProcessLimits {
  uint64_t open_files = 0;
  uint64_t file_bytes = 0;  // of one file
  uint64_t data_bytes = 0;  // private memory: for where there is no memory cgroup
  uint64_t processes = 0;   // threads too: for where there is no pids cgroup
  uint64_t cpu_seconds = 0;
};
// And always: no core files, no locked memory to speak of, no message queues, no real-time priority.
Status ApplyLimits(const ProcessLimits& limits);

// Every capability is taken out of the bounding set, so that no later exec brings one back. Needs
// CAP_SETPCAP. But those `kept`, for who execs with them.
Status DropBoundingSet(std::initializer_list<int> kept = {});
// uid and gid, real, effective and saved; no supplementary groups. Before KeepCapabilities(), after
// DropBoundingSet().
Status BecomeUser(uint32_t uid);
// Keeps the named capabilities (CAP_...) and gives up all others.
int KeepCapabilities(std::initializer_list<int> kept);
int SetNoNewPrivileges();
// Nobody may trace or inspect this process, nor will it dump core.
int SetNotDumpable();
// Default action for each signal, none blocked.
void ResetSignals();
// The descriptors named become 3, 4, 5 … in this order, not close-on-exec; 0 to 2 stay; whatever else is open
// is closed, but for `left_alone`: in order, each above those.
int KeepDescriptors(std::span<const int> fds, std::span<const int> left_alone = {});

}  // namespace hearth
