#include "runtime/pool/memory_budget.h"

#include <catch2/catch.hpp>

namespace hearth {
namespace {

TEST_CASE("the last byte is given, one past it is not", "[budget]") {
  MemoryBudget budget(100_MiB);
  const auto most = budget.Take(99_MiB);
  CHECK(most);
  CHECK_FALSE(budget.Take(Bytes{(1 << 20) + 1}));
  const auto rest = budget.Take(1_MiB);
  CHECK(rest);
  CHECK(budget.used() == budget.total());
  CHECK_FALSE(budget.Take(1_B));
  CHECK(budget.Take(0_B));
}

TEST_CASE("a share so large that the sum wraps is refused", "[budget]") {
  MemoryBudget budget(100_MiB);
  const auto some = budget.Take(1_MiB);
  CHECK_FALSE(budget.Take(Bytes{UINT64_MAX}));
  CHECK(budget.used() == 1_MiB);
}

TEST_CASE("a share comes back once, however its lease is moved", "[budget]") {
  MemoryBudget budget(100_MiB);
  {
    auto first = budget.Take(40_MiB);
    auto second = std::move(first);
    CHECK_FALSE(first);  // NOLINT(bugprone-use-after-move)
    auto third = budget.Take(30_MiB);
    third = std::move(second);
    CHECK(budget.used() == 40_MiB);
    auto& same = third;
    third = std::move(same);
    CHECK(budget.used() == 40_MiB);
    third = {};
    CHECK(budget.used() == 0_B);
  }
  CHECK(budget.used() == 0_B);
}

TEST_CASE("what is promised is for those it was promised to alone", "[budget]") {
  using Share = MemoryBudget::Share;
  MemoryBudget budget(100_MiB);
  budget.Promise(60_MiB);
  auto free = budget.Take(40_MiB);
  CHECK(free);
  CHECK_FALSE(budget.Take(1_B));
  auto promised = budget.Take(60_MiB, Share::kPromised);
  CHECK(promised);
  CHECK_FALSE(budget.Take(1_B, Share::kPromised));
  promised = {};
  CHECK_FALSE(budget.Take(1_B));  // its place is kept
  budget.Promise(0_B);
  CHECK(budget.Take(60_MiB));
}

TEST_CASE("promised while others have it: they keep it, nobody gets more", "[budget]") {
  MemoryBudget budget(100_MiB);
  auto free = budget.Take(80_MiB);
  budget.Promise(60_MiB);
  CHECK_FALSE(budget.Take(1_B));
  CHECK_FALSE(budget.Take(30_MiB, MemoryBudget::Share::kPromised));
  auto some = budget.Take(20_MiB, MemoryBudget::Share::kPromised);
  CHECK(some);
  free = {};
  CHECK_FALSE(budget.Take(41_MiB));
  CHECK(budget.Take(40_MiB));
}

}  // namespace
}  // namespace hearth
