#pragma once

#include <map>
#include <string>

#include "runtime/control/api_call.h"
#include "runtime/meter/account.h"
#include "runtime/registry/function_registry.h"
#include "runtime/router/destination.h"
#include "runtime/router/trigger.h"

namespace hearth {

using TriggersByKind = std::map<std::string, Trigger*, std::less<>>;

// Lambda's operations on functions, their code, settings and versions.
//
// Borrows: everything; all outlive it, and so do the calls under way in the registry.
// Thread:  loop thread.
class LambdaFunctions final {
 public:
  LambdaFunctions(FunctionRegistry& registry, const TriggersByKind& triggers, Account& account,
                  Destination& destinations, const Clock& clock, size_t concurrency_max)
      : registry_(registry),
        triggers_(triggers),
        account_(account),
        destinations_(destinations),
        clock_(clock),
        concurrency_max_(concurrency_max) {}

  void Create(const ApiCallPtr& call);
  void Get(const ApiCallPtr& call);
  void GetConfiguration(const ApiCallPtr& call);
  void List(const ApiCallPtr& call);
  void UpdateCode(const ApiCallPtr& call);
  void UpdateConfiguration(const ApiCallPtr& call);
  void Delete(const ApiCallPtr& call);
  void Publish(const ApiCallPtr& call);
  void ListVersions(const ApiCallPtr& call);
  void PutConcurrency(const ApiCallPtr& call);
  void GetConcurrency(const ApiCallPtr& call);
  void DeleteConcurrency(const ApiCallPtr& call);
  size_t reserved_concurrency() const;  // of all functions

 private:
  Result<FunctionReference> ReferenceOf(const ApiCall& call) const;
  Result<FunctionVersionPtr> VersionOf(const ApiCall& call) const;
  // Then `go_on`, unless the dead-letter queue that the request names is not there.
  void CheckDeadLetters(const ApiCallPtr& call, const std::string& arn, std::function<void()> go_on);
  void OnCreated(const ApiCallPtr& call, Result<FunctionVersionPtr> version, const Tags& tags, bool publish);
  void PublishAndAnswer(const ApiCallPtr& call, const std::string& name, int status);
  Status CheckConcurrency(const std::string& function, uint32_t reserved) const;

  FunctionRegistry& registry_;
  const TriggersByKind& triggers_;
  Account& account_;  // which has tags and commitments
  Destination& destinations_;
  const Clock& clock_;
  const size_t concurrency_max_;  // of the account
};

}  // namespace hearth
