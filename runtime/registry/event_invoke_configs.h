#pragma once

#include <functional>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "runtime/base/result.h"
#include "runtime/base/weak_ptr.h"
#include "runtime/model/event_invoke_config.h"
#include "runtime/store/key_store.h"

namespace hearth {

// How functions want their asynchronous events tried, of each function and qualifier ("$LATEST", a version, an alias)
// that says so.
//
// Owns:    the table, kept in `keys` under "event-invoke/NAME/QUALIFIER".
// Borrows: the store; it outlives it.
// Thread:  loop thread; replies run later, never inside the call.
// Failure: nothing changes in memory before it is durable.
class EventInvokeConfigs final {
 public:
  using Done = std::function<void(Status)>;
  using Named = std::pair<std::string, EventInvokeConfig>;  // by qualifier

  explicit EventInvokeConfigs(KeyStore& keys) : keys_(keys) {}

  void Load(Done done);  // once, before anything else
  // In place of what was there.
  void Put(const std::string& function, const std::string& qualifier, EventInvokeConfig config, Done done);
  void Remove(const std::string& function, const std::string& qualifier, Done done);  // kNotFound
  const EventInvokeConfig* Find(const std::string& function, const std::string& qualifier) const;
  // In order of the qualifiers.
  std::vector<Named> List(const std::string& function) const;
  // It, or a version of it, has been deleted; "": all of it.
  void Forget(const std::string& function, const std::string& qualifier);

 private:
  static std::string Qualifier(const std::string& given) { return given.empty() ? "$LATEST" : given; }

  KeyStore& keys_;
  std::map<std::string, std::map<std::string, EventInvokeConfig>> configs_;  // function -> qualifier
  WeakPtrFactory<EventInvokeConfigs> weak_{this};
};

}  // namespace hearth
