#include "runtime/registry/function_mirror.h"

#include <utility>

namespace hearth {
namespace {

constexpr std::string_view kLatest = "$LATEST";

}  // namespace

void FunctionMirror::Put(FunctionVersion version) {
  Function& function = functions_[version.function];
  auto owned = std::make_shared<const FunctionVersion>(std::move(version));
  function.versions[owned->version] = owned;
}

void FunctionMirror::Remove(const std::string& name, const std::string& version) {
  const auto found = functions_.find(name);
  if (found == functions_.end()) return;
  found->second.versions.erase(version);
  if (version == kLatest) functions_.erase(found);
}

void FunctionMirror::SetAliases(const std::string& name, const std::vector<FunctionAlias>& aliases) {
  const auto found = functions_.find(name);
  if (found == functions_.end()) return;
  found->second.aliases.clear();
  for (const FunctionAlias& alias : aliases) found->second.aliases.emplace(alias.name, alias);
}

void FunctionMirror::SetScaling(const std::string& name, FunctionScaling scaling) {
  const auto found = functions_.find(name);
  if (found != functions_.end()) found->second.scaling = scaling;
}

const FunctionAlias* FunctionMirror::FindAlias(const std::string& name, const std::string& qualifier) const {
  const auto function = qualifier.empty() ? functions_.end() : functions_.find(name);
  if (function == functions_.end()) return nullptr;
  const auto alias = function->second.aliases.find(qualifier);
  return alias == function->second.aliases.end() ? nullptr : &alias->second;
}

Result<FunctionVersionPtr> FunctionMirror::Find(const std::string& name, const std::string& version) const {
  const auto function = functions_.find(name);
  if (function != functions_.end()) {
    const auto found = function->second.versions.find(version.empty() ? kLatest : std::string_view(version));
    if (found != function->second.versions.end()) return found->second;
  }
  const bool unqualified = function == functions_.end() || version.empty();
  return Error{ErrorCode::kNotFound,
               "Function not found: " + arn_prefix_ + name + (unqualified ? "" : ":" + version)};
}

Result<FunctionVersionPtr> FunctionMirror::Resolve(const std::string& name,
                                                   const std::string& qualifier) const {
  const FunctionAlias* alias = FindAlias(name, qualifier);
  return Find(name, alias == nullptr ? qualifier : alias->version);
}

Result<FunctionVersionPtr> FunctionMirror::ResolveFor(const std::string& name, const std::string& qualifier,
                                                      uint64_t draw) const {
  const FunctionAlias* alias = FindAlias(name, qualifier);
  return Find(name, alias == nullptr ? qualifier : VersionFor(*alias, draw));
}

FunctionScaling FunctionMirror::ScalingOf(const std::string& name) const {
  const auto found = functions_.find(name);
  return found == functions_.end() ? FunctionScaling() : found->second.scaling;
}

std::vector<FunctionVersionPtr> FunctionMirror::List() const {
  std::vector<FunctionVersionPtr> all;
  for (const auto& [name, function] : functions_) {
    const auto latest = function.versions.find(kLatest);
    if (latest != function.versions.end()) all.push_back(latest->second);
  }
  return all;
}

}  // namespace hearth
