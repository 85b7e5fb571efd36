#include "runtime/meter/budget.h"

#include "runtime/model/function.h"

namespace hearth {
namespace {

Error Invalid(const Budget& budget, const std::string& what) {
  return {ErrorCode::kInvalidArgument, "budget \"" + budget.name + "\": " + what};
}

}  // namespace

std::string_view NameOf(BudgetAction action) { return action == BudgetAction::kWarn ? "warn" : "throttle"; }

Result<BudgetAction> ParseBudgetAction(std::string_view name) {
  for (const BudgetAction action : {BudgetAction::kWarn, BudgetAction::kThrottle}) {
    if (NameOf(action) == name) return action;
  }
  return Error{ErrorCode::kInvalidArgument,
               "budget action \"" + std::string(name) + "\" is neither warn nor throttle"};
}

Status ValidateBudget(const Budget& budget) {
  if (!ValidateFunctionName(budget.name).ok())
    return Invalid(budget, "its name is to be 1 to 64 of A-Za-z0-9_-");
  if (!budget.function.empty() && !budget.tag_key.empty())
    return Invalid(budget, "it is for a function or for a tag, not for both");
  if (!budget.function.empty()) HEARTH_TRY(ValidateFunctionName(budget.function));
  if (budget.monthly.units <= 0) return Invalid(budget, "its amount is to be over 0");
  if (budget.steps.empty() || budget.steps.size() > kBudgetStepsMax)
    return Invalid(budget, "it is to have 1 to " + std::to_string(kBudgetStepsMax) + " steps");
  uint32_t before = 0;
  for (const Budget::Step& step : budget.steps) {
    if (step.percent <= before || step.percent > kBudgetPercentMax) {
      return Invalid(budget, "percents are to rise from step to step, from 1 to at most " +
                                 std::to_string(kBudgetPercentMax));
    }
    before = step.percent;
  }
  return Ok();
}

}  // namespace hearth
