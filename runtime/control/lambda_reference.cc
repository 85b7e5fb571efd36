#include "runtime/control/lambda_reference.h"

namespace hearth {

Result<FunctionReference> ReadFunctionReference(const std::string& name,
                                                const std::string& qualifier_parameter) {
  HEARTH_ASSIGN(FunctionReference reference, ParseFunctionReference(name));
  if (qualifier_parameter.empty()) return reference;
  if (!reference.qualifier.empty() && reference.qualifier != qualifier_parameter) {
    return Error{ErrorCode::kInvalidArgument,
                 "The derived qualifier from the function name does not match the specified qualifier."};
  }
  reference.qualifier = qualifier_parameter;
  return reference;
}

std::string FunctionArn(const FunctionRegistry& registry, const FunctionReference& reference) {
  const FunctionRegistry::Options& options = registry.options();
  return "arn:aws:lambda:" + options.region + ":" + options.account + ":function:" + reference.name +
         (reference.qualifier.empty() ? "" : ":" + reference.qualifier);
}

Error FunctionNotFound(const FunctionRegistry& registry, const FunctionReference& reference) {
  return {ErrorCode::kNotFound, "Function not found: " + FunctionArn(registry, reference)};
}

Result<FunctionVersionPtr> ResolveFunction(const FunctionRegistry& registry,
                                           const FunctionReference& reference) {
  auto version = registry.Resolve(reference.name, reference.qualifier);
  if (!version.ok() && version.error().code == ErrorCode::kNotFound)
    return FunctionNotFound(registry, reference);
  return version;
}

}  // namespace hearth
