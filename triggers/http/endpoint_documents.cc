#include "triggers/http/endpoint_documents.h"

namespace hearth {

void EndpointDocuments::Load(std::function<Status(const std::string&, EndpointConfig)> each,
                             Trigger::Done loaded) {
  keys_.List(prefix_, [weak = weak_.Get(), each = std::move(each),
                       loaded = std::move(loaded)](Result<std::vector<KeyStore::Entry>> entries) {
    if (!weak) return;
    if (!entries.ok()) return loaded(entries.error().WithContext("load " + weak->prefix_));
    for (const KeyStore::Entry& entry : *entries) {
      const std::string name = entry.key.substr(weak->prefix_.size());
      auto config = DecodeEndpointConfig(entry.value);
      Status taken = config.ok() ? each(name, *config) : Status(config.error());
      if (!taken.ok())
        return loaded(Error{ErrorCode::kCorrupt, "load " + entry.key + ": " + taken.error().message});
      weak->configs_[name] = std::move(config).value();
      if (weak->on_changed_) weak->on_changed_(name, weak->Find(name));
    }
    loaded(Ok());
  });
}

void EndpointDocuments::Store(std::string name, EndpointConfig config, Trigger::Done stored) {
  std::vector<KeyStore::Write> writes = {{prefix_ + name, EncodeEndpointConfig(config)}};
  keys_.Apply(std::move(writes), [weak = weak_.Get(), name = std::move(name), config = std::move(config),
                                  stored = std::move(stored)](Status status) {
    if (!weak) return;
    if (status.ok()) weak->configs_[name] = config;
    if (status.ok() && weak->on_changed_) weak->on_changed_(name, &config);
    stored(std::move(status));
  });
}

void EndpointDocuments::Remove(std::string name, Trigger::Done removed) {
  std::vector<KeyStore::Write> writes = {{prefix_ + name, std::nullopt}};
  keys_.Apply(std::move(writes),
              [weak = weak_.Get(), name = std::move(name), removed = std::move(removed)](Status status) {
                if (!weak) return;
                const bool known = weak->configs_.contains(name);
                if (status.ok()) weak->configs_.erase(name);
                if (status.ok() && weak->on_changed_) weak->on_changed_(name, nullptr);
                if (status.ok() && !known)
                  status = Error{ErrorCode::kNotFound, "there is no " + weak->prefix_ + name};
                removed(std::move(status));
              });
}

const EndpointConfig* EndpointDocuments::Find(std::string_view name) const {
  const auto found = configs_.find(name);
  return found == configs_.end() ? nullptr : &found->second;
}

std::vector<std::string> EndpointDocuments::NamesOfFunction(std::string_view function) const {
  std::vector<std::string> names;
  for (const auto& [name, config] : configs_) {
    if (config.function == function) names.push_back(name);
  }
  return names;
}

}  // namespace hearth
