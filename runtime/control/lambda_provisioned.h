#pragma once

#include <vector>

#include "runtime/control/api_call.h"
#include "runtime/meter/account.h"
#include "runtime/registry/function_registry.h"

namespace hearth {

// Lambda's provisioned concurrency. Here it is a reservation without a term: what this sets, `hearth plan` shows
// and ends, and the other way round.
//
// Borrows: everything; all outlive it.
// Thread:  loop thread.
class LambdaProvisioned final {
 public:
  LambdaProvisioned(const FunctionRegistry& registry, Account& account, const Clock& clock)
      : registry_(registry), account_(account), clock_(clock) {}

  void Put(const ApiCallPtr& call);
  void Get(const ApiCallPtr& call) const;  // with ?List=ALL: those of all versions
  void Delete(const ApiCallPtr& call);

 private:
  struct Config {
    std::string version;
    uint32_t requested = 0;
    WallTime modified{};
    std::vector<std::string> commitments;
    Held held;  // for all of them
  };

  Result<FunctionVersionPtr> VersionOf(const ApiCall& call) const;
  std::vector<Config> ConfigsOf(const std::string& function) const;
  Result<Config> ConfigOf(const FunctionVersion& version) const;
  static Json ConfigJson(const Config& config);
  Status Change(const FunctionVersion& version, uint32_t requested);
  void List(const ApiCallPtr& call) const;

  const FunctionRegistry& registry_;
  Account& account_;
  const Clock& clock_;
};

}  // namespace hearth
