#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include <hearth/abi.h>

#include "runtime/worker/setup_frames.h"
#include "sandbox/landlock.h"

namespace hearth {

// What abort() ends a worker with. It is pid 1 of its namespace, which the kernel does not let die of a
// SIGABRT of its own: left alone, abort() would go on to a fault and look like a SIGSEGV. hearthd shows this
// code as "signal: aborted".
inline constexpr int kExitAborted = 134;

// Of every worker, beside stdin, stdout and stderr.
inline constexpr int kWorkerChannel = 3;

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
  std::span<const FileGrant> files;  // besides these nothing is reached
};

uint64_t MonotonicNanoseconds();

// In the child of the zygote's clone: confines itself for good, then runs the handler until told to stop.
[[noreturn]] void RunWorker(const WorkerStart& start, const ZygoteConfigFrame& config,
                            const hearth_function& functions);

}  // namespace hearth
