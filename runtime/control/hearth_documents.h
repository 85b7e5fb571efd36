#pragma once

#include "runtime/control/api_call.h"
#include "runtime/registry/function_registry.h"
#include "runtime/router/trigger.h"

namespace hearth {

// The documents of one trigger, as they are: PUT, GET, DELETE and list by name, and commands. The trigger's
// own shape, with "Name" and "Status" added to answers.
//
// Borrows: everything; all outlive it.
// Thread:  loop thread.
class HearthDocuments final {
 public:
  HearthDocuments(FunctionRegistry& registry, Trigger& trigger) : registry_(registry), trigger_(trigger) {}

  // Every function that the document names must exist.
  void Put(const ApiCallPtr& call);
  void Get(const ApiCallPtr& call);
  void Delete(const ApiCallPtr& call);
  void List(const ApiCallPtr& call);
  void Command(const ApiCallPtr& call, std::string verb);

 private:
  Status CheckFunction(const Json& holder) const;
  Status CheckFunctions(const Json& document) const;

  FunctionRegistry& registry_;
  Trigger& trigger_;
};

}  // namespace hearth
