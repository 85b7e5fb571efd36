#include "runtime/base/gate.h"

#include <catch2/catch.hpp>

namespace hearth {

TEST_CASE("a gate without holders is drained at once", "[base]") {
  Gate gate;
  int drained = 0;
  gate.Close([&] { ++drained; });
  CHECK(drained == 1);
  CHECK_FALSE(gate.Enter());
  CHECK(drained == 1);
}

TEST_CASE("the last holder to leave drains a closed gate", "[base]") {
  Gate gate;
  int drained = 0;
  Gate::Pass first = gate.Enter();
  Gate::Pass second = gate.Enter();
  CHECK(gate.holders() == 2);
  gate.Close([&] { ++drained; });
  first = Gate::Pass();
  CHECK(drained == 0);
  Gate::Pass moved = std::move(second);
  CHECK(drained == 0);
  moved = Gate::Pass();
  CHECK(drained == 1);
}

TEST_CASE("holders may come and go while a gate is open", "[base]") {
  Gate gate;
  { const Gate::Pass pass = gate.Enter(); }
  CHECK(gate.holders() == 0);
  CHECK_FALSE(gate.closed());
  CHECK(static_cast<bool>(gate.Enter()));
}

}  // namespace hearth
