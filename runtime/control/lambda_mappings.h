#pragma once

#include "runtime/base/random.h"
#include "runtime/control/api_call.h"
#include "runtime/registry/function_registry.h"
#include "runtime/router/trigger.h"
#include "runtime/store/queue_store.h"

namespace hearth {

// Lambda's event source mappings, on the trigger of kind "queue". Only SQS queues of this store can be
// sources.
//
// Borrows: everything; all outlive it.
// Thread:  loop thread.
class LambdaMappings final {
 public:
  LambdaMappings(FunctionRegistry& registry, Trigger& mappings, QueueStore& queues, Random& random)
      : registry_(registry), mappings_(mappings), queues_(queues), random_(random) {}

  void Create(const ApiCallPtr& call);
  void Get(const ApiCallPtr& call);
  void Update(const ApiCallPtr& call);
  void Delete(const ApiCallPtr& call);
  void List(const ApiCallPtr& call);

 private:
  void Put(const ApiCallPtr& call, const std::string& uuid, const Json& document, std::string state);
  // `state` in place of the trigger's own: the change is under way while it is answered.
  Json MappingJson(const Trigger::Document& document, const std::string& state) const;
  Error Explain(const Error& refused, const Json& document) const;
  std::string FindDuplicate(const std::string& queue, const std::string& function) const;
  std::string QueueArn(const std::string& queue) const;

  FunctionRegistry& registry_;
  Trigger& mappings_;
  QueueStore& queues_;
  Random& random_;
};

}  // namespace hearth
