#include "runtime/meter/budget.h"

#include <catch2/catch.hpp>

namespace hearth {
namespace {

Budget Of(std::vector<Budget::Step> steps) {
  Budget budget;
  budget.name = "vision";
  budget.monthly = ParseMoney("100").value();
  budget.steps = std::move(steps);
  return budget;
}

}  // namespace

TEST_CASE("budget at its limits and one past them", "[meter][budget]") {
  CHECK(ValidateBudget(Of({{80, BudgetAction::kWarn}, {100, BudgetAction::kThrottle}})).ok());
  CHECK(ValidateBudget(Of({{kBudgetPercentMax, BudgetAction::kWarn}})).ok());
  CHECK_FALSE(ValidateBudget(Of({{kBudgetPercentMax + 1, BudgetAction::kWarn}})).ok());
  CHECK_FALSE(ValidateBudget(Of({})).ok());
  CHECK_FALSE(ValidateBudget(Of({{0, BudgetAction::kWarn}})).ok());
  CHECK_FALSE(ValidateBudget(Of({{80, BudgetAction::kWarn}, {80, BudgetAction::kThrottle}})).ok());
  std::vector<Budget::Step> steps;
  for (uint32_t percent = 1; percent <= kBudgetStepsMax; ++percent)
    steps.push_back({percent, BudgetAction::kWarn});
  CHECK(ValidateBudget(Of(steps)).ok());
  steps.push_back({100, BudgetAction::kWarn});
  CHECK_FALSE(ValidateBudget(Of(steps)).ok());
  Budget nothing = Of({{100, BudgetAction::kWarn}});
  nothing.monthly = {};
  CHECK_FALSE(ValidateBudget(nothing).ok());
  Budget both = Of({{100, BudgetAction::kWarn}});
  both.function = "resize";
  both.tag_key = "team";
  CHECK_FALSE(ValidateBudget(both).ok());
}

}  // namespace hearth
