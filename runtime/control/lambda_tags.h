#pragma once

#include "runtime/control/api_call.h"
#include "runtime/meter/account.h"
#include "runtime/registry/function_registry.h"

namespace hearth {

// Lambda's operations on the tags of a function. The account has them, and with it the ledger: bills are made by
// what a function's tags were at the time.
//
// Borrows: everything; all outlive it.
// Thread:  loop thread.
class LambdaTags final {
 public:
  LambdaTags(const FunctionRegistry& registry, Account& account) : registry_(registry), account_(account) {}

  void List(const ApiCallPtr& call) const;
  void Tag(const ApiCallPtr& call);
  void Untag(const ApiCallPtr& call);

 private:
  // The function that the path's ARN names; versions and aliases have no tags of their own.
  Result<std::string> FunctionOf(const ApiCall& call) const;

  const FunctionRegistry& registry_;
  Account& account_;
};

}  // namespace hearth
