#pragma once

#include <map>
#include <string>

#include "runtime/control/api_call.h"
#include "runtime/meter/account.h"
#include "runtime/registry/function_registry.h"
#include "runtime/router/trigger.h"

namespace hearth {

using TriggersByKind = std::map<std::string, Trigger*, std::less<>>;

// Lambda's operations on functions, their code, settings and versions.
//
// Borrows: everything; all outlive it, and so do the calls under way in the registry.
// Thread:  loop thread.
class LambdaFunctions final {
 public:
  LambdaFunctions(FunctionRegistry& registry, const TriggersByKind& triggers, Account& account)
      : registry_(registry), triggers_(triggers), account_(account) {}

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

 private:
  Result<FunctionReference> ReferenceOf(const ApiCall& call) const;
  Result<FunctionVersionPtr> VersionOf(const ApiCall& call) const;
  void OnCreated(const ApiCallPtr& call, Result<FunctionVersionPtr> version, const Tags& tags, bool publish);
  void PublishAndAnswer(const ApiCallPtr& call, const std::string& name, int status);
  void ChangeConcurrency(const ApiCallPtr& call, uint32_t workers_max, FunctionRegistry::Reply reply);

  FunctionRegistry& registry_;
  const TriggersByKind& triggers_;
  Account& account_;  // which has tags and commitments
};

}  // namespace hearth
