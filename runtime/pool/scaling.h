#pragma once

#include <cstddef>
#include <cstdint>

#include "runtime/base/units.h"
#include "runtime/model/function_scaling.h"
#include "runtime/pool/prefetch.h"

// Decisions of the warm pool, as pure functions of values: how many workers to start, and which to let go.

namespace hearth {

struct PoolLimits {
  size_t workers_max = 1000;            // idle + busy + starting
  size_t waiters_max = 1000;            // events that wait for a worker; one more is throttled
  milliseconds idle_time_out{600'000};  // an idle worker goes after this
  size_t starting_max = SIZE_MAX;       // for events, at once
  size_t launch_tries_max = 6;          // for one worker that the host cannot give now
  size_t workers_min = 0;               // that are kept for no event
  size_t workers_spare = 0;             // idle ones beside those that are busy
  bool spare_when_hot = false;  // one, too, while workers are needed again and again that are not there
  PrefetchLimits prefetch{};
};

// The node's, and what the function has of its own.
PoolLimits LimitsFor(PoolLimits node, const FunctionScaling& scaling);

struct PoolCounts {
  size_t idle = 0;
  size_t busy = 0;
  size_t starting = 0;
  size_t waiting = 0;
  // Of those, on places that commitments pay for.
  size_t reserved_idle = 0;
  size_t reserved_busy = 0;
  size_t reserved_starting = 0;
};

// Workers to start now: one for each waiter that no starting or idle worker is for, within the limit.
size_t WorkersToStart(const PoolCounts& counts, const PoolLimits& limits);

// Does the function keep needing workers that are not there (StartHeat)?
enum class Heat { kCold, kHot };

// Workers to start ahead of events, after those for events are: the least number, spare ones while any is busy, and one
// while the function is hot.
size_t WorkersAhead(const PoolCounts& counts, const PoolLimits& limits, Heat heat = Heat::kCold);

// Workers to have ready before a new version takes the place of one that has these counts: for as many as run now, one
// at least, and none where nobody has asked lately.
inline constexpr size_t kWarmedMax =
    8;  // the others are forked from a zygote that is there: less than 1 ms each
size_t WorkersToWarm(const PoolCounts& counts);

enum class Admission { kAdmit, kThrottleFunction };
// May one more event wait?
Admission AdmitWaiter(const PoolCounts& counts, const PoolLimits& limits);

// What idle workers are worth, when memory is short: GreedyDual-Size for each worker, by what it costs to have it
// again. Who is not used grows cheap as the clock follows what was evicted. Its function's frequency is left out:
// surplus workers of a busy function would inherit it and squat (billing-and-scaling measurements on Azure's trace:
// least added latency of the four policies tried).
class EvictionClock final {
 public:
  // Of a worker that becomes idle now: milliseconds a MiB over the clock.
  double WorthOf(nanoseconds start_and_init, Bytes memory) const {
    constexpr double kNsPerMs = 1e6;
    return now_ + static_cast<double>(start_and_init.count()) / kNsPerMs / static_cast<double>(memory.mib());
  }
  void OnEvicted(double worth) { now_ = worth > now_ ? worth : now_; }

 private:
  double now_ = 0;
};

// What there is to be had when memory is short.
struct MemoryPressure {
  size_t keep_alive_idle = 0;  // idle workers that nobody pays for
  size_t lent_reserved = 0;    // idle reserved workers that are lent to spot
  size_t spot_busy = 0;        // spot attempts that run
  size_t waiting = 0;          // events of the function that wait already
  size_t waiters_max = 0;
};
enum class Relief {
  kEndKeepAlive,   // of the worker that is worth least
  kReturnLent,     // at once to the commitment that pays for it
  kInterruptSpot,  // with notice
  kQueue,          // the event waits
  kThrottle,       // 429
};
// The one order of preemption. Reserved and dedicated workers are not in it: they are never touched.
Relief RelieveMemory(const MemoryPressure& pressure);

}  // namespace hearth
