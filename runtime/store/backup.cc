#include "runtime/store/backup.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <charconv>
#include <cstdio>
#include <filesystem>
#include <optional>

#include "runtime/base/digest.h"
#include "runtime/base/files.h"
#include "runtime/store/sqlite_backup.h"

namespace hearth {
namespace {

namespace fs = std::filesystem;

constexpr std::string_view kMagic = "hearth-backup 1, made by hearthd ";
constexpr size_t kBlock = 1 << 20;

std::string HexOf(const Sha256Digest& digest) {
  return ToHex({reinterpret_cast<const char*>(digest.data()), digest.size()});
}

Status MakeEmptyFolder(const std::string& folder, const std::string& what) {
  HEARTH_TRY(MakeFolders(folder));
  std::error_code failure;
  if (!fs::is_empty(folder, failure) || failure) {
    return Error{ErrorCode::kAlreadyExists,
                 what + " " + folder + " is not empty; name one that is, or that is not there yet"};
  }
  return Ok();
}

// Kept: what is zero stays a hole. Whole: each byte has its place on the disk, as a mapped file needs.
enum class Holes { kKept, kFilled };

Result<BackupFile> Copy(const std::string& from, const std::string& to, const std::string& path,
                        Holes holes) {
  const std::string source = from + "/" + path, target = to + "/" + path;
  HEARTH_TRY(MakeFolders(fs::path(target).parent_path().string()));
  HEARTH_ASSIGN(const UniqueFd in, OpenFile(source, O_RDONLY | O_NOFOLLOW));
  struct stat info;
  if (::fstat(in.get(), &info) != 0) return ErrnoError("look at " + source);
  BackupFile file{path, 0, info.st_mode & 07777u, {}};
  HEARTH_ASSIGN(const UniqueFd out, OpenFile(target, O_WRONLY | O_CREAT | O_EXCL, file.mode));
  if (::fchmod(out.get(), file.mode) != 0) return ErrnoError("set the mode of " + target);
  Sha256Stream hash;
  std::string block(kBlock, '\0');
  static const std::string zeros(kBlock, '\0');
  for (;;) {
    const ssize_t got = ::read(in.get(), block.data(), block.size());
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return ErrnoError("read " + source);
    if (got == 0) break;
    const std::string_view bytes(block.data(), static_cast<size_t>(got));
    hash.Add(bytes);
    file.bytes += bytes.size();
    if (holes == Holes::kKept && bytes == std::string_view(zeros).substr(0, bytes.size())) {
      if (::lseek(out.get(), got, SEEK_CUR) < 0) return ErrnoError("write " + target);
      continue;
    }
    HEARTH_TRY(WriteAll(out.get(), bytes));
  }
  if (::ftruncate(out.get(), static_cast<off_t>(file.bytes)) != 0) return ErrnoError("write " + target);
  if (::fsync(out.get()) != 0) return ErrnoError("sync " + target);
  file.sha256 = HexOf(hash.Finish());
  return file;
}

Error BadLine(size_t number, std::string_view line) {
  return {ErrorCode::kCorrupt, std::string(kBackupManifest) + ": line " + std::to_string(number) +
                                   " is none of a backup: " + std::string(line.substr(0, 200))};
}

bool StaysBelow(const std::string& path) {
  const fs::path parts(path);
  return !path.empty() && parts.is_relative() &&
         std::none_of(parts.begin(), parts.end(),
                      [](const fs::path& part) { return part == ".." || part == "." || part.empty(); });
}

template <class Number>
bool TakeNumber(std::string_view& text, Number& number, int base) {
  const auto [end, failure] = std::from_chars(text.data(), text.data() + text.size(), number, base);
  if (failure != std::errc() || end == text.data() + text.size() || *end != ' ') return false;
  text.remove_prefix(end - text.data() + 1);
  return true;
}

std::optional<BackupFile> ParseLine(std::string_view line) {
  constexpr size_t kDigits = 64;
  BackupFile file;
  if (line.size() <= kDigits || line[kDigits] != ' ') return std::nullopt;
  file.sha256 = line.substr(0, kDigits);
  if (file.sha256.find_first_not_of("0123456789abcdef") != std::string::npos) return std::nullopt;
  line.remove_prefix(kDigits + 1);
  if (!TakeNumber(line, file.bytes, 10) || !TakeNumber(line, file.mode, 8)) return std::nullopt;
  file.path = line;
  if (!StaysBelow(file.path) || file.mode > 07777) return std::nullopt;
  return file;
}

}  // namespace

std::string EncodeBackupManifest(const BackupManifest& manifest) {
  std::string text = std::string(kMagic) + manifest.version + " at " + manifest.made + "\n";
  for (const BackupFile& file : manifest.files) {
    char mode[8];
    std::snprintf(mode, sizeof mode, "%04o", file.mode);
    text += file.sha256 + " " + std::to_string(file.bytes) + " " + mode + " " + file.path + "\n";
  }
  return text;
}

Result<BackupManifest> DecodeBackupManifest(std::string_view text) {
  BackupManifest manifest;
  size_t number = 0;
  while (!text.empty()) {
    const size_t end = text.find('\n');
    const std::string_view line = text.substr(0, end);
    ++number;
    if (end == std::string_view::npos) return BadLine(number, line);  // cut off
    text.remove_prefix(end + 1);
    if (number == 1) {
      const size_t at = line.find(" at ");
      if (!line.starts_with(kMagic) || at == std::string_view::npos) return BadLine(number, line);
      manifest.version = line.substr(kMagic.size(), at - kMagic.size());
      manifest.made = line.substr(at + 4);
      continue;
    }
    auto file = ParseLine(line);
    if (!file) return BadLine(number, line);
    manifest.files.push_back(*std::move(file));
  }
  if (number == 0) return BadLine(1, "");
  return manifest;
}

Result<BackupWriter> BackupWriter::Begin(const std::string& data_dir, const std::string& folder) {
  HEARTH_TRY(MakeEmptyFolder(folder, "the folder for the backup"));
  return BackupWriter(data_dir, folder);
}

Status BackupWriter::CopyFile(const std::string& path) {
  HEARTH_ASSIGN(BackupFile file, Copy(data_dir_, folder_, path, Holes::kKept));
  files_.push_back(std::move(file));
  return Ok();
}

Status BackupWriter::CopyTree(const std::string& path, Vanishing vanishing,
                              const std::function<bool(const std::string& path)>& wanted) {
  const fs::path root = data_dir_;
  if (!PathExists(data_dir_ + "/" + path)) return Ok();
  std::vector<std::string> found;
  std::error_code failure;
  fs::recursive_directory_iterator entry(root / path, failure), end;
  while (!failure && entry != end) {
    std::error_code gone;
    if (entry->is_regular_file(gone) && !entry->is_symlink(gone))
      found.push_back(entry->path().lexically_relative(root).string());
    entry.increment(failure);
  }
  if (failure) return ErrnoError("list " + data_dir_ + "/" + path, failure.value());
  std::sort(found.begin(), found.end());
  for (const std::string& file : found) {
    if (wanted && !wanted(file)) continue;
    const Status copied = CopyFile(file);
    if (copied.ok()) continue;
    if (vanishing == Vanishing::kIsFine && !PathExists(data_dir_ + "/" + file)) continue;
    return copied.error();
  }
  return Ok();
}

Status BackupWriter::CopyDatabase(const std::string& path) {
  const std::string target = folder_ + "/" + path;
  HEARTH_TRY(CopySqlite(data_dir_ + "/" + path, target));
  HEARTH_ASSIGN(const UniqueFd fd, OpenFile(target, O_RDONLY));
  if (::fsync(fd.get()) != 0) return ErrnoError("sync " + target);
  struct stat info;
  if (::fstat(fd.get(), &info) != 0) return ErrnoError("look at " + target);
  Sha256Stream hash;
  std::string block(kBlock, '\0');
  BackupFile file{path, 0, info.st_mode & 07777u, {}};
  for (ssize_t got; (got = ::read(fd.get(), block.data(), block.size())) != 0;) {
    if (got < 0) return ErrnoError("read " + target);
    hash.Add(std::string_view(block.data(), static_cast<size_t>(got)));
    file.bytes += static_cast<uint64_t>(got);
  }
  file.sha256 = HexOf(hash.Finish());
  files_.push_back(std::move(file));
  return Ok();
}

Status BackupWriter::Finish(const std::string& version, const std::string& made) {
  const std::string text = EncodeBackupManifest({version, made, files_});
  return WriteFileAtomically(folder_ + "/" + kBackupManifest, text);
}

bool BackupWriter::Has(const std::string& path) const {
  return std::any_of(files_.begin(), files_.end(),
                     [&path](const BackupFile& file) { return file.path == path; });
}

uint64_t BackupWriter::bytes() const {
  uint64_t bytes = 0;
  for (const BackupFile& file : files_) bytes += file.bytes;
  return bytes;
}

Result<BackupManifest> RestoreBackup(const std::string& backup, const std::string& data_dir) {
  const std::string listed = backup + "/" + kBackupManifest;
  if (!PathExists(listed)) {
    return Error{ErrorCode::kNotFound, backup + " is no whole backup: it has no file " + kBackupManifest +
                                           ", which is written last"};
  }
  HEARTH_ASSIGN(const std::string text, ReadFile(listed));
  HEARTH_ASSIGN(BackupManifest manifest, DecodeBackupManifest(text));
  HEARTH_TRY(MakeEmptyFolder(data_dir, "the data folder"));
  const auto restore = [&]() -> Status {
    for (const BackupFile& wanted : manifest.files) {
      HEARTH_ASSIGN(const BackupFile file, Copy(backup, data_dir, wanted.path, Holes::kFilled));
      if (file.sha256 != wanted.sha256 || file.bytes != wanted.bytes) {
        return Error{ErrorCode::kCorrupt, backup + "/" + wanted.path +
                                              " is not what was backed up: " + std::to_string(file.bytes) +
                                              " bytes of SHA-256 " + file.sha256 + " where there were " +
                                              std::to_string(wanted.bytes) + " of " + wanted.sha256};
      }
      if (::chmod((data_dir + "/" + file.path).c_str(), wanted.mode) != 0)
        return ErrnoError("set the mode of " + data_dir + "/" + file.path);
    }
    return SyncFolder(data_dir);
  };
  if (const Status restored = restore(); !restored.ok()) {
    for (const BackupFile& file : manifest.files)
      (void)RemoveTree((fs::path(data_dir) / *fs::path(file.path).begin()).string());
    return restored.error();
  }
  return manifest;
}

}  // namespace hearth
