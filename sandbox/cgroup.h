#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "runtime/base/result.h"
#include "sandbox/cpu_sets.h"

// Hard limits and true usage of one worker: what it may take of the host, and what it took, by the kernel's
// own count.
//
// A worker joins its group itself, before any of the author's code runs in it, by writing "0" to files that
// are passed to it: the kernel asks who opened them, not who writes. Measured: 30 to 80 us through the
// `tasks` files of version 1; 7 ms (a grace period of the kernel) through `cgroup.procs` of version 2, which
// a spare worker hides. It is the worker that waits, never hearthd or the launcher.

namespace hearth {

struct CgroupLimits {
  uint64_t memory_bytes = 0;  // memory and swap together; the page cache and /tmp of the worker count
  uint32_t pids_max = 0;      // threads
  double cpus = 0;            // 0: no limit
  std::string cpu_set{};      // processors of which set (SetCpus); "": everybody's
};

// As AWS Lambda: a whole processor at 1,769 MiB, in proportion below and above.
double CpusFor(uint64_t memory_bytes);

// Since the group was made or recycled.
struct CgroupUsage {
  uint64_t cpu_us = 0;
  uint64_t memory_peak_bytes = 0;  // since the last ResetPeak()
};

enum class Frozen { kNo, kYes };

// What stops all threads of a group at once, if anything does.
enum class FreezerKind { kNone, kV1, kV2 };

// One worker's group. Owned by whoever holds the worker; give it back by destroying it, once the worker has
// exited (its folder is recycled, or removed when the kernel lets it go).
// Thread:  made and given back on that of its backend; in between one at a time, any.
class Cgroup {
 public:
  virtual ~Cgroup() = default;
  // To be sent with ForkWorker; stay open as long as the group. Empty where there are no limits to give.
  virtual std::vector<int> tasks_fds() const = 0;
  // Two reads: it is asked after every invocation.
  virtual Result<CgroupUsage> Usage() = 0;
  // Processes that the kernel ended for want of memory, since the group was made or recycled.
  virtual Result<uint64_t> OomKills() = 0;
  // Between two invocations of one worker.
  virtual Status ResetPeak() = 0;
  // Returns at once; what runs on another processor at that moment stops some microseconds later, and what
  // sleeps in the kernel uninterruptibly when it wakes: IsFrozen() tells. Does nothing without a freezer.
  virtual Status Freeze(Frozen frozen) = 0;
  virtual Result<bool> IsFrozen() = 0;
  virtual FreezerKind freezer() const = 0;
  // Processor time alone, since the group was made or recycled: one read.
  virtual Result<uint64_t> CpuUs() = 0;
  // In place of what it was made with; 0: no limit.
  virtual Status LimitCpus(double cpus) = 0;
  // SIGKILL to all that is in the group, frozen or not.
  virtual Status Kill() = 0;
};

// Makes groups. Owned by main, outlives every group; its destructor removes what it made.
// Thread: one (the loop's). Every call is a few reads and writes of cgroupfs: 5 to 200 us.
class CgroupBackend {
 public:
  virtual ~CgroupBackend() = default;
  virtual std::string_view name() const = 0;  // "cgroup v1", "cgroup v2", "none"
  virtual bool limits_memory() const = 0;     // no: MakeSandboxFrame::has_memory_cgroup = 0
  virtual FreezerKind freezer() const = 0;    // of its groups
  virtual Result<std::unique_ptr<Cgroup>> Create(const CgroupLimits& limits) = 0;
  // Processors that can be kept apart; kUnsupported says why there are none.
  virtual Result<CpuList> Cpus() const = 0;
  // Makes a set, or changes it: what runs in it moves at once. "" is everybody's, all of them at first.
  virtual Status SetCpus(const std::string& set, const CpuList& cpus) = 0;
  // What is still in it stays there until it ends.
  virtual void RemoveCpus(const std::string& set) = 0;
};

struct CgroupDiscovery {
  std::unique_ptr<CgroupBackend> backend;  // never null: without any controller it is CgroupNoneBackend
  std::string report;                      // "cgroups: v1 memory, pids, cpu (…)", or why not and what to do
  std::string freezer_report;              // "freezer: v2", or the same
};

// Finds the controllers that this process may use, makes a folder `hearth-<pid>` of our own below this
// process's cgroup in each hierarchy, and removes the folders of daemons that are dead (what a freezer of
// version 1 still holds in them is thawed, and dies).
CgroupDiscovery DiscoverCgroups();

// Limits nothing, counts nothing; Usage() is zeros, Kill() and Freeze() do nothing.
std::unique_ptr<CgroupBackend> MakeCgroupNoneBackend();

}  // namespace hearth
