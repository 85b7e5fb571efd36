#pragma once

#include "runtime/control/api_call.h"
#include "runtime/registry/function_registry.h"

namespace hearth {

// Secrets, which Lambda has no name for. A value comes in and never goes out:
//   GET    /_hearth/v1/secrets          {"Secrets": [{"Name", "Bytes", "SetAt", "UsedBy": ["resize:$LATEST"]}]}
//   PUT    /_hearth/v1/secrets/{name}   the body is the value, byte by byte; answers the same and "Renewed", "NotWarm"
//   DELETE /_hearth/v1/secrets/{name}
//
// Borrows: the registry; it outlives it. Thread: loop thread.
class HearthSecrets final {
 public:
  explicit HearthSecrets(FunctionRegistry& registry) : registry_(registry) {}

  void List(const ApiCallPtr& call) const;
  void Put(const ApiCallPtr& call);
  void Delete(const ApiCallPtr& call);

 private:
  Json SecretJson(const SecretInfo& secret) const;

  FunctionRegistry& registry_;
};

}  // namespace hearth
