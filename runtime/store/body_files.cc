#include "runtime/store/body_files.h"

#include <fcntl.h>
#include <unistd.h>

#include <filesystem>
#include <system_error>

#include "runtime/base/files.h"

namespace hearth {

Status BodyFiles::Open() {
  if (PathExists(folder_)) return Ok();
  HEARTH_TRY(MakeFolders(folder_, 0700));
  return SyncFolder(std::filesystem::path(folder_).parent_path().string());
}

Status BodyFiles::CollectOrphans(const std::function<Result<bool>(const std::string& file)>& is_named) {
  std::error_code failure;
  for (std::filesystem::directory_iterator entry(folder_, failure), end; !failure && entry != end;
       entry.increment(failure)) {
    const std::string file = entry->path().filename().string();
    HEARTH_ASSIGN(const bool named, is_named(file));
    if (!named) ::unlink(PathOf(file).c_str());
  }
  if (failure) return ErrnoError("list " + folder_, failure.value());
  return Ok();
}

Status BodyFiles::Write(const std::string& file, std::string_view body) {
  const std::string path = PathOf(file);
  written_.push_back(file);
  names_unsynced_ = true;
  HEARTH_ASSIGN(const UniqueFd fd, OpenFile(path, O_WRONLY | O_CREAT | O_TRUNC, 0600));
  if (auto wrote = WriteAll(fd.get(), body); !wrote.ok()) return wrote.error().WithContext(path);
  if (::fdatasync(fd.get()) != 0) return ErrnoError("fdatasync " + path);
  return Ok();
}

Result<std::string> BodyFiles::Read(const std::string& file) const { return ReadFile(PathOf(file)); }

Status BodyFiles::SyncNames() {
  if (!names_unsynced_) return Ok();
  HEARTH_TRY(SyncFolder(folder_));
  names_unsynced_ = false;
  return Ok();
}

void BodyFiles::OperationBegins() {
  written_before_ = written_.size();
  dropped_before_ = dropped_.size();
}

void BodyFiles::OperationFailed() {
  RemoveFrom(written_, written_before_);
  dropped_.resize(dropped_before_);
}

void BodyFiles::GroupCommitted() {
  RemoveFrom(dropped_, 0);
  written_.clear();
}

void BodyFiles::GroupFailed() {
  RemoveFrom(written_, 0);
  dropped_.clear();
}

// A file that cannot be removed now is an orphan at the next open.
void BodyFiles::RemoveFrom(std::vector<std::string>& files, size_t first) {
  for (size_t i = first; i < files.size(); ++i) ::unlink(PathOf(files[i]).c_str());
  files.resize(first);
}

}  // namespace hearth
