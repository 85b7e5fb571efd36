#include "triggers/bucket/object_files.h"

#include <fcntl.h>
#include <linux/openat2.h>
#include <stdio.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>

#include "runtime/base/files.h"
#include "triggers/bucket/folder_reader.h"
#include "triggers/bucket/s3_event_json.h"

namespace hearth {
namespace {

constexpr char kIncomingFolder[] = ".hearth-puts";

Error AboutKey(std::string_view what, const std::string& key, int error = errno) {
  Error failed = ErrnoError(std::string(what) + " object " + EncodeKey(key), error);
  if (error == ENOENT || error == ENOTDIR || error == ELOOP) failed.code = ErrorCode::kNotFound;
  return failed;
}

Result<UniqueFd> OpenRootFolder(const std::string& root) {
  UniqueFd fd(::open(root.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (!fd) return ErrnoError("bucket folder " + root);
  return fd;
}

std::string FolderOf(const std::string& key) {
  const size_t slash = key.rfind('/');
  return slash == std::string::npos ? "" : key.substr(0, slash);
}

std::string NameOf(const std::string& key) { return key.substr(key.rfind('/') + 1); }

void GiveToOwnerOf(int root, int fd) {
  struct stat owner {};
  if (::fstat(root, &owner) == 0) (void)!::fchown(fd, owner.st_uid, owner.st_gid);
}

std::optional<ObjectIdentity> IdentityIn(int folder, const std::string& name) {
  struct stat st {};
  if (::fstatat(folder, name.c_str(), &st, AT_SYMLINK_NOFOLLOW) != 0 || !S_ISREG(st.st_mode))
    return std::nullopt;
  return IdentityOf(st);
}

Error NotAsAsked(const std::string& key) {
  return {ErrorCode::kPrecondition,
          "object " + EncodeKey(key) + " is not as If-Match or If-None-Match asks; read its ETag again"};
}

}  // namespace

Status ValidateObjectKey(std::string_view key) {
  const auto refuse = [&](std::string_view why) {
    return Error{ErrorCode::kInvalidArgument,
                 "object key \"" + EncodeKey(key.substr(0, 200)) + "\" " + std::string(why)};
  };
  if (key.empty() || key.size() > kObjectKeyBytesMax) {
    return refuse("has " + std::to_string(key.size()) + " bytes; it must have 1 to " +
                  std::to_string(kObjectKeyBytesMax));
  }
  if (key.find('\0') != std::string_view::npos) return refuse("contains a NUL");
  for (size_t begin = 0; begin <= key.size();) {
    const size_t end = std::min(key.find('/', begin), key.size());
    const std::string_view part = key.substr(begin, end - begin);
    if (part.empty() || part == "." || part == "..") {
      return refuse("has a part that is empty, \".\" or \"..\", which is no file's name");
    }
    if (part.size() > kObjectKeyPartBytesMax) return refuse("has a part of more than 255 bytes");
    begin = end + 1;
  }
  return Ok();
}

bool ListHasETag(std::string_view list, std::string_view etag) {
  while (!list.empty()) {
    const size_t comma = std::min(list.find(','), list.size());
    std::string_view one = list.substr(0, comma);
    while (!one.empty() && one.front() == ' ') one.remove_prefix(1);
    while (!one.empty() && one.back() == ' ') one.remove_suffix(1);
    if (one.starts_with("W/")) one.remove_prefix(2);
    if (one == "*") return true;
    if (one.size() >= 2 && one.front() == '"' && one.back() == '"') one = one.substr(1, one.size() - 2);
    if (one == etag) return true;
    list.remove_prefix(std::min(comma + 1, list.size()));
  }
  return false;
}

bool ObjectCondition::HoldsFor(const std::optional<ObjectIdentity>& now) const {
  if (!if_match.empty() && (!now || !ListHasETag(if_match, ETagOf(*now)))) return false;
  return if_none_match.empty() || !now || !ListHasETag(if_none_match, ETagOf(*now));
}

Result<OpenObject> OpenObjectFile(const std::string& root, const std::string& key) {
  HEARTH_ASSIGN(const UniqueFd root_fd, OpenRootFolder(root));
  UniqueFd fd = OpenBeneath(root_fd.get(), key, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY);
  if (!fd) return AboutKey("open", key);
  struct stat st {};
  if (::fstat(fd.get(), &st) != 0) return AboutKey("open", key);
  if (!S_ISREG(st.st_mode)) return AboutKey("open", key, ENOENT);
  return OpenObject{std::move(fd), IdentityOf(st)};
}

Result<std::string> ReadObject(const OpenObject& object, uint64_t from, size_t bytes) {
  std::string out(bytes, '\0');
  for (size_t done = 0; done < bytes;) {
    const ssize_t n =
        ::pread(object.fd.get(), out.data() + done, bytes - done, static_cast<off_t>(from + done));
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) return ErrnoError("read object");
    if (n == 0) return Error{ErrorCode::kIo, "the object was cut while it was read"};
    done += static_cast<size_t>(n);
  }
  return out;
}

Status DeleteObject(const std::string& root, const std::string& key, const ObjectCondition& condition) {
  HEARTH_ASSIGN(const UniqueFd root_fd, OpenRootFolder(root));
  const auto folder = OpenFolder(root_fd.get(), FolderOf(key));
  const auto now = folder.ok() ? IdentityIn(folder->get(), NameOf(key)) : std::nullopt;
  if (!condition.HoldsFor(now)) return NotAsAsked(key);
  if (!now) return Ok();
  if (::unlinkat(folder->get(), NameOf(key).c_str(), 0) != 0 && errno != ENOENT)
    return AboutKey("delete", key);
  return Ok();
}

Result<std::unique_ptr<IncomingObject>> IncomingObject::Create(const std::string& root, uint64_t random) {
  HEARTH_ASSIGN(UniqueFd root_fd, OpenRootFolder(root));
  if (::mkdirat(root_fd.get(), kIncomingFolder, 0700) != 0 && errno != EEXIST) {
    return ErrnoError("make a folder for incoming files in bucket folder " + root);
  }
  std::string name = std::string(kIncomingFolder) + "/" + std::to_string(random);
  UniqueFd fd = OpenBeneath(root_fd.get(), name, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW, 0644);
  if (!fd) return ErrnoError("make a file in bucket folder " + root);
  GiveToOwnerOf(root_fd.get(), fd.get());
  return std::unique_ptr<IncomingObject>(
      new IncomingObject(std::move(root_fd), std::move(fd), std::move(name)));
}

IncomingObject::~IncomingObject() {
  if (!name_.empty()) ::unlinkat(root_.get(), name_.c_str(), 0);
}

void SweepIncoming(const std::string& root) {
  const auto root_fd = OpenRootFolder(root);
  const auto folder =
      root_fd.ok() ? OpenFolder(root_fd->get(), kIncomingFolder) : Result<UniqueFd>(root_fd.error());
  if (!folder.ok()) return;
  const std::unique_ptr<DIR, int (*)(DIR*)> entries(::fdopendir(::fcntl(folder->get(), F_DUPFD_CLOEXEC, 0)),
                                                    ::closedir);
  while (const dirent* entry = entries ? ::readdir(entries.get()) : nullptr) {
    ::unlinkat(folder->get(), entry->d_name, 0);  // not the folders "." and ".."
  }
  ::unlinkat(root_fd->get(), kIncomingFolder, AT_REMOVEDIR);
}

Status IncomingObject::Write(std::string_view bytes) { return WriteAll(fd_.get(), bytes); }

Result<UniqueFd> IncomingObject::MakeFolderOf(const std::string& key) const {
  HEARTH_ASSIGN(UniqueFd folder, OpenFolder(root_.get(), ""));
  const std::string path = FolderOf(key);
  for (size_t begin = 0; begin < path.size();) {
    const size_t end = std::min(path.find('/', begin), path.size());
    const std::string part = path.substr(begin, end - begin);
    const bool made = ::mkdirat(folder.get(), part.c_str(), 0755) == 0;
    if (!made && errno != EEXIST) return AboutKey("make the folder of", key);
    HEARTH_ASSIGN(UniqueFd next, OpenFolder(folder.get(), part));
    if (made) GiveToOwnerOf(root_.get(), next.get());
    folder = std::move(next);
    begin = end + 1;
  }
  return folder;
}

Result<ObjectIdentity> IncomingObject::Commit(const std::string& key, const ObjectCondition& condition) {
  if (::fdatasync(fd_.get()) != 0) return AboutKey("sync", key);
  HEARTH_ASSIGN(const UniqueFd folder, MakeFolderOf(key));
  const std::string name = NameOf(key);
  if (condition.any() && !condition.HoldsFor(IdentityIn(folder.get(), name))) return NotAsAsked(key);
  // Of two that ask for "not there yet" at once, one must lose.
  // Not open for writing under its name, or the watch would wait for us.
  const UniqueFd written(::openat(root_.get(), name_.c_str(), O_PATH | O_NOFOLLOW | O_CLOEXEC));
  if (!written) return AboutKey("put", key);
  fd_.Reset();
  const unsigned flags = condition.if_none_match == "*" ? RENAME_NOREPLACE : 0;
  if (::renameat2(root_.get(), name_.c_str(), folder.get(), name.c_str(), flags) != 0) {
    if (errno == EEXIST && flags != 0) return NotAsAsked(key);
    return AboutKey("put", key);
  }
  name_.clear();
  if (::fsync(folder.get()) != 0) return AboutKey("sync the folder of", key);
  struct stat st {};
  if (::fstat(written.get(), &st) != 0) return AboutKey("stat", key);
  return IdentityOf(st);
}

}  // namespace hearth
