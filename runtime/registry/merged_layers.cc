#include "runtime/registry/merged_layers.h"

#include <filesystem>

#include "runtime/base/files.h"
#include "runtime/model/artefact_checker.h"

namespace hearth {
namespace {

namespace fs = std::filesystem;

Status GiveWay(const fs::path& target, fs::file_type wanted) {
  const fs::file_status there = fs::symlink_status(target);
  if (there.type() == fs::file_type::not_found) return Ok();
  if (wanted == fs::file_type::directory && there.type() == fs::file_type::directory) return Ok();
  return RemoveTree(target.string());
}

Status LinkOrCopy(const fs::path& from, const fs::path& to) {
  std::error_code failure;
  fs::create_hard_link(from, to, failure);
  if (!failure) return Ok();
  failure.clear();
  fs::copy_file(from, to, failure);
  if (failure) return ErrnoError("copy " + from.string(), failure.value());
  return Ok();
}

Status MergeOne(const fs::path& folder, const fs::path& target) {
  std::error_code failure;
  fs::recursive_directory_iterator entry(folder, failure), end;
  for (; !failure && entry != end; entry.increment(failure)) {
    const fs::path to = target / entry->path().lexically_relative(folder);
    const bool is_folder = entry->is_directory();
    HEARTH_TRY(GiveWay(to, is_folder ? fs::file_type::directory : fs::file_type::regular));
    if (is_folder) {
      HEARTH_TRY(MakeFolders(to.string()));
    } else {
      HEARTH_TRY(LinkOrCopy(entry->path(), to));
    }
  }
  if (failure) return ErrnoError("list " + folder.string(), failure.value());
  return Ok();
}

Result<uint64_t> BytesIn(const fs::path& folder) {
  uint64_t bytes = 0;
  std::error_code failure;
  fs::recursive_directory_iterator entry(folder, failure), end;
  for (; !failure && entry != end; entry.increment(failure)) {
    std::error_code gone;
    if (entry->is_regular_file(gone)) bytes += entry->file_size(gone);
  }
  if (failure) return ErrnoError("list " + folder.string(), failure.value());
  return bytes;
}

}  // namespace

Status MergeFolders(const std::vector<std::string>& folders, const std::string& target) {
  HEARTH_TRY(RemoveTree(target));
  HEARTH_TRY(MakeFolders(target));
  for (const std::string& folder : folders) HEARTH_TRY(MergeOne(folder, target));
  return Ok();
}

Status CheckUnpackedSize(const std::vector<std::string>& folders) {
  uint64_t bytes = 0;
  for (const std::string& folder : folders) {
    HEARTH_ASSIGN(const uint64_t more, BytesIn(folder));
    bytes += more;
  }
  if (bytes <= kUnpackedBytesMax) return Ok();
  return Error{ErrorCode::kInvalidArgument,
               "Function code combined with layers exceeds the maximum allowed size of " +
                   std::to_string(kUnpackedBytesMax) + " bytes. The actual size is " + std::to_string(bytes) +
                   " bytes."};
}

}  // namespace hearth
