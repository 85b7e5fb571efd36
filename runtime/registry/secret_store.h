#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "runtime/base/result.h"
#include "runtime/base/weak_ptr.h"
#include "runtime/loop/work_thread.h"
#include "runtime/model/secret.h"

namespace hearth {

// The secrets of all functions: FOLDER/NAME.secret, mode 0600 in 0700, as they were given. A value is read where it is
// handed to a sandbox and nowhere else; it is in no log, no answer and no error.
//
// Owns:    the files, and a thread that writes them.
// Thread:  loop thread; replies run later.
// Limits:  1 to kSecretBytesMax bytes each; kSecretsMax of them.
// Failure: a write that fails leaves the value before it.
class SecretStore final {
 public:
  using Done = std::function<void(Status)>;
  // Makes the folder if it is not there; what a crash left half written in it goes.
  static Result<std::unique_ptr<SecretStore>> Open(std::string folder, Executor& executor);

  // kTooLarge, kInvalidArgument: nothing has changed.
  void Set(std::string name, std::string value, Done done);
  void Remove(std::string name, Done done);  // kNotFound
  bool Has(const std::string& name) const { return secrets_.contains(name); }
  std::vector<SecretInfo> List() const;                   // by name
  const SecretInfo* Find(const std::string& name) const;  // null: there is none
  Result<std::string> Read(const std::string& name) const;

  // Counts the changes since the daemon's start.
  uint64_t revision() const { return revision_; }
  // One of its secrets has another value than when that version was made.
  bool ChangedSince(const FunctionVersion& version) const;

 private:
  struct Kept {
    SecretInfo info;
    uint64_t revision = 0;
  };
  SecretStore(std::string folder, Executor& executor);
  Status ReadFolder();
  std::string PathOf(const std::string& name) const;
  void OnWritten(const std::string& name, uint64_t bytes);

  const std::string folder_;
  Executor& executor_;
  WorkThread disk_;
  std::map<std::string, Kept> secrets_;
  uint64_t revision_ = 0;
  WeakPtrFactory<SecretStore> weak_{this};
};

}  // namespace hearth
