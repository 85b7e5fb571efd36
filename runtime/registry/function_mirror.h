#pragma once

#include <map>
#include <string>
#include <vector>

#include "runtime/model/function_alias.h"
#include "runtime/registry/function_directory.h"

namespace hearth {

// What another loop's router reads of the registry: a copy of its own, kept by what the registry tells. Its versions are
// objects of this loop alone, so that no count of references is shared between processors.
//
// Thread: that of its loop.
class FunctionMirror final : public FunctionDirectory {
 public:
  // `arn_prefix`: of a function that nobody has, up to its name, for messages.
  explicit FunctionMirror(std::string arn_prefix) : arn_prefix_(std::move(arn_prefix)) {}

  void Put(FunctionVersion version);
  // The version is gone; with "$LATEST" the whole function.
  void Remove(const std::string& name, const std::string& version);
  void SetAliases(const std::string& name, const std::vector<FunctionAlias>& aliases);
  void SetScaling(const std::string& name, FunctionScaling scaling);

  Result<FunctionVersionPtr> Resolve(const std::string& name, const std::string& qualifier) const override;
  Result<FunctionVersionPtr> ResolveFor(const std::string& name, const std::string& qualifier,
                                        uint64_t draw) const override;
  FunctionScaling ScalingOf(const std::string& name) const override;
  std::vector<FunctionVersionPtr> List() const override;

 private:
  struct Function {
    std::map<std::string, FunctionVersionPtr, std::less<>> versions;  // "$LATEST", "1", ...
    std::map<std::string, FunctionAlias, std::less<>> aliases;
    FunctionScaling scaling;
  };
  const FunctionAlias* FindAlias(const std::string& name, const std::string& qualifier) const;
  Result<FunctionVersionPtr> Find(const std::string& name, const std::string& version) const;

  const std::string arn_prefix_;
  std::map<std::string, Function, std::less<>> functions_;
};

}  // namespace hearth
