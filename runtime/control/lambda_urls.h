#pragma once

#include "runtime/control/api_call.h"
#include "runtime/registry/function_registry.h"
#include "runtime/router/trigger.h"

namespace hearth {

// Lambda's FunctionUrlConfig operations, on the trigger of kind "url". Extensions: AuthType TOKEN with Token.
//
// Borrows: everything; all outlive it.
// Thread:  loop thread.
class LambdaUrls final {
 public:
  LambdaUrls(FunctionRegistry& registry, Trigger& urls) : registry_(registry), urls_(urls) {}

  void Create(const ApiCallPtr& call);
  void Get(const ApiCallPtr& call);
  void Update(const ApiCallPtr& call);
  void Delete(const ApiCallPtr& call);
  void List(const ApiCallPtr& call);

 private:
  Result<std::string> NameOf(const ApiCall& call) const;
  void Put(const ApiCallPtr& call, const std::string& name, const Json& document, int status);
  Json ConfigJson(const Trigger::Document& document) const;

  FunctionRegistry& registry_;
  Trigger& urls_;
};

}  // namespace hearth
