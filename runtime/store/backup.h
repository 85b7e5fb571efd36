#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "runtime/base/result.h"

namespace hearth {

// One file of a backup, relative to the data folder.
struct BackupFile {
  std::string path;
  uint64_t bytes = 0;
  unsigned mode = 0644;
  std::string sha256;  // 64 lower-case digits
  friend bool operator==(const BackupFile&, const BackupFile&) = default;
};

// What is in a backup: "hearth-backup", the last file that is written. A folder without one is no backup.
//   hearth-backup 1, made by hearthd 0.1.0 at 2026-11-29T23:59:59Z
//   SHA256 BYTES MODE PATH        a line for each file
struct BackupManifest {
  std::string version;  // of the hearthd that made it
  std::string made;
  std::vector<BackupFile> files;
};
inline constexpr char kBackupManifest[] = "hearth-backup";
std::string EncodeBackupManifest(const BackupManifest& manifest);
// kCorrupt names the line. A path that leads out of the folder is refused.
Result<BackupManifest> DecodeBackupManifest(std::string_view text);

// Fills a folder with copies of a data folder's files.
//
// Thread:  any, one at a time; blocks.
// Failure: the first that could not be copied ends it; what is there then is no backup.
class BackupWriter final {
 public:
  // `folder` is made; what is there already must be empty.
  static Result<BackupWriter> Begin(const std::string& data_dir, const std::string& folder);
  Status CopyFile(const std::string& path);
  // All files below, as they are listed now; `wanted` (of the path) leaves some out. One that goes meanwhile is an
  // error, unless `may_go`.
  enum class Vanishing { kIsAnError, kIsFine };
  Status CopyTree(const std::string& path, Vanishing vanishing,
                  const std::function<bool(const std::string& path)>& wanted = {});
  Status CopyDatabase(const std::string& path);
  // Only now it is a backup.
  Status Finish(const std::string& version, const std::string& made);
  bool Has(const std::string& path) const;
  const std::vector<BackupFile>& files() const { return files_; }
  uint64_t bytes() const;

 private:
  BackupWriter(std::string data_dir, std::string folder)
      : data_dir_(std::move(data_dir)), folder_(std::move(folder)) {}

  std::string data_dir_, folder_;
  std::vector<BackupFile> files_;
};

// Puts a backup into `data_dir`, which must be empty or not there. Each file is held against the manifest; kCorrupt
// names the first that is not what was backed up, and leaves nothing in `data_dir`.
Result<BackupManifest> RestoreBackup(const std::string& backup, const std::string& data_dir);

}  // namespace hearth
