#include "runtime/registry/event_invoke_configs.h"

#include <string_view>

namespace hearth {
namespace {

constexpr std::string_view kPrefix = "event-invoke/";

std::string KeyOf(const std::string& function, const std::string& qualifier) {
  return std::string(kPrefix) + function + "/" + qualifier;
}

}  // namespace

void EventInvokeConfigs::Load(Done done) {
  keys_.List(std::string(kPrefix),
             [weak = weak_.Get(), done = std::move(done)](Result<std::vector<KeyStore::Entry>> entries) {
               if (!weak) return;
               if (!entries.ok())
                 return done(entries.error().WithContext("load event invoke configurations"));
               for (const KeyStore::Entry& entry : *entries) {
                 auto config = DecodeEventInvokeJson(entry.value);
                 if (!config.ok()) return done(config.error().WithContext(entry.key));
                 const std::string name = entry.key.substr(kPrefix.size());
                 const size_t slash = name.find('/');
                 if (slash == std::string::npos) continue;
                 weak->configs_[name.substr(0, slash)][name.substr(slash + 1)] = std::move(config).value();
               }
               done(Ok());
             });
}

void EventInvokeConfigs::Put(const std::string& function, const std::string& qualifier,
                             EventInvokeConfig config, Done done) {
  const std::string named = Qualifier(qualifier);
  keys_.Apply({{KeyOf(function, named), EncodeEventInvokeJson(config)}},
              [weak = weak_.Get(), function, named, config, done = std::move(done)](const Status& stored) {
                if (!weak) return;
                if (stored.ok()) weak->configs_[function][named] = config;
                done(stored);
              });
}

void EventInvokeConfigs::Remove(const std::string& function, const std::string& qualifier, Done done) {
  const std::string named = Qualifier(qualifier);
  const bool there = Find(function, qualifier) != nullptr;
  keys_.Apply({{KeyOf(function, named), std::nullopt}},
              [weak = weak_.Get(), function, named, there, done = std::move(done)](const Status& stored) {
                if (!weak) return;
                if (!stored.ok()) return done(stored);
                if (const auto found = weak->configs_.find(function); found != weak->configs_.end())
                  found->second.erase(named);
                if (there) return done(Ok());
                done(Error{ErrorCode::kNotFound,
                           "The function " + function + ":" + named + " doesn't have an EventInvokeConfig"});
              });
}

const EventInvokeConfig* EventInvokeConfigs::Find(const std::string& function,
                                                  const std::string& qualifier) const {
  const auto found = configs_.find(function);
  if (found == configs_.end()) return nullptr;
  const auto config = found->second.find(Qualifier(qualifier));
  return config == found->second.end() ? nullptr : &config->second;
}

std::vector<EventInvokeConfigs::Named> EventInvokeConfigs::List(const std::string& function) const {
  const auto found = configs_.find(function);
  if (found == configs_.end()) return {};
  return {found->second.begin(), found->second.end()};
}

void EventInvokeConfigs::Forget(const std::string& function, const std::string& qualifier) {
  const auto found = configs_.find(function);
  if (found == configs_.end()) return;
  std::vector<KeyStore::Write> writes;
  for (const auto& [named, config] : found->second) {
    if (qualifier.empty() || named == qualifier) writes.push_back({KeyOf(function, named), std::nullopt});
  }
  if (qualifier.empty()) {
    configs_.erase(found);
  } else {
    found->second.erase(qualifier);
  }
  if (!writes.empty()) keys_.Apply(std::move(writes), [](const Status&) {});
}

}  // namespace hearth
