#pragma once

#include <functional>
#include <map>
#include <string>
#include <vector>

#include "runtime/loop/executor.h"
#include "runtime/meter/account.h"
#include "runtime/meter/bill.h"
#include "runtime/meter/bill_maker.h"
#include "runtime/meter/budget_gate.h"

namespace hearth {

// What a budget has been spent on in the month, and which of its steps that reaches.
struct BudgetSpent {
  std::string budget;
  Money spent;  // effective: upfront payments are spread over their terms
  Money monthly;
  size_t steps_reached = 0;
  bool throttles = false;  // one of them is kThrottle

  uint32_t percent() const { return static_cast<uint32_t>(spent.units * 100 / monthly.units); }
};
// In the order of names.
std::vector<BudgetSpent> EvaluateBudgets(const AccountState& account, const Bill& month);

// Evaluates the budgets about once a minute and tells which functions are not to be started any more.
//
// Owned by the daemon. Borrows: account, bill maker, executor; all outlive it.
// Thread:  loop thread; the month's bill is made by the bill maker. Where that takes long it is made so seldom
//          that it takes at most a fiftieth of a core. Without budgets it costs nothing.
// Failure: a bill that cannot be made leaves things as they were.
// Promise: no callback runs after the destructor returns.
class BudgetWatch final : public BudgetGate {
 public:
  // Once for each step that is reached, again in the next month.
  using OnStep =
      std::function<void(const Budget& budget, const BudgetSpent& spent, const Budget::Step& step)>;

  BudgetWatch(const Account& account, BillMaker& bills, Executor& executor, OnStep on_step);

  void Start();
  // Now: after a budget or a tag was set. Calls back when what is set now was evaluated, or could not be.
  void Evaluate(std::function<void()> done = nullptr);
  std::optional<Refusal> Check(std::string_view function) const override;
  // Runs after each evaluation.
  void SetOnEvaluated(std::function<void()> on_evaluated) { on_evaluated_ = std::move(on_evaluated); }
  const std::vector<BudgetSpent>& spent() const { return spent_; }

 private:
  static constexpr seconds kEvery{60};
  static constexpr int kShareOfCore = 50;
  struct Evaluated {
    std::map<std::string, Budget> budgets;  // as they were
    std::vector<BudgetSpent> spent;
  };

  void Next(nanoseconds delay);
  void Begin();
  void Finish(MonotonicTime begun, const Result<Evaluated>& evaluated);
  void Remember(const Evaluated& evaluated);
  void Tell(const Budget& budget, const BudgetSpent& spent);

  // Borrowed.
  const Account& account_;
  BillMaker& bills_;
  Executor& executor_;
  // Mutable.
  OnStep on_step_;
  std::function<void()> on_evaluated_;
  bool running_ = false;
  std::vector<std::function<void()>> now_;    // want the evaluation that runs
  std::vector<std::function<void()>> later_;  // want one that begins after it
  bool again_ = false;
  std::vector<BudgetSpent> spent_;
  std::optional<Refusal> refuses_all_;
  std::map<std::string, Refusal, std::less<>> refuses_;  // by function
  std::map<std::pair<std::string, std::string>, Refusal> refuses_tagged_;
  std::map<std::string, std::pair<std::string, size_t>> told_;  // month and number of steps, by budget
  Timer timer_;
  WeakPtrFactory<BudgetWatch> weak_{this};
};

}  // namespace hearth
