#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "runtime/worker/setup_frames.h"
#include "sandbox/landlock.h"

namespace hearth {

class HandlerHost;

// What abort() ends a worker with. It is pid 1 of its namespace, which the kernel does not let die of a
// SIGABRT of its own: left alone, abort() would go on to a fault and look like a SIGSEGV. hearthd shows this
// code as "signal: aborted".
inline constexpr int kExitAborted = 134;

// Of every worker, beside stdin, stdout and stderr.

struct WorkerStart {
  uint64_t worker_id = 0;
  int zygote_channel = -1;  // for a failure before the worker has its own
  int channel = -1;         // to hearthd
  int standard_output = -1;
  int standard_error = -1;
  int tmp_mount = -1;  // a detached tmpfs
  std::vector<int> cgroup_tasks;
  uint64_t asked_at_ns = 0;  // when the zygote was asked, CLOCK_MONOTONIC
  void* robust_list = nullptr;
  size_t robust_list_size = 0;
  int landlock_abi = 0;
  // Besides these nothing is reached: what its zygote put into a ruleset while it had time (-1: none), and the rest.
  int ruleset = -1;
  std::span<const FileGrant> files;
  std::span<const int> inherited;  // what init has opened in the process that this is a copy of, in order
  const TcpAccess& tcp;
};

uint64_t MonotonicNanoseconds();

// In the child of the zygote's clone: confines itself for good, then runs the handler until told to stop. All that is
// alike in all workers the zygote has done: signals are as after exec but for the handler of crashes, limits that do not depend on cgroups are set,
// `host` is made.
[[noreturn]] void RunWorker(const WorkerStart& start, const ZygoteConfigFrame& config, HandlerHost& host);

}  // namespace hearth
