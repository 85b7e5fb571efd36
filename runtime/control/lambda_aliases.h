#pragma once

#include "runtime/control/api_call.h"
#include "runtime/registry/event_invoke_configs.h"
#include "runtime/registry/function_registry.h"

namespace hearth {

// Lambda's aliases: names for versions, with a share of the events for another one.
//
// Borrows: everything; all outlive it, and so do the calls under way in the registry.
// Thread:  loop thread.
// Limits:  one additional version, a weight of 0.0 to 1.0, not of or beside $LATEST.
class LambdaAliases final {
 public:
  LambdaAliases(FunctionRegistry& registry, EventInvokeConfigs& configs)
      : registry_(registry), configs_(configs) {}

  void Create(const ApiCallPtr& call);
  void Get(const ApiCallPtr& call) const;
  void Update(const ApiCallPtr& call);
  void Delete(const ApiCallPtr& call);
  void List(const ApiCallPtr& call) const;

 private:
  Result<std::string> FunctionOf(const ApiCall& call) const;
  Json AliasJson(const std::string& function, const FunctionAlias& alias) const;
  Error NoAlias(const std::string& function, const std::string& alias) const;
  AliasTable::Reply Answer(const ApiCallPtr& call, const std::string& function, int status) const;

  FunctionRegistry& registry_;
  EventInvokeConfigs& configs_;
};

}  // namespace hearth
