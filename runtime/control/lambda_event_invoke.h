#pragma once

#include <functional>
#include <string>
#include <vector>

#include "runtime/control/api_call.h"
#include "runtime/registry/event_invoke_configs.h"
#include "runtime/registry/function_registry.h"
#include "runtime/router/destination.h"

namespace hearth {

// Lambda's event invoke configurations: how asynchronous events are tried, and who hears of their end.
//
// Borrows: everything; all outlive it, and so do the calls under way in the stores.
// Thread:  loop thread.
// Failure: a destination that is not there is refused when it is set, like the function itself.
class LambdaEventInvoke final {
 public:
  LambdaEventInvoke(const FunctionRegistry& registry, EventInvokeConfigs& configs, Destination& destinations,
                    const Clock& clock)
      : registry_(registry), configs_(configs), destinations_(destinations), clock_(clock) {}

  void Put(const ApiCallPtr& call);     // in place of what was there
  void Update(const ApiCallPtr& call);  // what is given
  void Get(const ApiCallPtr& call) const;
  void List(const ApiCallPtr& call) const;
  void Delete(const ApiCallPtr& call);

 private:
  Result<FunctionReference> ReferenceOf(const ApiCall& call) const;
  Error NoConfig(const FunctionReference& reference) const;
  std::string QualifiedArn(const std::string& function, const std::string& qualifier) const;
  Json ConfigJson(const std::string& function, const std::string& qualifier,
                  const EventInvokeConfig& config) const;
  Status Read(const Json& request, const FunctionReference& reference, EventInvokeConfig& config) const;
  void Change(const ApiCallPtr& call, const FunctionReference& reference, EventInvokeConfig config);

  const FunctionRegistry& registry_;
  EventInvokeConfigs& configs_;
  Destination& destinations_;
  const Clock& clock_;
};

// One after another; `checked` with the first refusal, in the words of a bad parameter.
void CheckDestinations(Destination& destinations, std::vector<std::string> arns,
                       std::function<void(Status)> checked);

}  // namespace hearth
