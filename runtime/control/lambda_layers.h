#pragma once

#include "runtime/control/api_call.h"
#include "runtime/registry/function_registry.h"

namespace hearth {

// Lambda's layers: zips that are published once and seen at /opt by the functions that name them.
//
// Borrows: the registry; it outlives it, and so do the calls under way in it.
// Thread:  loop thread.
class LambdaLayers final {
 public:
  explicit LambdaLayers(FunctionRegistry& registry) : registry_(registry) {}

  void Publish(const ApiCallPtr& call);
  void List(const ApiCallPtr& call) const;  // also GetLayerVersionByArn, which has the same path
  void ListVersions(const ApiCallPtr& call) const;
  void Get(const ApiCallPtr& call) const;
  void Delete(const ApiCallPtr& call);

 private:
  void AnswerVersion(const ApiCallPtr& call, const std::string& name, uint64_t number) const;
  void GetByArn(const ApiCallPtr& call) const;
  // The plain name of "{name}", which may be the layer's ARN.
  Result<std::string> NameOf(const ApiCall& call) const;
  Json VersionJson(const LayerVersion& version) const;  // as lists have it
  Json WholeJson(const LayerVersion& version) const;

  FunctionRegistry& registry_;
};

}  // namespace hearth
