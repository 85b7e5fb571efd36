#include "runtime/meter/budget_watch.h"

#include <algorithm>

#include "runtime/meter/utc_text.h"

namespace hearth {
namespace {

bool IsOf(const Budget& budget, const BillLine& line) {
  if (line.kind == LineKind::kRounding) return false;
  if (!budget.function.empty()) return line.function == budget.function;
  if (budget.tag_key.empty()) return true;
  const auto found = line.tags.find(budget.tag_key);
  return found != line.tags.end() && found->second == budget.tag_value;
}

BudgetGate::Refusal RefusalOf(const Budget& budget, const BudgetSpent& spent, WallTime month_end) {
  return {budget.name, "budget \"" + budget.name + "\" throttles: " + std::to_string(spent.percent()) +
                           " % of " + ToStringRounded(budget.monthly, 2) + " are spent; until " +
                           ToUtcText(month_end) + ", or until it is raised: hearth budget set " +
                           budget.name};
}

}  // namespace

std::vector<BudgetSpent> EvaluateBudgets(const AccountState& account, const Bill& month) {
  std::vector<BudgetSpent> all;
  for (const auto& [name, budget] : account.budgets()) {
    BudgetSpent spent{name, {}, budget.monthly, 0, false};
    for (const BillLine& line : month.lines) {
      if (IsOf(budget, line)) spent.spent += line.effective;
    }
    for (const Budget::Step& step : budget.steps) {
      if (spent.spent.units * 100 < budget.monthly.units * Int128{step.percent}) break;
      ++spent.steps_reached;
      spent.throttles = spent.throttles || step.action == BudgetAction::kThrottle;
    }
    all.push_back(spent);
  }
  return all;
}

BudgetWatch::BudgetWatch(const Account& account, BillMaker& bills, Executor& executor, OnStep on_step)
    : account_(account), bills_(bills), executor_(executor), on_step_(std::move(on_step)) {}

void BudgetWatch::Start() { Evaluate(); }

void BudgetWatch::Next(nanoseconds delay) {
  timer_ = executor_.After(delay, [this] { Evaluate(); });
}

void BudgetWatch::Evaluate(std::function<void()> done) {
  if (done) (running_ ? later_ : now_).push_back(std::move(done));
  if (running_) {
    again_ = true;
    return;
  }
  Begin();
}

void BudgetWatch::Begin() {
  running_ = true;
  const MonotonicTime begun = executor_.clock().Now();
  if (account_.state().budgets().empty()) {
    executor_.Post([weak = weak_.Get(), begun] {
      if (weak) weak->Finish(begun, Evaluated());
    });
    return;
  }
  const Status ordered = bills_.Make<Result<Evaluated>>(
      [](const BillBasis& basis) -> Result<Evaluated> {
        const Period month = MonthOf(StartOfMonth(basis.now));
        HEARTH_ASSIGN(const Bill bill, MakeBill(*basis.account, KeptUsage(basis.usage), month, basis.now));
        return Evaluated{basis.account->budgets(), EvaluateBudgets(*basis.account, bill)};
      },
      [weak = weak_.Get(), begun](const Result<Evaluated>& evaluated) {
        if (weak) weak->Finish(begun, evaluated);
      });
  if (ordered.ok()) return;
  executor_.Post([weak = weak_.Get(), begun, why = ordered.error()] {
    if (weak) weak->Finish(begun, why);
  });
}

void BudgetWatch::Finish(MonotonicTime begun, const Result<Evaluated>& evaluated) {
  running_ = false;
  if (evaluated.ok()) Remember(*evaluated);
  if (on_evaluated_) on_evaluated_();
  const std::vector<std::function<void()>> served = std::exchange(now_, std::exchange(later_, {}));
  if (std::exchange(again_, false)) {
    Begin();
  } else {
    Next(std::max<nanoseconds>(kEvery, (executor_.clock().Now() - begun) * kShareOfCore));
  }
  // Last, since a callback may destroy us.
  for (const auto& done : served) done();
}

void BudgetWatch::Remember(const Evaluated& evaluated) {
  refuses_all_.reset();
  refuses_.clear();
  refuses_tagged_.clear();
  spent_ = evaluated.spent;
  const WallTime month_end = MonthOf(StartOfMonth(executor_.clock().WallNow())).to;
  for (const BudgetSpent& spent : spent_) {
    const Budget& budget = evaluated.budgets.at(spent.budget);
    Tell(budget, spent);
    if (!spent.throttles) continue;
    const Refusal refusal = RefusalOf(budget, spent, month_end);
    if (!budget.function.empty()) {
      refuses_.emplace(budget.function, refusal);
    } else if (!budget.tag_key.empty()) {
      refuses_tagged_.emplace(std::pair(budget.tag_key, budget.tag_value), refusal);
    } else if (!refuses_all_) {
      refuses_all_ = refusal;
    }
  }
}

void BudgetWatch::Tell(const Budget& budget, const BudgetSpent& spent) {
  auto& [month, steps] = told_[budget.name];
  const std::string this_month = ToMonthText(executor_.clock().WallNow());
  if (month != this_month) {
    month = this_month;
    steps = 0;
  }
  for (; steps < spent.steps_reached; ++steps) {
    if (on_step_) on_step_(budget, spent, budget.steps[steps]);
  }
  steps = spent.steps_reached;  // a budget that was raised tells again
}

std::optional<BudgetGate::Refusal> BudgetWatch::Check(std::string_view function) const {
  if (refuses_all_) return refuses_all_;
  if (const auto found = refuses_.find(function); found != refuses_.end()) return found->second;
  if (refuses_tagged_.empty()) return std::nullopt;
  for (const auto& tag : account_.state().TagsOf(function)) {
    const auto found = refuses_tagged_.find({tag.first, tag.second});
    if (found != refuses_tagged_.end()) return found->second;
  }
  return std::nullopt;
}

}  // namespace hearth
