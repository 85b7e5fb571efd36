#pragma once

#include <map>
#include <string>
#include <utility>

#include "runtime/base/log.h"
#include "runtime/base/weak_ptr.h"
#include "runtime/loop/executor.h"
#include "runtime/model/invocation_record.h"
#include "runtime/registry/function_registry.h"
#include "runtime/router/error_window.h"

namespace hearth {

// Takes back what an alias was given last, its canary or its new version, when too many of that version's attempts
// fail: for aliases that ask for it (FunctionAlias::rollback_errors). Attempts count whoever asked for the version.
//
// Owns:    what has been counted; it begins anew with each change of the alias, and with each start of the daemon.
// Borrows: registry, executor, log; all outlive it.
// Thread:  loop thread.
// Limits:  one look at a map that is mostly empty for each attempt.
// Failure: an alias that is being changed is looked at again with the next attempt that fails.
class AliasWatch final {
 public:
  AliasWatch(FunctionRegistry& registry, Executor& executor, Log& log);
  ~AliasWatch();

  void OnInvocationSettled(const InvocationRecord& record) {
    if (!watched_.empty()) Count(record);
  }

 private:
  struct Watched {
    std::string revision_id;
    double errors_max = 0;
    uint64_t requests_min = 0;
    ErrorWindow window;
  };
  struct Key {
    std::string function, version, alias;
    friend auto operator<=>(const Key&, const Key&) = default;
  };

  void OnAliasesChanged();
  void Count(const InvocationRecord& record);
  void RollBack(const Key& key, const Watched& watched, const ErrorWindow::Totals& totals);

  // Borrowed.
  FunctionRegistry& registry_;
  Executor& executor_;
  Log& log_;
  // Mutable.
  std::map<Key, Watched> watched_;
  WeakPtrFactory<AliasWatch> weak_{this};
};

}  // namespace hearth
