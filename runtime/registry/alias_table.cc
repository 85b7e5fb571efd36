#include "runtime/registry/alias_table.h"

#include <string_view>
#include <utility>

#include "runtime/base/ids.h"

namespace hearth {
namespace {

constexpr std::string_view kPrefix = "function-alias/";

std::string KeyOf(const std::string& function, const std::string& name) {
  return std::string(kPrefix) + function + "/" + name;
}

bool SendsTo(const FunctionAlias& alias, const std::string& version) {
  return alias.version == version || alias.canary_version == version;
}

Error IsChanging(const std::string& name) {
  return {ErrorCode::kConflict, "alias " + name + " is being changed; try again"};
}

}  // namespace

void AliasTable::Load(Done done) {
  keys_.List(std::string(kPrefix),
             [weak = weak_.Get(), done = std::move(done)](Result<std::vector<KeyStore::Entry>> entries) {
               if (!weak) return;
               if (!entries.ok()) return done(entries.error().WithContext("load aliases"));
               for (const KeyStore::Entry& entry : *entries) {
                 auto alias = DecodeAliasJson(entry.value);
                 if (!alias.ok()) return done(alias.error().WithContext(entry.key));
                 const std::string path = entry.key.substr(kPrefix.size());
                 weak->aliases_[path.substr(0, path.find('/'))][alias->name] = *alias;
               }
               weak->Changed("");
               done(Ok());
             });
}

const FunctionAlias* AliasTable::Find(const std::string& function, const std::string& name) const {
  const auto found = aliases_.find(function);
  if (found == aliases_.end()) return nullptr;
  const auto alias = found->second.find(name);
  return alias == found->second.end() ? nullptr : &alias->second;
}

std::vector<FunctionAlias> AliasTable::List(const std::string& function) const {
  std::vector<FunctionAlias> all;
  const auto found = aliases_.find(function);
  if (found == aliases_.end()) return all;
  for (const auto& [name, alias] : found->second) all.push_back(alias);
  return all;
}

std::vector<std::pair<std::string, FunctionAlias>> AliasTable::Watching() const {
  std::vector<std::pair<std::string, FunctionAlias>> all;
  for (const auto& [function, aliases] : aliases_) {
    for (const auto& [name, alias] : aliases) {
      if (!alias.watched_version.empty()) all.emplace_back(function, alias);
    }
  }
  return all;
}

bool AliasTable::Uses(const std::string& function, const std::string& version) const {
  if (const auto found = aliases_.find(function); found != aliases_.end()) {
    for (const auto& [name, alias] : found->second) {
      if (SendsTo(alias, version)) return true;
    }
  }
  for (const auto& [of, alias] : changing_) {
    if (of.first == function && SendsTo(alias, version)) return true;
  }
  return false;
}

void AliasTable::Create(const std::string& function, FunctionAlias alias, Reply reply) {
  if (const Status valid = ValidateAlias(alias); !valid.ok()) return reply(valid.error());
  if (Find(function, alias.name) != nullptr)
    return reply(Error{ErrorCode::kAlreadyExists, "Alias already exists: " + function + ":" + alias.name});
  alias.watched_version = alias.rollback_errors > 0 ? alias.canary_version : std::string();
  if (alias.watched_version.empty()) alias.rollback_errors = 0;
  Store(function, std::move(alias), std::move(reply));
}

void AliasTable::Update(const std::string& function, const std::string& name,
                        const std::optional<std::string>& revision_id, const Change& change, Reply reply) {
  const FunctionAlias* known = Find(function, name);
  if (known == nullptr)
    return reply(Error{ErrorCode::kNotFound, "Cannot find alias " + function + ":" + name});
  if (revision_id && *revision_id != known->revision_id) {
    return reply(Error{ErrorCode::kPrecondition,
                       "The Revision Id provided does not match the latest Revision Id. Call the "
                       "GetFunction/GetAlias API to retrieve the latest Revision Id"});
  }
  FunctionAlias alias = *known;
  alias.rolled_back.clear();
  Status changed = change(alias);
  if (changed.ok()) changed = ValidateAlias(alias);
  if (!changed.ok()) return reply(changed.error());
  if (alias.version != known->version) alias.previous_version = known->version;
  alias.watched_version = alias.rollback_errors > 0 ? WatchedVersion(*known, alias) : std::string();
  if (alias.watched_version.empty()) alias.rollback_errors = 0;
  Store(function, std::move(alias), std::move(reply));
}

void AliasTable::Store(const std::string& function, FunctionAlias alias, Reply reply) {
  const Name of{function, alias.name};
  if (changing_.count(of) != 0) return reply(IsChanging(alias.name));
  alias.revision_id = MakeUuid(random_);
  changing_[of] = alias;
  const FunctionAlias* known = Find(function, alias.name);
  if (known == nullptr || !prepare_) return Keep(of, alias, reply);
  prepare_(function, *known, alias,
           [weak = weak_.Get(), of, alias, reply = std::move(reply)](const Status& ready) {
             if (!weak) return;
             if (ready.ok() && weak->Find(of.first, of.second) != nullptr)
               return weak->Keep(of, alias, reply);
             weak->changing_.erase(of);
             if (!ready.ok()) return reply(ready.error());
             reply(Error{ErrorCode::kNotFound, "Cannot find alias " + of.first + ":" + of.second});
           });
}

void AliasTable::Keep(const Name& of, const FunctionAlias& alias, const Reply& reply) {
  keys_.Apply({{KeyOf(of.first, alias.name), EncodeAliasJson(alias)}},
              [weak = weak_.Get(), of, alias, reply](const Status& stored) {
                if (!weak) return;
                weak->changing_.erase(of);
                if (!stored.ok()) return reply(stored.error().WithContext("store alias " + alias.name));
                weak->aliases_[of.first][alias.name] = alias;
                weak->Changed(of.first);
                reply(alias);
              });
}

void AliasTable::Remove(const std::string& function, const std::string& name, Done done) {
  if (Find(function, name) == nullptr)
    return done(Error{ErrorCode::kNotFound, "Cannot find alias " + function + ":" + name});
  if (changing_.count({function, name}) != 0) return done(IsChanging(name));
  keys_.Apply({{KeyOf(function, name), std::nullopt}},
              [weak = weak_.Get(), function, name, done = std::move(done)](const Status& stored) {
                if (!weak) return;
                if (!stored.ok()) return done(stored);
                if (const auto found = weak->aliases_.find(function); found != weak->aliases_.end())
                  found->second.erase(name);
                weak->Changed(function);
                done(Ok());
              });
}

void AliasTable::Forget(const std::string& function) {
  const auto found = aliases_.find(function);
  if (found == aliases_.end()) return;
  std::vector<KeyStore::Write> writes;
  for (const auto& [name, alias] : found->second) writes.push_back({KeyOf(function, name), std::nullopt});
  aliases_.erase(found);
  Changed(function);
  if (!writes.empty()) keys_.Apply(std::move(writes), [](const Status&) {});
}

}  // namespace hearth
