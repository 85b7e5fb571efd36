#pragma once

#include <memory>
#include <string>
#include <vector>

#include "runtime/base/result.h"
#include "runtime/model/function.h"
#include "runtime/model/function_scaling.h"

namespace hearth {

using FunctionVersionPtr = std::shared_ptr<const FunctionVersion>;

// What a name means, for one event: what the router reads of the registry.
//
// Thread: that of the loop whose router reads it.
class FunctionDirectory {
 public:
  virtual ~FunctionDirectory() = default;
  // An alias is its version, not its canary. kNotFound.
  virtual Result<FunctionVersionPtr> Resolve(const std::string& name, const std::string& qualifier) const = 0;
  // The same for one event: of an alias with a canary, `draw` (any 64 bits) says which of the two.
  virtual Result<FunctionVersionPtr> ResolveFor(const std::string& name, const std::string& qualifier,
                                                uint64_t draw) const = 0;
  virtual FunctionScaling ScalingOf(const std::string& name) const = 0;  // the default for an unknown one
  virtual std::vector<FunctionVersionPtr> List() const = 0;              // the $LATEST of each, by name
};

}  // namespace hearth
