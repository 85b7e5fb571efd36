#include "runtime/registry/function_registry.h"

#include <algorithm>
#include <charconv>
#include <utility>

#include "runtime/base/ids.h"

namespace hearth {
namespace {

constexpr std::string_view kPrefix = "function/";
constexpr std::string_view kNumberPrefix = "function-number/";
constexpr std::string_view kLatest = "$LATEST";

std::string KeyOf(const FunctionVersion& v) { return std::string(kPrefix) + v.function + "/" + v.version; }

constexpr std::string_view kScalingPrefix = "function-scaling/";

std::string ScalingKeyOf(const std::string& name) { return std::string(kScalingPrefix) + name; }

std::string NumberKeyOf(const std::string& name) { return std::string(kNumberPrefix) + name; }

Error NoSuchFunction(const std::string& arn) { return {ErrorCode::kNotFound, "Function not found: " + arn}; }

// As it is written: "1", not "01".
std::optional<uint64_t> VersionNumber(std::string_view text) {
  if (text.starts_with('0')) return std::nullopt;
  uint64_t number = 0;
  const auto [end, failure] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (failure != std::errc() || end != text.data() + text.size()) return std::nullopt;
  return number;
}

// What a bare object without a handler name is called: the author has to say nothing.
constexpr char kDefaultLibrary[] = "libfunction.so";

}  // namespace

FunctionRegistry::FunctionRegistry(Options options, KeyStore& keys, CodeFolders& code,
                                   ArtefactChecker& checker, const Clock& clock, Random& random)
    : options_(std::move(options)),
      keys_(keys),
      code_(code),
      checker_(checker),
      clock_(clock),
      random_(random),
      aliases_(keys, random),
      layers_(keys, code, checker, clock) {
  layers_.SetOnChanged([this] { CollectCode(); });
  aliases_.SetOnChanged([this](const std::string& function) {
    if (aliases_changed_) aliases_changed_();
    if (observer_ != nullptr && !function.empty()) observer_->OnAliasesChanged(function);
  });
  aliases_.SetPrepare([this](const std::string& function, const FunctionAlias& now, const FunctionAlias& next,
                             Done ready) { WarmAlias(function, now, next, std::move(ready)); });
}

std::string FunctionRegistry::ArnOf(const std::string& name) const {
  return "arn:aws:lambda:" + options_.region + ":" + options_.account + ":function:" + name;
}

void FunctionRegistry::Load(Done done) {
  keys_.List(std::string(kPrefix),
             [weak = weak_.Get(), done = std::move(done)](Result<std::vector<KeyStore::Entry>> entries) {
               if (!weak) return;
               if (!entries.ok()) return done(entries.error().WithContext("load functions"));
               for (const KeyStore::Entry& entry : *entries) {
                 auto decoded = DecodeFunctionJson(entry.value);
                 if (!decoded.ok()) return done(decoded.error().WithContext(entry.key));
                 auto version = weak->Own(std::move(decoded).value());
                 version->generation = weak->next_generation_++;
                 version->code.folder = weak->code_.PathNow(version->code.folder);
                 version->layers_folder = weak->code_.PathNow(version->layers_folder);
                 weak->Place(std::move(version));
               }
               weak->LoadNumbers(done);
             });
}

void FunctionRegistry::LoadNumbers(Done done) {
  keys_.List(std::string(kNumberPrefix),
             [weak = weak_.Get(), done = std::move(done)](Result<std::vector<KeyStore::Entry>> entries) {
               if (!weak) return;
               if (!entries.ok()) return done(entries.error().WithContext("load functions"));
               for (const KeyStore::Entry& entry : *entries) {
                 const auto function = weak->functions_.find(entry.key.substr(kNumberPrefix.size()));
                 const auto number = VersionNumber(entry.value);
                 if (!number)
                   return done(Error{ErrorCode::kCorrupt, entry.key + ": not a number: " + entry.value});
                 if (function == weak->functions_.end()) continue;
                 function->second.number_last = std::max(function->second.number_last, *number);
               }
               weak->LoadScaling(done);
             });
}

void FunctionRegistry::LoadScaling(Done done) {
  keys_.List(std::string(kScalingPrefix),
             [weak = weak_.Get(), done = std::move(done)](Result<std::vector<KeyStore::Entry>> entries) {
               if (!weak) return;
               if (!entries.ok()) return done(entries.error().WithContext("load functions"));
               for (const KeyStore::Entry& entry : *entries) {
                 auto scaling = DecodeScalingJson(entry.value);
                 if (!scaling.ok()) return done(scaling.error().WithContext(entry.key));
                 const std::string name = entry.key.substr(kScalingPrefix.size());
                 const auto function = weak->functions_.find(name);
                 if (function == weak->functions_.end()) continue;
                 function->second.scaling = *scaling;
                 if (weak->observer_ != nullptr) weak->observer_->OnScalingChanged(name);
               }
               weak->layers_.Load([weak, done](const Status& loaded) {
                 if (!weak) return;
                 if (!loaded.ok()) return done(loaded);
                 weak->CollectCode();
                 weak->aliases_.Load(done);
               });
             });
}

void FunctionRegistry::Place(const FunctionVersionPtr& version) {
  Function& function = functions_[version->function];
  function.host_uid = version->host_uid;
  if (const auto number = VersionNumber(version->version)) {
    function.published[*number] = version;
    function.number_last = std::max(function.number_last, *number);
  } else {
    function.latest = version;
  }
}

// Folders that no version needs; called when nothing is being deployed, since a deploy's folder is not in the
// table yet.
void FunctionRegistry::CollectCode() {
  collection_owed_ = true;
  if (layers_.publishing()) return;
  std::vector<std::string> kept = layers_.Folders();
  const auto keep = [&kept](const FunctionVersion& version) {
    kept.push_back(version.code.folder);
    if (!version.layers_folder.empty()) kept.push_back(version.layers_folder);
  };
  for (const auto& [name, function] : functions_) {
    if (function.changing) return;
    if (function.latest) keep(*function.latest);
    for (const auto& [number, version] : function.published) keep(*version);
  }
  std::erase_if(retired_, [](const auto& version) { return version.expired(); });
  for (const auto& version : retired_) keep(*version.lock());
  collection_owed_ = false;
  code_.Collect(std::move(kept));
}

std::shared_ptr<FunctionVersion> FunctionRegistry::Own(FunctionVersion version) {
  return {new FunctionVersion(std::move(version)), [weak = weak_.Get()](const FunctionVersion* gone) {
            delete gone;
            if (weak) weak->OnVersionGone();
          }};
}

// The last worker of a version that was replaced may go anywhere, also inside a change of ours: what is to be kept is
// read, and nothing is changed.
void FunctionRegistry::OnVersionGone() {
  const bool was_retired =
      std::any_of(retired_.begin(), retired_.end(), [](const auto& version) { return version.expired(); });
  if (was_retired) CollectCode();
}

void FunctionRegistry::Create(std::string name, FunctionSettings settings, std::string package, Reply reply) {
  if (settings.handler.empty()) settings.handler = kDefaultLibrary;
  Status valid = ValidateFunctionName(name);
  if (valid.ok()) valid = ValidateSettings(settings);
  if (valid.ok()) valid = FindFiles(settings, nullptr);
  if (!valid.ok()) return reply(valid.error());
  if (functions_.count(name) != 0) {
    return reply(Error{ErrorCode::kAlreadyExists, "Function already exist: " + name});
  }
  auto version = Own({});
  version->function = name;
  version->version = kLatest;
  version->arn = ArnOf(name);
  version->settings = std::move(settings);
  version->host_uid = NextUid();
  version->secrets_revision = secrets_ == nullptr ? 0 : secrets_->revision();
  Function& function = functions_[name];
  function.host_uid = version->host_uid;
  function.changing = true;
  Deploy(std::move(version), std::move(package), std::move(reply));
}

void FunctionRegistry::UpdateCode(std::string name, std::string package, SettingsChange change,
                                  Expected expected, Reply reply) {
  auto version = BeginChanged(name, change, expected);
  if (!version.ok()) return reply(std::move(version).error());
  Deploy(std::move(version).value(), std::move(package), std::move(reply));
}

void FunctionRegistry::UpdateSettings(std::string name, SettingsChange change, Expected expected,
                                      Reply reply) {
  auto version = BeginChanged(name, change, expected);
  if (!version.ok()) return reply(std::move(version).error());
  AttachLayers(std::move(version).value(), std::move(reply));
}

Result<std::shared_ptr<FunctionVersion>> FunctionRegistry::BeginChanged(const std::string& name,
                                                                        const SettingsChange& change,
                                                                        const Expected& expected) {
  HEARTH_ASSIGN(Function * function, BeginChange(name, expected));
  auto version = Own(*function->latest);
  Status valid = change ? change(version->settings) : Ok();
  if (valid.ok()) valid = ValidateSettings(version->settings);
  if (valid.ok()) valid = FindFiles(version->settings, function->latest.get());
  version->secrets_revision = secrets_ == nullptr ? 0 : secrets_->revision();
  if (valid.ok()) return version;
  function->changing = false;
  return valid.error();
}

void FunctionRegistry::UpdateScaling(std::string name, const ScalingChange& change, Done done) {
  auto found = BeginChange(name, {});
  if (!found.ok()) return done(found.error());
  FunctionScaling scaling = (*found)->scaling;
  Status changed = change(scaling);
  if (changed.ok()) changed = ValidateScaling(scaling);
  if (!changed.ok()) {
    (*found)->changing = false;
    return done(changed);
  }
  keys_.Apply({{ScalingKeyOf(name), EncodeScalingJson(scaling)}},
              [weak = weak_.Get(), name, scaling, done = std::move(done)](Status stored) {
                if (!weak) return;
                Function& function = weak->functions_[name];
                function.changing = false;
                if (!stored.ok()) return done(stored.error().WithContext("change how " + name + " scales"));
                function.scaling = scaling;
                if (weak->observer_ != nullptr) weak->observer_->OnScalingChanged(name);
                done(Ok());
              });
}

void FunctionRegistry::Publish(std::string name, std::string description, Expected expected, Reply reply) {
  auto found = BeginChange(name, expected);
  if (!found.ok()) return reply(std::move(found).error());
  Function& function = **found;
  if (!function.published.empty()) {
    const FunctionVersionPtr& newest = function.published.rbegin()->second;
    if (newest->code.sha256_base64 == function.latest->code.sha256_base64 &&
        EncodeUnstampedSettings(*newest) == EncodeUnstampedSettings(*function.latest)) {
      function.changing = false;
      return reply(newest);
    }
  }
  auto version = Own(*function.latest);
  version->version = std::to_string(function.number_last + 1);
  version->arn = ArnOf(name) + ":" + version->version;
  if (!description.empty()) version->settings.description = std::move(description);
  Stamp(*version);
  if (StartsFromSnapshot(*version)) return SnapshotAndStore(version, reply);
  Store(std::move(version), std::move(reply));
}

void FunctionRegistry::SnapshotAndStore(const std::shared_ptr<FunctionVersion>& version, const Reply& reply) {
  checker_.TakeSnapshot(version, [weak = weak_.Get(), version, reply](Result<nanoseconds> init) {
    if (!weak) return;
    if (!init.ok()) {
      weak->Forgo(version);
      return weak->Refuse(version->function,
                          init.error().WithContext("version " + version->version + " is not published"),
                          reply);
    }
    weak->Store(version, [weak, version, init = *init, reply](Result<FunctionVersionPtr> stored) {
      if (stored.ok() && weak->observer_ != nullptr) weak->observer_->OnSnapshot(version, init);
      reply(std::move(stored));
    });
  });
}

// All of a version's settings but the description, which publishing may change.
std::string FunctionRegistry::EncodeUnstampedSettings(FunctionVersion version) {
  version.version.clear();
  version.arn.clear();
  version.revision_id.clear();
  version.last_modified = {};
  version.settings.description.clear();
  return EncodeFunctionJson(version);
}

void FunctionRegistry::Delete(std::string name, std::string qualifier, Done done) {
  if (qualifier == kLatest) {
    return done(Error{ErrorCode::kInvalidArgument,
                      "$LATEST version cannot be deleted without deleting the function."});
  }
  auto found = BeginChange(name, {});
  if (!found.ok()) return done(found.error());
  std::vector<FunctionVersionPtr> gone;
  Function& function = **found;
  const auto number = VersionNumber(qualifier);
  if (!qualifier.empty()) {
    const auto version = number ? function.published.find(*number) : function.published.end();
    if (version == function.published.end()) {
      function.changing = false;
      return done(NoSuchFunction(ArnOf(name) + ":" + qualifier));
    }
    if (aliases_.Uses(name, qualifier)) {
      function.changing = false;
      return done(Error{ErrorCode::kConflict, "Function version " + qualifier + " is used by an alias of " +
                                                  name + "; point that to another version first"});
    }
    gone.push_back(version->second);
  } else {
    gone.push_back(function.latest);
    for (const auto& [n, version] : function.published) gone.push_back(version);
  }
  std::vector<KeyStore::Write> writes;
  if (!number) {
    writes.push_back({NumberKeyOf(name), std::nullopt});
    writes.push_back({ScalingKeyOf(name), std::nullopt});
  }
  for (const FunctionVersionPtr& version : gone) writes.push_back({KeyOf(*version), std::nullopt});
  keys_.Apply(std::move(writes), [weak = weak_.Get(), name, number, done = std::move(done)](Status stored) {
    if (!weak) return;
    weak->functions_[name].changing = false;
    if (!stored.ok()) return done(stored.error().WithContext("delete " + name));
    weak->OnDeleted(name, number);
    done(Ok());
  });
}

void FunctionRegistry::OnDeleted(const std::string& name, std::optional<uint64_t> number) {
  Function& function = functions_[name];
  std::vector<FunctionVersionPtr> gone;
  if (number) {
    gone.push_back(function.published.extract(*number).mapped());
  } else {
    gone.push_back(std::move(function.latest));
    for (auto& [n, version] : function.published) gone.push_back(std::move(version));
    functions_.erase(name);
    aliases_.Forget(name);
  }
  for (FunctionVersionPtr& version : gone) {
    retired_.push_back(version);
    if (observer_ != nullptr) observer_->OnReplaced(version, nullptr);
    version.reset();
  }
  CollectCode();
}

Result<FunctionRegistry::Function*> FunctionRegistry::BeginChange(const std::string& name,
                                                                  const Expected& expected) {
  const auto found = functions_.find(name);
  if (found == functions_.end() || !found->second.latest) return NoSuchFunction(ArnOf(name));
  Function& function = found->second;
  if (function.changing) {
    return Error{ErrorCode::kConflict,
                 "The operation cannot be performed at this time. An update is in progress for resource: " +
                     ArnOf(name)};
  }
  if (expected.revision_id && *expected.revision_id != function.latest->revision_id) {
    return Error{ErrorCode::kPrecondition,
                 "The Revision Id provided does not match the latest Revision Id. Call the "
                 "GetFunction/GetAlias API to "
                 "retrieve the latest Revision Id"};
  }
  if (expected.code_sha256 && *expected.code_sha256 != function.latest->code.sha256_base64) {
    return Error{ErrorCode::kInvalidArgument, "CodeSHA256 (" + *expected.code_sha256 +
                                                  ") is different from current CodeSHA256 in $LATEST (" +
                                                  function.latest->code.sha256_base64 +
                                                  "). Please try again with the "
                                                  "CodeSHA256 in $LATEST."};
  }
  function.changing = true;
  return &function;
}

void FunctionRegistry::Deploy(std::shared_ptr<FunctionVersion> version, std::string package, Reply reply) {
  const auto handler = ParseHandler(version->settings.handler);
  CHECK_TRUE(handler.ok());  // validated when it was set
  code_.Store(std::move(package), handler->library, checker_,
              [weak = weak_.Get(), version, reply = std::move(reply)](Result<CodeArtefact> stored) {
                if (!weak) return;
                if (!stored.ok()) return weak->Refuse(version->function, std::move(stored).error(), reply);
                version->code = std::move(stored).value();
                weak->AttachLayers(version, reply);
              });
}

void FunctionRegistry::CheckAndStore(std::shared_ptr<FunctionVersion> version, Reply reply) {
  const FunctionVersion& judged = *version;
  checker_.TrialLoad(
      judged, [weak = weak_.Get(), version = std::move(version), reply = std::move(reply)](Status loaded) {
        if (!weak) return;
        if (!loaded.ok()) return weak->Refuse(version->function, loaded.error(), reply);
        weak->WarmAndStore(version, reply);
      });
}

void FunctionRegistry::WarmAndStore(const std::shared_ptr<FunctionVersion>& version, const Reply& reply) {
  Stamp(*version);
  const FunctionVersionPtr serving = functions_[version->function].latest;
  if (!serving || observer_ == nullptr) return Store(version, reply);
  observer_->OnReplacing(serving, version, [weak = weak_.Get(), version, reply](const Status& warm) {
    if (!weak) return;
    if (warm.ok()) return weak->Store(version, reply);
    weak->Forgo(version);
    weak->Refuse(version->function,
                 warm.error().WithContext("the new version is not taken, the one before it goes on"), reply);
  });
}

// Its workers may live on for a moment, and need its code.
void FunctionRegistry::Forgo(const FunctionVersionPtr& version) {
  retired_.push_back(version);
  if (observer_ != nullptr) observer_->OnNotReplaced(version);
}

void FunctionRegistry::Stamp(FunctionVersion& version) {
  version.generation = next_generation_++;
  version.revision_id = MakeUuid(random_);
  version.last_modified = clock_.WallNow();
}

void FunctionRegistry::Store(std::shared_ptr<FunctionVersion> version, Reply reply) {
  const FunctionVersion& stored = *version;
  std::vector<KeyStore::Write> writes{{KeyOf(stored), EncodeFunctionJson(stored)}};
  if (VersionNumber(stored.version)) writes.push_back({NumberKeyOf(stored.function), stored.version});
  keys_.Apply(std::move(writes),
              [weak = weak_.Get(), version = std::move(version), reply = std::move(reply)](Status kept) {
                if (!weak) return;
                if (!kept.ok()) {
                  if (version->version == kLatest || StartsFromSnapshot(*version)) weak->Forgo(version);
                  return weak->Refuse(version->function, kept.error(), reply);
                }
                weak->Commit(version, reply);
              });
}

void FunctionRegistry::Commit(const std::shared_ptr<FunctionVersion>& version, const Reply& reply) {
  Function& function = functions_[version->function];
  function.changing = false;
  FunctionVersionPtr old = version->version == kLatest ? function.latest : nullptr;
  Place(version);
  if (old) retired_.push_back(old);
  if (observer_ != nullptr) observer_->OnPlaced(version);
  if (old && observer_ != nullptr) observer_->OnReplaced(old, version);
  const bool may_be_left = old != nullptr;
  old.reset();
  if (may_be_left || collection_owed_) CollectCode();  // not for each of thousands that are created
  // A secret may have got another value while the version was being made.
  if (secrets_ != nullptr && secrets_->ChangedSince(*version)) Renew(version, [](const Status&) {});
  reply(FunctionVersionPtr(version));
}

void FunctionRegistry::Refuse(const std::string& name, Error error, const Reply& reply) {
  const auto function = functions_.find(name);
  if (function != functions_.end()) {
    function->second.changing = false;
    if (!function->second.latest) functions_.erase(function);  // it was being created
  }
  CollectCode();
  reply(std::move(error));
}

// Round and round: a deleted function's uid is not given out again while its last workers may still run.
uint32_t FunctionRegistry::NextUid() {
  if (options_.uid_count == 0) return 0;
  std::vector<bool> used(options_.uid_count);
  for (const auto& [name, function] : functions_) {
    const uint32_t offset = function.host_uid - options_.uid_first;
    if (offset < used.size()) used[offset] = true;
  }
  for (uint32_t tries = 0; tries < options_.uid_count; ++tries) {
    const uint32_t offset = uid_offset_++ % options_.uid_count;
    if (!used[offset]) return options_.uid_first + offset;
  }
  return options_.uid_first;  // more functions than uids: the first is shared
}

Result<FunctionVersionPtr> FunctionRegistry::Resolve(const std::string& name,
                                                     const std::string& qualifier) const {
  const FunctionAlias* alias = qualifier.empty() ? nullptr : aliases_.Find(name, qualifier);
  return Find(name, alias == nullptr ? qualifier : alias->version);
}

Result<FunctionVersionPtr> FunctionRegistry::ResolveFor(const std::string& name, const std::string& qualifier,
                                                        uint64_t draw) const {
  const FunctionAlias* alias = qualifier.empty() ? nullptr : aliases_.Find(name, qualifier);
  return Find(name, alias == nullptr ? qualifier : VersionFor(*alias, draw));
}

Status FunctionRegistry::CheckVersionsOf(const std::string& name, const FunctionAlias& alias) const {
  HEARTH_TRY(Find(name, alias.version));
  if (!alias.canary_version.empty()) HEARTH_TRY(Find(name, alias.canary_version));
  return Ok();
}

void FunctionRegistry::CreateAlias(const std::string& name, FunctionAlias alias, AliasTable::Reply reply) {
  if (const Status there = CheckVersionsOf(name, alias); !there.ok()) return reply(there.error());
  aliases_.Create(name, std::move(alias), std::move(reply));
}

void FunctionRegistry::UpdateAlias(const std::string& name, const std::string& alias,
                                   const std::optional<std::string>& revision_id,
                                   const AliasTable::Change& change, AliasTable::Reply reply) {
  aliases_.Update(
      name, alias, revision_id,
      [&](FunctionAlias& changed) -> Status {
        HEARTH_TRY(change(changed));
        return CheckVersionsOf(name, changed);
      },
      std::move(reply));
}

// A version that is new to the alias.
void FunctionRegistry::WarmAlias(const std::string& function, const FunctionAlias& now,
                                 const FunctionAlias& next, Done ready) {
  const auto is_new = [&now](const std::string& version) {
    return !version.empty() && version != now.version && version != now.canary_version;
  };
  const std::string& fresh = is_new(next.version) ? next.version : next.canary_version;
  const auto serving = Find(function, now.version), coming = Find(function, fresh);
  if (!is_new(fresh) || !serving.ok() || !coming.ok() || observer_ == nullptr) return ready(Ok());
  observer_->OnReplacing(*serving, *coming, [ready = std::move(ready), name = next.name](const Status& warm) {
    ready(warm.ok() ? Ok() : Status(warm.error().WithContext("alias " + name + " stays as it was")));
  });
}

void FunctionRegistry::RemoveAlias(const std::string& name, const std::string& alias, Done done) {
  aliases_.Remove(name, alias, std::move(done));
}

Result<FunctionVersionPtr> FunctionRegistry::Find(const std::string& name,
                                                  const std::string& qualifier) const {
  const auto found = functions_.find(name);
  if (found == functions_.end() || !found->second.latest) return NoSuchFunction(ArnOf(name));
  if (qualifier.empty() || qualifier == kLatest) return found->second.latest;
  if (const auto number = VersionNumber(qualifier)) {
    const auto version = found->second.published.find(*number);
    if (version != found->second.published.end()) return version->second;
  }
  return NoSuchFunction(ArnOf(name) + ":" + qualifier);
}

FunctionScaling FunctionRegistry::ScalingOf(const std::string& name) const {
  const auto found = functions_.find(name);
  return found == functions_.end() ? FunctionScaling() : found->second.scaling;
}

LogSettings FunctionRegistry::LogSettingsOf(const std::string& name, const std::string& version) const {
  auto found = Find(name, version);
  if (!found.ok()) found = Find(name, "");
  return found.ok() ? (*found)->settings.log : LogSettings{};
}

std::vector<FunctionVersionPtr> FunctionRegistry::List() const {
  std::vector<FunctionVersionPtr> all;
  for (const auto& [name, function] : functions_) {
    if (function.latest) all.push_back(function.latest);
  }
  return all;
}

Result<std::vector<FunctionVersionPtr>> FunctionRegistry::ListVersions(const std::string& name) const {
  const auto found = functions_.find(name);
  if (found == functions_.end() || !found->second.latest) return NoSuchFunction(ArnOf(name));
  std::vector<FunctionVersionPtr> all{found->second.latest};
  for (const auto& [number, version] : found->second.published) all.push_back(version);
  return all;
}

}  // namespace hearth
