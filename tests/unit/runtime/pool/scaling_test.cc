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

TEST_CASE("the last place in the queue is given, one past it is throttled", "[pool]") {
  CHECK(AdmitWaiter({.waiting = 9}, Limits(1, 10)) == Admission::kAdmit);
  CHECK(AdmitWaiter({.waiting = 10}, Limits(1, 10)) == Admission::kThrottleFunction);
}

}  // namespace
}  // namespace hearth
