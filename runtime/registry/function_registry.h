#pragma once

#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "runtime/base/clock.h"
#include "runtime/base/random.h"
#include "runtime/base/weak_ptr.h"
#include "runtime/model/artefact_checker.h"
#include "runtime/model/function.h"
#include "runtime/model/function_scaling.h"
#include "runtime/registry/alias_table.h"
#include "runtime/registry/code_folders.h"
#include "runtime/registry/function_directory.h"
#include "runtime/registry/layer_table.h"
#include "runtime/registry/secret_store.h"
#include "runtime/store/key_store.h"

namespace hearth {

// Told when what a name resolves to has changed. On the loop's thread, after the change is durable.
class RegistryObserver {
 public:
  virtual ~RegistryObserver() = default;
  // `next` is about to get the events that `serving` gets now: workers are made for it. `ready` runs once, now or
  // later; with an error `next` is refused and `serving` goes on.
  virtual void OnReplacing(const FunctionVersionPtr& serving, const FunctionVersionPtr& next,
                           std::function<void(Status)> ready) {
    (void)serving, (void)next;
    ready(Ok());
  }
  // It will get no events after all, and is known to nobody: what OnReplacing() has made for it goes.
  virtual void OnNotReplaced(const FunctionVersionPtr& next) { (void)next; }
  // `old_version` no longer serves new events; `new_version` is empty when the function is gone.
  virtual void OnReplaced(const FunctionVersionPtr& old_version, const FunctionVersionPtr& new_version) = 0;
  // `version` has been published, and its init has run for it: that is billed, once.
  virtual void OnSnapshot(const FunctionVersionPtr& version, nanoseconds init) { (void)version, (void)init; }
  // A version is there that was not, new or in another's place.
  virtual void OnPlaced(const FunctionVersionPtr& version) { (void)version; }
  // An alias of it was made, changed or removed.
  virtual void OnAliasesChanged(const std::string& function) { (void)function; }
  // Also once for each function that has some, when functions are loaded.
  virtual void OnScalingChanged(const std::string& function) { (void)function; }
};

// Functions, their versions, and the code they run: what Lambda's control API changes and the router reads.
//
// Owns:    the table of functions, kept in `keys` under "function/NAME/VERSION", the last number that was given
//          to a version under "function-number/NAME", and how it scales under "function-scaling/NAME"; their
//          aliases; and the layers.
// Borrows: everything given to the constructor; all outlive it.
// Thread:  loop thread. A refusal, and a Publish() that finds nothing new, may reply inside the call,
//          everything else later. Changes to one function are made one after another: a second one meanwhile
//          is kConflict.
// Failure: a bad artefact is kBadArtefact with the reason, and so is one whose init fails where workers were warm; the
//          old code keeps serving. Nothing changes in memory before it is durable.
// Promise: no callback runs after the destructor returns. Code is removed once no version needs it any more,
//          and no worker of a version that was replaced.
class FunctionRegistry final : public FunctionDirectory {
 public:
  struct Options {
    std::string account = "000000000000";
    std::string region = "us-east-1";
    uint32_t uid_first = 0;  // as root: each function gets a uid from here on; 0: none
    uint32_t uid_count = 0;
  };
  using Reply = std::function<void(Result<FunctionVersionPtr>)>;
  using Done = std::function<void(Status)>;

  // What the caller believes to be current; kPrecondition when it is not.
  struct Expected {
    std::optional<std::string> revision_id;
    std::optional<std::string> code_sha256;
  };

  FunctionRegistry(Options options, KeyStore& keys, CodeFolders& code, ArtefactChecker& checker,
                   const Clock& clock, Random& random);

  void Load(Done done);                                                   // once, before anything else
  void SetObserver(RegistryObserver* observer) { observer_ = observer; }  // outlives the registry
  void SetSecrets(SecretStore* secrets) {
    secrets_ = secrets;
  }  // outlives the registry; null: there are none

  // `package` is a zip or a bare ELF shared object, as uploaded. Empty settings.handler of a bare object: its
  // only name.
  void Create(std::string name, FunctionSettings settings, std::string package, Reply reply);
  // `change` edits a copy of the current settings; it may refuse.
  using SettingsChange = std::function<Status(FunctionSettings&)>;
  // Code and what must change with it (the handler's name, say) are judged and take effect together.
  void UpdateCode(std::string name, std::string package, SettingsChange change, Expected expected,
                  Reply reply);
  void UpdateSettings(std::string name, SettingsChange change, Expected expected, Reply reply);
  // Without new workers, unlike the others. `change` edits a copy; it may refuse.
  using ScalingChange = std::function<Status(FunctionScaling&)>;
  void UpdateScaling(std::string name, const ScalingChange& change, Done done);
  // The next number; the existing one when nothing has changed since. With SnapStart its init runs first, and one that
  // fails is refused.
  void Publish(std::string name, std::string description, Expected expected, Reply reply);
  void Delete(std::string name, std::string qualifier, Done done);

  Result<FunctionVersionPtr> Resolve(const std::string& name, const std::string& qualifier) const override;
  Result<FunctionVersionPtr> ResolveFor(const std::string& name, const std::string& qualifier,
                                        uint64_t draw) const override;
  // The versions that one sends events to must exist: kNotFound.
  void CreateAlias(const std::string& name, FunctionAlias alias, AliasTable::Reply reply);
  void UpdateAlias(const std::string& name, const std::string& alias,
                   const std::optional<std::string>& revision_id, const AliasTable::Change& change,
                   AliasTable::Reply reply);
  void RemoveAlias(const std::string& name, const std::string& alias, Done done);
  const AliasTable& aliases() const { return aliases_; }
  void SetOnAliasesChanged(std::function<void()> changed) { aliases_changed_ = std::move(changed); }
  // The next version of `layer.name`.
  void PublishLayer(LayerVersion layer, std::string zip, LayerTable::Reply reply);
  // Functions that use it keep it.
  void DeleteLayer(const std::string& name, uint64_t number, Done done);
  const LayerTable& layers() const { return layers_; }
  std::string LayerArnOf(const std::string& name) const;
  // Stores it, then replaces each version that uses it by one that differs in nothing but its workers, as a deploy
  // does: new ones are warm before the old ones go. `names` of those are told, and of what went wrong with warming.
  struct SecretChange {
    std::vector<std::string> renewed;
    std::vector<std::string> not_warm;
  };
  void SetSecret(std::string name, std::string value, std::function<void(Result<SecretChange>)> reply);
  void RemoveSecret(std::string name, Done done);                         // kConflict while a version uses it
  std::vector<std::string> UsersOfSecret(const std::string& name) const;  // "resize:$LATEST", "resize:3"
  const SecretStore* secrets() const { return secrets_; }
  FunctionScaling ScalingOf(const std::string& name) const override;
  // Of a version that is gone, as its function has it now; the default for an unknown function.
  LogSettings LogSettingsOf(const std::string& name, const std::string& version) const;
  std::vector<FunctionVersionPtr> List() const override;
  Result<std::vector<FunctionVersionPtr>> ListVersions(const std::string& name) const;  // $LATEST first
  const Options& options() const { return options_; }

 private:
  struct Function {
    FunctionVersionPtr latest;
    std::map<uint64_t, FunctionVersionPtr> published;
    uint64_t number_last = 0;  // of a version, deleted or not: numbers are never used again
    uint32_t host_uid = 0;
    bool changing = false;
    FunctionScaling scaling;
  };

  std::string ArnOf(const std::string& name) const;
  Result<FunctionVersionPtr> Find(const std::string& name, const std::string& version) const;
  Status CheckVersionsOf(const std::string& name, const FunctionAlias& alias) const;
  void LoadNumbers(Done done);
  void LoadScaling(Done done);
  void Place(const FunctionVersionPtr& version);
  void CollectCode();
  // Tells when nobody has the version any more: then its code may go.
  std::shared_ptr<FunctionVersion> Own(FunctionVersion version);
  void OnVersionGone();
  static std::string EncodeUnstampedSettings(FunctionVersion version);
  // A copy of the $LATEST with `change` made; the function is changing from here on, unless it is refused.
  Result<std::shared_ptr<FunctionVersion>> BeginChanged(const std::string& name, const SettingsChange& change,
                                                        const Expected& expected);
  Result<Function*> BeginChange(const std::string& name, const Expected& expected);
  void Deploy(std::shared_ptr<FunctionVersion> version, std::string package, Reply reply);
  // What it names must be there: a layer, unless it has had them all; a secret. Sizes of layers are filled in.
  Status FindFiles(FunctionSettings& settings, const FunctionVersion* before) const;
  Result<LayerUse> FindLayer(const std::string& arn) const;
  Result<std::vector<std::string>> LayerFoldersOf(const FunctionVersion& version) const;
  void AttachLayers(std::shared_ptr<FunctionVersion> version, Reply reply);
  // Those that use it, each with new workers; then `renewed` runs.
  void RenewAll(const std::string& secret, std::function<void(SecretChange)> renewed);
  void Renew(const FunctionVersionPtr& old, Done renewed);
  bool IsPlaced(const FunctionVersionPtr& version) const;
  void CheckAndStore(std::shared_ptr<FunctionVersion> version, Reply reply);
  void WarmAndStore(const std::shared_ptr<FunctionVersion>& version, const Reply& reply);
  // They may be other objects than when the change began, for the same versions: a secret may have changed meanwhile.
  void OnDeleted(const std::string& name, std::optional<uint64_t> number);
  void Forgo(const FunctionVersionPtr& version);
  void Stamp(FunctionVersion& version);
  void WarmAlias(const std::string& function, const FunctionAlias& now, const FunctionAlias& next,
                 Done ready);
  void SnapshotAndStore(const std::shared_ptr<FunctionVersion>& version, const Reply& reply);
  void Store(std::shared_ptr<FunctionVersion> version, Reply reply);
  void Commit(const std::shared_ptr<FunctionVersion>& version, const Reply& reply);
  void Refuse(const std::string& name, Error error, const Reply& reply);
  uint32_t NextUid();

  // Constant after construction.
  const Options options_;
  // Borrowed.
  KeyStore& keys_;
  CodeFolders& code_;
  ArtefactChecker& checker_;
  const Clock& clock_;
  Random& random_;
  RegistryObserver* observer_ = nullptr;
  SecretStore* secrets_ = nullptr;
  // Mutable.
  std::map<std::string, Function> functions_;
  AliasTable aliases_;
  std::function<void()> aliases_changed_;
  LayerTable layers_;
  std::vector<std::weak_ptr<const FunctionVersion>>
      retired_;                   // while their workers live, they need their code
  bool collection_owed_ = false;  // it was put off, as something was being changed
  uint64_t next_generation_ = 1;
  uint32_t uid_offset_ = 0;  // where the search for a free uid goes on
  WeakPtrFactory<FunctionRegistry> weak_{this};
};

}  // namespace hearth
