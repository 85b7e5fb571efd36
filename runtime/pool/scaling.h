#pragma once

#include <cstddef>

#include "runtime/base/units.h"

// Decisions of the warm pool, as pure functions of values: how many workers to start, and which to let go.

namespace hearth {

struct PoolLimits {
  size_t workers_max = 1000;   // idle + busy + starting
  size_t waiters_max = 1000;   // events that wait for a worker; one more is throttled
  seconds idle_time_out{600};  // an idle worker goes after this
};

struct PoolCounts {
  size_t idle = 0;
  size_t busy = 0;
  size_t starting = 0;
  size_t waiting = 0;
};

// Workers to start now: one for each waiter that no starting or idle worker is for, within the limit.
size_t WorkersToStart(const PoolCounts& counts, const PoolLimits& limits);

enum class Admission { kAdmit, kThrottleFunction };
// May one more event wait?
Admission AdmitWaiter(const PoolCounts& counts, const PoolLimits& limits);

}  // namespace hearth
