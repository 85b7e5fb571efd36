#pragma once

#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "runtime/base/result.h"

namespace hearth {

// A body over this goes to a file of its own: SQLite copies a row's bytes through its WAL and its cache.
inline constexpr size_t kInlineBodyBytesMax = 64 << 10;

// Large message bodies: one file each in the folder beside the database. A file is synced before the row that
// names it is committed, and removed after the commit that drops its row; what a crash leaves between the two
// is collected at open.
//
// Owns:    the folder's files. Owned by the queue store.
// Thread:  the writer thread.
class BodyFiles final {
 public:
  explicit BodyFiles(std::string folder) : folder_(std::move(folder)) {}

  Status Open();
  // Removes each file that `is_named` does not know.
  Status CollectOrphans(const std::function<Result<bool>(const std::string& file)>& is_named);

  Status Write(const std::string& file, std::string_view body);
  Result<std::string> Read(const std::string& file) const;
  void RemoveAfterCommit(std::string file) { dropped_.push_back(std::move(file)); }
  // Makes the names written since the last call durable; before the commit.
  Status SyncNames();

  // Around each operation and each group of them, so that what was rolled back leaves no trace.
  void OperationBegins();
  void OperationFailed();
  void GroupCommitted();
  void GroupFailed();

 private:
  std::string PathOf(const std::string& file) const { return folder_ + "/" + file; }
  void RemoveFrom(std::vector<std::string>& files, size_t first);

  const std::string folder_;
  std::vector<std::string> written_;  // in this group
  std::vector<std::string> dropped_;  // in this group
  size_t written_before_ = 0;         // when the operation began
  size_t dropped_before_ = 0;
  bool names_unsynced_ = false;
};

}  // namespace hearth
