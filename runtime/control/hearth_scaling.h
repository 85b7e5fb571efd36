#pragma once

#include "runtime/control/api_call.h"
#include "runtime/registry/function_registry.h"

namespace hearth {

// How a function's workers are kept, where Lambda has no name for it:
//   GET /_hearth/v1/functions/{name}/scaling
//   PUT /_hearth/v1/functions/{name}/scaling   {"IdleTimeoutS", "WorkersMin", "WorkersSpare"}; what is not given stays,
//                                              null is the default
//
// Borrows: the registry; it outlives it. Thread: loop thread.
class HearthScaling final {
 public:
  explicit HearthScaling(FunctionRegistry& registry) : registry_(registry) {}

  void Get(const ApiCallPtr& call) const;
  void Put(const ApiCallPtr& call);

 private:
  void Answer(const ApiCallPtr& call, const std::string& function) const;

  FunctionRegistry& registry_;
};

}  // namespace hearth
