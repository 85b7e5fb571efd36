#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>

#include "runtime/base/result.h"
#include "runtime/base/unique_fd.h"
#include "triggers/bucket/object_identity.h"

// What the door does in a bucket's folder. All of it blocks. Names below the root are resolved beneath it and
// through no symlink.

namespace hearth {

// Of a key that comes from outside: 1-1024 bytes, parts of 1-255 that are not "." or "..", no NUL.
inline constexpr size_t kObjectKeyBytesMax = 1024, kObjectKeyPartBytesMax = 255;
Status ValidateObjectKey(std::string_view key);

// "If-Match" and "If-None-Match" of a change: ETags in quotes, a list, or "*".
struct ObjectCondition {
  std::string if_match;
  std::string if_none_match;
  bool any() const { return !if_match.empty() || !if_none_match.empty(); }
  // `now`: the object's content, or none.
  bool HoldsFor(const std::optional<ObjectIdentity>& now) const;
};
// Is the ETag (without quotes) in that list?
bool ListHasETag(std::string_view list, std::string_view etag);

// A regular file, open for reading.
struct OpenObject {
  UniqueFd fd;
  ObjectIdentity identity;
};
// kNotFound: no such object, or one that is not a regular file.
Result<OpenObject> OpenObjectFile(const std::string& root, const std::string& key);
Result<std::string> ReadObject(const OpenObject& object, uint64_t from, size_t bytes);

// kPrecondition when the condition does not hold. An object that is not there is deleted already.
Status DeleteObject(const std::string& root, const std::string& key, const ObjectCondition& condition);

// A file on its way into a bucket: not seen by anybody until Commit(), which replaces what was there whole.
//
// Owns:    a file in the folder .hearth-puts of the root, a name that every bucket's rules leave out; deleted by
//          the destructor unless committed.
// Thread:  one at a time.
// Promise: after Commit() the bytes are on the disk, and so is the name.
class IncomingObject final {
 public:
  static Result<std::unique_ptr<IncomingObject>> Create(const std::string& root, uint64_t random);
  ~IncomingObject();
  Status Write(std::string_view bytes);
  // Folders on the way are made; file and folders belong to whom the bucket's folder does, where we may say so.
  // kPrecondition when the condition does not hold.
  Result<ObjectIdentity> Commit(const std::string& key, const ObjectCondition& condition);

 private:
  IncomingObject(UniqueFd root, UniqueFd fd, std::string name)
      : root_(std::move(root)), fd_(std::move(fd)), name_(std::move(name)) {}
  Result<UniqueFd> MakeFolderOf(const std::string& key) const;

  UniqueFd root_;
  UniqueFd fd_;
  std::string name_;  // "": committed
};

// Deletes what an earlier life of the daemon did not finish. Nothing of this bucket may be on its way.
void SweepIncoming(const std::string& root);

}  // namespace hearth
