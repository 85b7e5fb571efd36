#include "runtime/registry/reserved_concurrency.h"

#include <catch2/catch.hpp>

namespace hearth {
namespace {

TEST_CASE("a tenth of the account stays unreserved, at it and one past it", "[registry][concurrency]") {
  CHECK(CheckReservation(1000, 0, 900).ok());
  CHECK(CheckReservation(1000, 500, 400).ok());
  const Status refused = CheckReservation(1000, 500, 401);
  REQUIRE_FALSE(refused.ok());
  CHECK_THAT(refused.error().message,
             Catch::Contains("minimum value of [100]") && Catch::Contains("400 are left"));
  CHECK(CheckReservation(5, 0, 5).ok());
  CHECK(CheckReservation(1000, 2000, 0).ok());
}

}  // namespace
}  // namespace hearth
