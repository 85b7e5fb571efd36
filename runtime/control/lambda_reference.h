#pragma once

#include <string>

#include "runtime/base/result.h"
#include "runtime/model/function.h"
#include "runtime/registry/function_registry.h"

namespace hearth {

// The function that a path names, with the `Qualifier` parameter folded in. kInvalidArgument when the two
// name different ones.
Result<FunctionReference> ReadFunctionReference(const std::string& name,
                                                const std::string& qualifier_parameter);

// The version, or kNotFound in Lambda's words.
Result<FunctionVersionPtr> ResolveFunction(const FunctionRegistry& registry,
                                           const FunctionReference& reference);

std::string FunctionArn(const FunctionRegistry& registry, const FunctionReference& reference);
Error FunctionNotFound(const FunctionRegistry& registry, const FunctionReference& reference);

}  // namespace hearth
