#include "runtime/pool/turn_limit.h"

#include <memory>

#include <catch2/catch.hpp>

#include "runtime/loop/manual_executor.h"

namespace hearth {
namespace {

TEST_CASE("so many in a turn, the rest in the next ones", "[pool][turn]") {
  ManualExecutor executor;
  int waiting = 10, turns = 0;
  std::vector<int> done;  // in each turn
  TurnLimit* limit = nullptr;
  const auto go_on = [&] {
    done.push_back(0);
    for (; waiting > 0 && limit->Take(); --waiting) ++done.back();
  };
  TurnLimit four(executor, 4, [&] {
    ++turns;
    go_on();
  });
  limit = &four;
  go_on();
  CHECK(done == std::vector{4});  // no more inside the call
  executor.RunPosted();
  CHECK(done == std::vector{4, 4, 2, 0});
  CHECK(turns == 3);
  CHECK(four.Take());
  CHECK(turns == 3);
}

TEST_CASE("a limit that has gone is not told of the next turn", "[pool][turn]") {
  ManualExecutor executor;
  bool told = false;
  auto limit = std::make_unique<TurnLimit>(executor, 1, [&] { told = true; });
  CHECK(limit->Take());
  CHECK_FALSE(limit->Take());
  limit.reset();
  executor.RunPosted();
  CHECK_FALSE(told);
}

}  // namespace
}  // namespace hearth
