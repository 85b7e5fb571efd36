#pragma once

#include <functional>
#include <map>
#include <string>
#include <vector>

#include "runtime/base/weak_ptr.h"
#include "runtime/router/trigger.h"
#include "runtime/store/key_store.h"
#include "triggers/http/endpoint_config.h"

namespace hearth {

// The configurations of one kind of endpoint, by name, kept under "trigger/KIND/NAME".
//
// Borrows: KeyStore&, outlives it.
// Thread:  loop thread only.
// Failure: nothing changes in memory before it is durable.
// Promise: no callback runs after the destructor returns.
class EndpointDocuments final {
 public:
  EndpointDocuments(std::string kind, KeyStore& keys)
      : prefix_("trigger/" + std::move(kind) + "/"), keys_(keys) {}

  // Told of each that is loaded, stored or removed (null), once it is so.
  using OnChanged = std::function<void(const std::string& name, const EndpointConfig* config)>;
  void SetOnChanged(OnChanged on_changed) { on_changed_ = std::move(on_changed); }
  // `loaded` is given each stored one in turn; one that cannot be read ends the load with kCorrupt and its
  // name.
  void Load(std::function<Status(const std::string& name, EndpointConfig)> each, Trigger::Done loaded);
  void Store(std::string name, EndpointConfig config, Trigger::Done stored);
  void Remove(std::string name, Trigger::Done removed);  // kNotFound
  const EndpointConfig* Find(std::string_view name) const;
  const std::map<std::string, EndpointConfig, std::less<>>& all() const { return configs_; }
  std::vector<std::string> NamesOfFunction(std::string_view function) const;

 private:
  // Constant after construction.
  const std::string prefix_;
  // Borrowed.
  KeyStore& keys_;
  // Mutable.
  OnChanged on_changed_;
  std::map<std::string, EndpointConfig, std::less<>> configs_;
  WeakPtrFactory<EndpointDocuments> weak_{this};
};

}  // namespace hearth
