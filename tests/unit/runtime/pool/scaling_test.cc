#include "runtime/pool/scaling.h"

#include <catch2/catch.hpp>

namespace hearth {
namespace {

PoolLimits Limits(size_t workers_max, size_t waiters_max = 10) {
  PoolLimits limits;
  limits.workers_max = workers_max;
  limits.waiters_max = waiters_max;
  return limits;
}

TEST_CASE("reserved concurrency limits a function's workers, and lifts no limit of the node's",
          "[pool][concurrency]") {
  CHECK(LimitsFor(Limits(10), {}).workers_max == 10);
  CHECK(LimitsFor(Limits(10), {.reserved_concurrency = 3}).workers_max == 3);
  CHECK(LimitsFor(Limits(10), {.reserved_concurrency = 0}).workers_max == 0);
  CHECK(LimitsFor(Limits(10), {.reserved_concurrency = 11}).workers_max == 10);
}

TEST_CASE("a worker is started for each waiter that none is being started for", "[pool]") {
  CHECK(WorkersToStart({.idle = 0, .busy = 0, .starting = 0, .waiting = 3}, Limits(10)) == 3);
  CHECK(WorkersToStart({.idle = 0, .busy = 0, .starting = 2, .waiting = 3}, Limits(10)) == 1);
  CHECK(WorkersToStart({.idle = 0, .busy = 0, .starting = 3, .waiting = 3}, Limits(10)) == 0);
  CHECK(WorkersToStart({.idle = 0, .busy = 0, .starting = 4, .waiting = 3}, Limits(10)) == 0);
  CHECK(WorkersToStart({.idle = 2, .busy = 0, .starting = 0, .waiting = 3}, Limits(10)) == 1);
}

TEST_CASE("no more workers than the limit, at it and one past it", "[pool]") {
  CHECK(WorkersToStart({.idle = 0, .busy = 9, .starting = 0, .waiting = 5}, Limits(10)) == 1);
  CHECK(WorkersToStart({.idle = 0, .busy = 10, .starting = 0, .waiting = 5}, Limits(10)) == 0);
  CHECK(WorkersToStart({.idle = 0, .busy = 11, .starting = 0, .waiting = 5}, Limits(10)) == 0);
}

TEST_CASE("no more start at once than may, at it and one past it", "[pool][loops]") {
  PoolLimits limits = Limits(10);
  limits.starting_max = 3;
  CHECK(WorkersToStart({.idle = 0, .busy = 0, .starting = 2, .waiting = 7}, limits) == 1);
  CHECK(WorkersToStart({.idle = 0, .busy = 0, .starting = 3, .waiting = 7}, limits) == 0);
}

TEST_CASE("the last place in the queue is given, one past it is throttled", "[pool]") {
  CHECK(AdmitWaiter({.waiting = 9}, Limits(1, 10)) == Admission::kAdmit);
  CHECK(AdmitWaiter({.waiting = 10}, Limits(1, 10)) == Admission::kThrottleFunction);
}

TEST_CASE("who waits does not wait for a worker that a commitment has yet to initialise", "[pool]") {
  PoolCounts counts{.starting = 2, .waiting = 1};
  counts.reserved_starting = 2;
  CHECK(WorkersToStart(counts, Limits(10)) == 1);
}

TEST_CASE("memory is taken from keep-alive, then lent, then spot; then events wait, then 429", "[pool]") {
  MemoryPressure pressure{
      .keep_alive_idle = 1, .lent_reserved = 1, .spot_busy = 1, .waiting = 0, .waiters_max = 1};
  CHECK(RelieveMemory(pressure) == Relief::kEndKeepAlive);
  pressure.keep_alive_idle = 0;
  CHECK(RelieveMemory(pressure) == Relief::kReturnLent);
  pressure.lent_reserved = 0;
  CHECK(RelieveMemory(pressure) == Relief::kInterruptSpot);
  pressure.spot_busy = 0;
  CHECK(RelieveMemory(pressure) == Relief::kQueue);
  pressure.waiting = 1;
  CHECK(RelieveMemory(pressure) == Relief::kThrottle);
}

TEST_CASE("the least number is started ahead of events, within the limit", "[pool][ahead]") {
  PoolLimits limits = Limits(4);
  CHECK(WorkersAhead({}, limits) == 0);
  limits.workers_min = 3;
  CHECK(WorkersAhead({}, limits) == 3);
  CHECK(WorkersAhead({.idle = 1, .busy = 1}, limits) == 1);
  CHECK(WorkersAhead({.busy = 2, .starting = 1}, limits) == 0);
  limits.workers_min = 5;
  CHECK(WorkersAhead({}, limits) == 4);
}

TEST_CASE("spare workers are beside busy ones, and none while all is quiet", "[pool][ahead]") {
  PoolLimits limits = Limits(10);
  limits.workers_spare = 2;
  CHECK(WorkersAhead({}, limits) == 0);
  CHECK(WorkersAhead({.idle = 1}, limits) == 0);
  CHECK(WorkersAhead({.busy = 1}, limits) == 2);
  CHECK(WorkersAhead({.idle = 1, .busy = 1}, limits) == 1);
  CHECK(WorkersAhead({.starting = 2, .waiting = 1}, limits) == 1);  // one of the two is for who waits
  CHECK(WorkersAhead({.idle = 2, .busy = 8}, limits) == 0);
  CHECK(WorkersAhead({.busy = 9}, limits) == 1);
}

TEST_CASE("while it is hot one is ahead, whether others are busy or not", "[pool]") {
  PoolLimits limits;
  CHECK(WorkersAhead({}, limits, Heat::kHot) == 0);  // switched off
  limits.spare_when_hot = true;
  CHECK(WorkersAhead({}, limits, Heat::kCold) == 0);
  CHECK(WorkersAhead({}, limits, Heat::kHot) == 1);
  CHECK(WorkersAhead({.busy = 5}, limits, Heat::kHot) == 1);
  CHECK(WorkersAhead({.idle = 1}, limits, Heat::kHot) == 0);
  CHECK(WorkersAhead({.starting = 1, .waiting = 1}, limits, Heat::kHot) == 1);
  limits.workers_spare = 3;  // asked for: the larger of both
  CHECK(WorkersAhead({.busy = 1}, limits, Heat::kHot) == 3);
  CHECK(WorkersAhead({}, limits, Heat::kHot) == 1);
  limits.workers_max = 5;
  CHECK(WorkersAhead({.busy = 5}, limits, Heat::kHot) == 0);
}

TEST_CASE("an idle worker is worth its start and init by its memory, over what went before", "[pool]") {
  EvictionClock clock;
  CHECK(clock.WorthOf(std::chrono::milliseconds(512), 128_MiB) == Approx(4));
  CHECK(clock.WorthOf(std::chrono::milliseconds(512), 256_MiB) == Approx(2));
  clock.OnEvicted(3);
  clock.OnEvicted(1);  // it never goes back
  CHECK(clock.WorthOf(std::chrono::milliseconds(512), 128_MiB) == Approx(7));
}

}  // namespace
}  // namespace hearth
