#pragma once

#include "runtime/base/weak_ptr.h"
#include "runtime/control/api_call.h"
#include "runtime/meter/account.h"
#include "runtime/meter/budget_watch.h"

namespace hearth {

// Budgets: GET /_hearth/v1/budgets, PUT and DELETE /_hearth/v1/budgets/{name}.
//
// Borrows: account and watch; both outlive it. Thread: loop thread.
class HearthBudgets final {
 public:
  HearthBudgets(Account& account, BudgetWatch& watch) : account_(account), watch_(watch) {}

  void List(const ApiCallPtr& call);
  void Set(const ApiCallPtr& call);
  void Remove(const ApiCallPtr& call);

 private:
  Account& account_;
  BudgetWatch& watch_;
  WeakPtrFactory<HearthBudgets> weak_{this};
};

Result<Budget> ReadBudget(const std::string& name, const Json& body);

}  // namespace hearth
