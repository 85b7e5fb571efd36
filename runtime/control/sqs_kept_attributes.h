#pragma once

#include <functional>
#include <map>
#include <string>

#include "runtime/base/result.h"
#include "runtime/store/key_store.h"
#include "runtime/store/queue_store.h"

namespace hearth {

// Attributes of queues that only AWS gives a meaning (Policy, keys): kept so that clients read back what they
// wrote. They belong to the queue of that name and time of creation: what a removed queue leaves is never
// another's.
//
// Borrows: KeyStore&, outlives it.
// Thread:  loop thread; replies never come inside the call.
class SqsKeptAttributes final {
 public:
  using Attributes = std::map<std::string, std::string>;
  using Done = std::function<void(Status)>;

  explicit SqsKeptAttributes(KeyStore& keys) : keys_(keys) {}

  void Load(const QueueDescription& queue, std::function<void(Result<Attributes>)> reply) const;
  void Save(const QueueDescription& queue, const Attributes& attributes, Done done);
  void Forget(const std::string& queue, Done done);

 private:
  KeyStore& keys_;
};

}  // namespace hearth
