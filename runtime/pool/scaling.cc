#include "runtime/pool/scaling.h"

#include <algorithm>

namespace hearth {

PoolLimits LimitsFor(PoolLimits node, const FunctionScaling& scaling) {
  if (scaling.reserved_concurrency)
    node.workers_max = std::min<size_t>(node.workers_max, *scaling.reserved_concurrency);
  return node;
}

size_t WorkersToStart(const PoolCounts& counts, const PoolLimits& limits) {
  // What starts for a commitment has its init yet to do: it does not count as coming.
  const size_t coming = counts.starting - counts.reserved_starting + counts.idle;
  const size_t wanted = counts.waiting > coming ? counts.waiting - coming : 0;
  const size_t alive = counts.idle + counts.busy + counts.starting;
  const size_t room = limits.workers_max > alive ? limits.workers_max - alive : 0;
  return std::min(wanted, room);
}

Admission AdmitWaiter(const PoolCounts& counts, const PoolLimits& limits) {
  return counts.waiting < limits.waiters_max ? Admission::kAdmit : Admission::kThrottleFunction;
}

Relief RelieveMemory(const MemoryPressure& pressure) {
  if (pressure.keep_alive_idle > 0) return Relief::kEndKeepAlive;
  if (pressure.lent_reserved > 0) return Relief::kReturnLent;
  if (pressure.spot_busy > 0) return Relief::kInterruptSpot;
  return pressure.waiting < pressure.waiters_max ? Relief::kQueue : Relief::kThrottle;
}

}  // namespace hearth
