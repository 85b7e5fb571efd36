#include "runtime/store/data_folder.h"

#include <fcntl.h>
#include <sys/file.h>
#include <unistd.h>

#include <charconv>
#include <filesystem>

#include "runtime/base/files.h"

namespace hearth {
namespace {

constexpr std::string_view kMagic = "hearth-data ";
constexpr std::string_view kWrittenBy = ", written by ";

std::string FormatPath(const std::string& folder) { return folder + "/format"; }

std::string FormatText(std::string_view version) {
  return std::string(kMagic) + std::to_string(kDataFormat) + std::string(kWrittenBy) + "hearthd " +
         std::string(version) + "\n";
}

// Who holds it says so itself; what it cannot say (a full disk) is left out.
Error HeldBy(const std::string& folder, int lock) {
  char pid[16] = {};
  const ssize_t bytes = ::pread(lock, pid, sizeof pid - 1, 0);
  const bool known = bytes > 0 && pid[0] != '\n';
  std::string holder = "another hearthd";
  if (known) holder += " (pid " + std::string(pid, std::string_view(pid).find_first_of('\n')) + ")";
  return {ErrorCode::kUnavailable, holder + " works in " + folder + "; stop it, or give another --data-dir"};
}

}  // namespace

Status DataFolder::CheckFormat(const std::string& path, std::string_view version) {
  const std::string file = FormatPath(path);
  if (!PathExists(file)) return Ok();
  HEARTH_ASSIGN(const std::string text, ReadFile(file));
  const std::string_view line = std::string_view(text).substr(0, text.find('\n'));
  uint32_t format = 0;
  const char* const end = line.data() + line.size();
  if (!line.starts_with(kMagic)) return Error{ErrorCode::kCorrupt, file + ": no version of a data folder"};
  const auto [rest, failure] = std::from_chars(line.data() + kMagic.size(), end, format);
  if (failure != std::errc()) return Error{ErrorCode::kCorrupt, file + ": no version of a data folder"};
  if (format <= kDataFormat) return Ok();
  const std::string_view tail(rest, end - rest);
  const std::string by(tail.starts_with(kWrittenBy) ? tail.substr(kWrittenBy.size()) : "a newer hearthd");
  return Error{ErrorCode::kMisconfigured, path + " has data of format " + std::to_string(format) +
                                              ", written by " + by + "; this is hearthd " +
                                              std::string(version) + ", which knows formats up to " +
                                              std::to_string(kDataFormat) + ". Nothing was changed. Start " +
                                              by + ", or restore a backup of before into another folder"};
}

Result<DataFolder> DataFolder::Open(const std::string& path, std::string_view version) {
  HEARTH_TRY(MakeFolders(path, 0755));
  DataFolder folder;
  std::error_code failure;
  folder.path_ = std::filesystem::canonical(path, failure).string();
  if (failure) return ErrnoError("resolve " + path, failure.value());
  HEARTH_ASSIGN(folder.lock_, OpenFile(path + "/lock", O_RDWR | O_CREAT, 0600));
  if (::flock(folder.lock_.get(), LOCK_EX | LOCK_NB) != 0) return HeldBy(path, folder.lock_.get());
  HEARTH_TRY(CheckFormat(path, version));
  const std::string pid = std::to_string(::getpid()) + "\n";
  // For others to read; a disk without room for it is told of by whoever needs room.
  if (::ftruncate(folder.lock_.get(), 0) == 0) (void)!::pwrite(folder.lock_.get(), pid.data(), pid.size(), 0);
  const bool is_known = PathExists(FormatPath(path));
  if (!is_known) HEARTH_TRY(WriteFileAtomically(FormatPath(path), FormatText(version)));
  return folder;
}

}  // namespace hearth
