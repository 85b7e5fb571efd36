#pragma once

#include <map>

#include "runtime/base/weak_ptr.h"
#include "runtime/loop/executor.h"
#include "runtime/store/key_store.h"

namespace hearth {

// KeyStore for tests: KeyStore's semantics without the disk.
//
// Borrows: Executor&, outlives it.
// Thread:  the executor's. Calls take effect at once, completions are posted.
class MemoryKeyStore final : public KeyStore {
 public:
  explicit MemoryKeyStore(Executor& executor) : executor_(executor) {}

  void Apply(std::vector<Write> writes, Done done) override;
  void Get(std::string key, std::function<void(Result<std::optional<std::string>>)> done) override;
  void List(std::string prefix, std::function<void(Result<std::vector<Entry>>)> done) override;

  // The next call changes nothing and completes with `error`. Several add up, in order.
  void FailNext(Error error) { failures_.push_back(std::move(error)); }
  void FailNoMore() { failures_.clear(); }

 private:
  Status TakeFailure();
  template <class T>
  void Reply(std::function<void(Result<T>)> done, Result<T> result);

  Executor& executor_;
  std::map<std::string, std::string> entries_;
  std::vector<Error> failures_;
  WeakPtrFactory<MemoryKeyStore> weak_factory_{this};
};

}  // namespace hearth
