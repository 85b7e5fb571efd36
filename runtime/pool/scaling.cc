#include "runtime/pool/scaling.h"

#include <algorithm>

namespace hearth {

PoolLimits LimitsFor(PoolLimits node, const FunctionScaling& scaling) {
  if (scaling.reserved_concurrency)
    node.workers_max = std::min<size_t>(node.workers_max, *scaling.reserved_concurrency);
  if (scaling.idle_time_out) node.idle_time_out = *scaling.idle_time_out;
  node.workers_min = scaling.workers_min;
  node.workers_spare = scaling.workers_spare;
  return node;
}

size_t WorkersToStart(const PoolCounts& counts, const PoolLimits& limits) {
  // What starts for a commitment has its init yet to do: it does not count as coming.
  const size_t coming = counts.starting - counts.reserved_starting + counts.idle;
  const size_t wanted = counts.waiting > coming ? counts.waiting - coming : 0;
  const size_t alive = counts.idle + counts.busy + counts.starting;
  const size_t room = limits.workers_max > alive ? limits.workers_max - alive : 0;
  const size_t begun = limits.starting_max > counts.starting ? limits.starting_max - counts.starting : 0;
  return std::min({wanted, room, begun});
}

size_t WorkersAhead(const PoolCounts& counts, const PoolLimits& limits, Heat heat) {
  const auto less = [](size_t wanted, size_t there) { return wanted > there ? wanted - there : 0; };
  const size_t alive = counts.idle + counts.busy + counts.starting;
  const size_t free = less(counts.idle + counts.starting, counts.waiting);
  const bool in_use = counts.busy + counts.waiting > 0;
  const size_t hot = limits.spare_when_hot && heat == Heat::kHot ? 1 : 0;
  const size_t spare = std::max(in_use ? limits.workers_spare : 0, hot);
  const size_t wanted = std::max(less(limits.workers_min, alive), less(spare, free));
  return std::min(wanted, less(limits.workers_max, alive));
}

size_t WorkersToWarm(const PoolCounts& counts) {
  if (counts.idle + counts.busy == 0) return 0;
  return std::clamp<size_t>(counts.busy, 1, kWarmedMax);
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
