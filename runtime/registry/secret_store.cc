#include "runtime/registry/secret_store.h"

#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <filesystem>
#include <utility>

#include "runtime/base/files.h"

namespace hearth {
namespace {

constexpr std::string_view kSuffix = ".secret";

Status CheckValue(const std::string& name, size_t bytes) {
  if (bytes == 0) {
    return Error{ErrorCode::kInvalidArgument, "secret " + name + " would be empty; a secret has 1 to " +
                                                  std::to_string(kSecretBytesMax) + " bytes"};
  }
  if (bytes > kSecretBytesMax) {
    return Error{ErrorCode::kTooLarge, "secret " + name + " has " + std::to_string(bytes) +
                                           " bytes; the limit is " + std::to_string(kSecretBytesMax)};
  }
  return Ok();
}

Error NoSecret(const std::string& name) {
  return {ErrorCode::kNotFound, "secret " + name + " does not exist"};
}

Status Write(const std::string& path, std::string& value) {
  Status written = WriteFileAtomically(path, value, 0600);
  ::explicit_bzero(value.data(), value.size());
  return written;
}

WallTime ModifiedAt(const struct stat& info) {
  return WallTime(seconds(info.st_mtim.tv_sec) + microseconds(info.st_mtim.tv_nsec / 1000));
}

}  // namespace

SecretStore::SecretStore(std::string folder, Executor& executor)
    : folder_(std::move(folder)), executor_(executor), disk_(executor, "hearth-secrets") {}

Result<std::unique_ptr<SecretStore>> SecretStore::Open(std::string folder, Executor& executor) {
  std::unique_ptr<SecretStore> store(new SecretStore(std::move(folder), executor));
  HEARTH_TRY(store->ReadFolder());
  return store;
}

Status SecretStore::ReadFolder() {
  HEARTH_TRY(MakeFolders(folder_, 0700));
  if (::chmod(folder_.c_str(), 0700) != 0) return ErrnoError("set the mode of " + folder_);
  std::error_code failure;
  for (const auto& entry : std::filesystem::directory_iterator(folder_, failure)) {
    const std::string path = entry.path().string(), file = entry.path().filename().string();
    if (file.ends_with(".new")) {
      HEARTH_TRY(RemoveTree(path));
      continue;
    }
    struct stat info {};
    const std::string name = file.substr(0, file.size() - std::min(file.size(), kSuffix.size()));
    if (!file.ends_with(kSuffix) || !ValidateSecretName(name).ok() || ::lstat(path.c_str(), &info) != 0 ||
        !S_ISREG(info.st_mode))
      continue;
    secrets_[name].info = {name, static_cast<uint64_t>(info.st_size), ModifiedAt(info)};
  }
  if (failure) return ErrnoError("list " + folder_, failure.value());
  return Ok();
}

std::string SecretStore::PathOf(const std::string& name) const {
  return folder_ + "/" + name + std::string(kSuffix);
}

void SecretStore::Set(std::string name, std::string value, Done done) {
  Status taken = ValidateSecretName(name);
  if (taken.ok()) taken = CheckValue(name, value.size());
  if (taken.ok() && !Has(name) && secrets_.size() >= kSecretsMax) {
    taken = Error{ErrorCode::kInvalidArgument, "there are " + std::to_string(kSecretsMax) +
                                                   " secrets, which is the limit; remove one first"};
  }
  if (!taken.ok()) return executor_.Post([done = std::move(done), taken] { done(taken); });
  const uint64_t bytes = value.size();
  disk_.Run<Status>([path = PathOf(name), value = std::move(value)]() mutable { return Write(path, value); },
                    [weak = weak_.Get(), name, bytes, done = std::move(done)](Status written) {
                      if (!weak) return;
                      if (!written.ok()) return done(written.error().WithContext("store secret " + name));
                      weak->OnWritten(name, bytes);
                      done(Ok());
                    });
}

void SecretStore::OnWritten(const std::string& name, uint64_t bytes) {
  secrets_[name] = {{name, bytes, executor_.clock().WallNow()}, ++revision_};
}

// Gone at once for who looks, so that no function takes it up meanwhile.
void SecretStore::Remove(std::string name, Done done) {
  auto kept = secrets_.extract(name);
  if (kept.empty()) return executor_.Post([done = std::move(done), name] { done(NoSecret(name)); });
  auto before = std::make_shared<Kept>(std::move(kept.mapped()));
  disk_.Run<Status>(
      [path = PathOf(name), folder = folder_]() -> Status {
        HEARTH_TRY(RemoveTree(path));
        return SyncFolder(folder);
      },
      [weak = weak_.Get(), name, before, done = std::move(done)](Status removed) {
        if (!weak) return;
        if (removed.ok()) return done(Ok());
        weak->secrets_.emplace(name, *before);
        done(removed.error().WithContext("remove secret " + name));
      });
}

std::vector<SecretInfo> SecretStore::List() const {
  std::vector<SecretInfo> all;
  for (const auto& [name, kept] : secrets_) all.push_back(kept.info);
  return all;
}

const SecretInfo* SecretStore::Find(const std::string& name) const {
  const auto found = secrets_.find(name);
  return found == secrets_.end() ? nullptr : &found->second.info;
}

Result<std::string> SecretStore::Read(const std::string& name) const {
  if (!Has(name)) return NoSecret(name);
  const auto file = OpenFile(PathOf(name), O_RDONLY | O_NOFOLLOW);
  auto value = file.ok() ? ReadAll(file->get(), kSecretBytesMax) : Result<std::string>(file.error());
  if (!value.ok()) {
    return Error{ErrorCode::kUnavailable, "secret " + name + " cannot be read, set it again: " +
                                              PathOf(name) + ": " + value.error().message};
  }
  HEARTH_TRY(CheckValue(name, value->size()));
  return value;
}

bool SecretStore::ChangedSince(const FunctionVersion& version) const {
  const auto& uses = version.settings.secrets;
  return std::any_of(uses.begin(), uses.end(), [&](const SecretUse& use) {
    const auto found = secrets_.find(use.secret);
    return found != secrets_.end() && found->second.revision > version.secrets_revision;
  });
}

}  // namespace hearth
