#pragma once

#include <functional>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "runtime/base/random.h"
#include "runtime/base/result.h"
#include "runtime/base/weak_ptr.h"
#include "runtime/model/function_alias.h"
#include "runtime/store/key_store.h"

namespace hearth {

// The aliases of all functions. Whether their versions exist is the registry's to say, which owns it.
//
// Owns:    the table, kept in `keys` under "function-alias/NAME/ALIAS".
// Borrows: the store and the source of revision ids; they outlive it.
// Thread:  loop thread; replies run later, but a refusal may come inside the call.
// Failure: nothing changes in memory before it is durable. A second change of the same alias meanwhile is kConflict.
class AliasTable final {
 public:
  using Reply = std::function<void(Result<FunctionAlias>)>;
  using Done = std::function<void(Status)>;
  using Change = std::function<Status(FunctionAlias&)>;

  // Before an alias becomes what it shall be next; with an error it stays what it is.
  using Prepare = std::function<void(const std::string& function, const FunctionAlias& now,
                                     const FunctionAlias& next, Done ready)>;

  AliasTable(KeyStore& keys, Random& random) : keys_(keys), random_(random) {}
  void SetPrepare(Prepare prepare) { prepare_ = std::move(prepare); }

  void Load(Done done);
  void Create(const std::string& function, FunctionAlias alias, Reply reply);  // kAlreadyExists
  // `change` edits a copy; it may refuse. kPrecondition: another revision than `revision_id`, where that is given.
  void Update(const std::string& function, const std::string& name,
              const std::optional<std::string>& revision_id, const Change& change, Reply reply);
  void Remove(const std::string& function, const std::string& name, Done done);  // kNotFound
  const FunctionAlias* Find(const std::string& function, const std::string& name) const;
  std::vector<FunctionAlias> List(const std::string& function) const;  // by name
  // Those that have a version on trial, with their functions.
  std::vector<std::pair<std::string, FunctionAlias>> Watching() const;
  // Runs after each change, with the function whose alias it was; with "" when they have been loaded.
  using OnChanged = std::function<void(const std::string& function)>;
  void SetOnChanged(OnChanged on_changed) { on_changed_ = std::move(on_changed); }
  // An alias, or one that is being stored, sends events to that version.
  bool Uses(const std::string& function, const std::string& version) const;
  // The function has been deleted.
  void Forget(const std::string& function);

 private:
  using Name = std::pair<std::string, std::string>;  // function, alias
  void Store(const std::string& function, FunctionAlias alias, Reply reply);
  void Changed(const std::string& function) const {
    if (on_changed_) on_changed_(function);
  }
  void Keep(const Name& of, const FunctionAlias& alias, const Reply& reply);

  KeyStore& keys_;
  Random& random_;
  Prepare prepare_;
  OnChanged on_changed_;
  std::map<std::string, std::map<std::string, FunctionAlias, std::less<>>, std::less<>>
      aliases_;                             // by function
  std::map<Name, FunctionAlias> changing_;  // what it will be
  WeakPtrFactory<AliasTable> weak_{this};
};

}  // namespace hearth
