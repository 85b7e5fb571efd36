#include "runtime/pool/scaling.h"

#include <algorithm>

namespace hearth {

size_t WorkersToStart(const PoolCounts& counts, const PoolLimits& limits) {
  const size_t coming = counts.starting + counts.idle;
  const size_t wanted = counts.waiting > coming ? counts.waiting - coming : 0;
  const size_t alive = counts.idle + counts.busy + counts.starting;
  const size_t room = limits.workers_max > alive ? limits.workers_max - alive : 0;
  return std::min(wanted, room);
}

Admission AdmitWaiter(const PoolCounts& counts, const PoolLimits& limits) {
  return counts.waiting < limits.waiters_max ? Admission::kAdmit : Admission::kThrottleFunction;
}

}  // namespace hearth
