#include "runtime/control/hearth_budgets.h"

#include "runtime/control/json_members.h"

namespace hearth {
namespace {

Json BudgetJson(const Budget& budget, const BudgetSpent* spent) {
  Json steps = Json::array();
  for (size_t i = 0; i < budget.steps.size(); ++i) {
    steps.push_back({{"percent", budget.steps[i].percent},
                     {"action", NameOf(budget.steps[i].action)},
                     {"reached", spent && i < spent->steps_reached}});
  }
  return {{"name", budget.name},
          {"function", budget.function},
          {"tag_key", budget.tag_key},
          {"tag_value", budget.tag_value},
          {"monthly", ToString(budget.monthly)},
          {"spent", ToString(spent ? spent->spent : Money{})},
          {"percent", spent ? spent->percent() : 0},
          {"throttles", spent && spent->throttles},
          {"steps", std::move(steps)}};
}

}  // namespace

Result<Budget> ReadBudget(const std::string& name, const Json& body) {
  const JsonMembers members(body);
  Budget budget;
  budget.name = name;
  std::string monthly;
  HEARTH_TRY(members.Require("Monthly"));
  HEARTH_TRY(members.Read("Monthly", monthly));
  HEARTH_TRY(members.Read("FunctionName", budget.function));
  HEARTH_TRY(members.Read("TagKey", budget.tag_key));
  HEARTH_TRY(members.Read("TagValue", budget.tag_value));
  HEARTH_ASSIGN(budget.monthly, ParseMoney(monthly));
  HEARTH_ASSIGN(const Json* steps, members.Array("Steps"));
  if (!steps) {
    budget.steps = {{80, BudgetAction::kWarn}, {100, BudgetAction::kWarn}};
    return budget;
  }
  for (const Json& one : *steps) {
    if (!one.is_object()) return Error{ErrorCode::kInvalidArgument, "a step of Steps is to be an object"};
    const JsonMembers step(one, "Steps.");
    int64_t percent = 0;
    std::string action;
    HEARTH_TRY(step.Read("Percent", percent, 0, kBudgetPercentMax));
    HEARTH_TRY(step.Read("Action", action));
    HEARTH_ASSIGN(const BudgetAction parsed, ParseBudgetAction(action));
    budget.steps.push_back({static_cast<uint32_t>(percent), parsed});
  }
  return budget;
}

void HearthBudgets::List(const ApiCallPtr& call) {
  Json all = Json::array();
  for (const auto& [name, budget] : account_.state().budgets()) {
    const BudgetSpent* spent = nullptr;
    for (const BudgetSpent& one : watch_.spent()) {
      if (one.budget == name) spent = &one;
    }
    all.push_back(BudgetJson(budget, spent));
  }
  call->AnswerJson(200, {{"budgets", std::move(all)}});
}

void HearthBudgets::Set(const ApiCallPtr& call) {
  const auto body = ParseJsonObject(call->body());
  if (!body.ok()) return call->Fail(body.error());
  const auto budget = ReadBudget(call->parameter("name"), *body);
  if (!budget.ok()) return call->Fail(budget.error());
  if (const Status set = account_.SetBudget(*budget); !set.ok()) return call->Fail(set.error());
  watch_.Evaluate([weak = weak_.Get(), call] {
    if (weak) weak->List(call);
  });
}

void HearthBudgets::Remove(const ApiCallPtr& call) {
  if (const Status removed = account_.RemoveBudget(call->parameter("name")); !removed.ok())
    return call->Fail(removed.error());
  watch_.Evaluate([call] { call->Answer(204, {}, ""); });
}

}  // namespace hearth
