#include "runtime/router/concurrency_limits.h"

#include <vector>

#include <catch2/catch.hpp>

namespace hearth {
namespace {

using Verdict = ConcurrencyLimits::Verdict;
using Passes = std::vector<ConcurrencyLimits::Pass>;

Passes Enter(ConcurrencyLimits& limits, const std::string& function, size_t events) {
  Passes passes;
  for (size_t i = 0; i < events; ++i) passes.push_back(limits.Enter(function));
  return passes;
}

TEST_CASE("the account's limit, at it and one past it", "[router][concurrency]") {
  ConcurrencyLimits limits(2);
  Passes crops = Enter(limits, "crop", 1);
  CHECK(limits.Check("resize") == Verdict::kAdmit);
  Passes resizes = Enter(limits, "resize", 1);
  CHECK(limits.Check("crop") == Verdict::kAccountFull);
  crops.clear();
  CHECK(limits.Check("crop") == Verdict::kAdmit);
}

TEST_CASE("what is reserved is a floor: there, however busy others are", "[router][concurrency]") {
  ConcurrencyLimits limits(10);
  limits.Reserve("resize", 4);
  CHECK(limits.shared_max() == 6);
  const Passes crops = Enter(limits, "crop", 6);
  CHECK(limits.Check("crop") == Verdict::kAccountFull);
  const Passes resizes = Enter(limits, "resize", 3);
  CHECK(limits.Check("resize") == Verdict::kAdmit);
  const Passes last = Enter(limits, "resize", 1);
  CHECK(limits.Check("resize") == Verdict::kAccountFull);
}

TEST_CASE("events past what is reserved are on the shared rest, and give it back", "[router][concurrency]") {
  ConcurrencyLimits limits(10);
  limits.Reserve("resize", 4);
  Passes resizes = Enter(limits, "resize", 10);
  CHECK(limits.Check("crop") == Verdict::kAccountFull);
  resizes.resize(9);
  CHECK(limits.Check("crop") == Verdict::kAdmit);
  resizes.resize(4);
  const Passes crops = Enter(limits, "crop", 5);
  CHECK(limits.Check("crop") == Verdict::kAdmit);
}

TEST_CASE("none reserved: the function is off, and others have all", "[router][concurrency]") {
  ConcurrencyLimits limits(1);
  limits.Reserve("resize", 0);
  CHECK(limits.Check("resize") == Verdict::kFunctionOff);
  CHECK(limits.Check("crop") == Verdict::kAdmit);
  limits.Reserve("resize", std::nullopt);
  CHECK(limits.Check("resize") == Verdict::kAdmit);
}

TEST_CASE("reserving under way counts what runs already", "[router][concurrency]") {
  ConcurrencyLimits limits(10);
  Passes resizes = Enter(limits, "resize", 5);
  limits.Reserve("resize", 4);
  const Passes crops = Enter(limits, "crop", 5);
  CHECK(limits.Check("crop") == Verdict::kAccountFull);  // 4 + 1 on shared + 5
  limits.Reserve("resize", std::nullopt);
  CHECK(limits.reserved() == 0);
  resizes.clear();
  CHECK(limits.Check("crop") == Verdict::kAdmit);
  const Passes more = Enter(limits, "crop", 5);
  CHECK(limits.Check("crop") == Verdict::kAccountFull);
}

TEST_CASE("a deleted function is forgotten with its last event", "[router][concurrency]") {
  ConcurrencyLimits limits(10);
  limits.Reserve("resize", 4);
  Passes resizes = Enter(limits, "resize", 2);
  limits.Forget("resize");
  CHECK(limits.reserved() == 0);
  CHECK(limits.functions() == 1);
  resizes.clear();
  CHECK(limits.functions() == 0);
  limits.Forget("nobody");
}

}  // namespace
}  // namespace hearth
