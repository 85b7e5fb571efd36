#include "tests/unit/runtime/store/power_loss_vfs.h"

#include <cstring>
#include <filesystem>

#include <sqlite3.h>

#include "runtime/base/check.h"
#include "runtime/base/files.h"

namespace hearth {
namespace {

constexpr size_t kSectorBytes = 512;

sqlite3_vfs* RealVfs() {
  static sqlite3_vfs* const real = sqlite3_vfs_find("unix");
  return real;
}

// SQLite allocates szOsFile bytes: this, then the real file.
struct WatchedFile {
  sqlite3_file base;
  const char* path;  // SQLite keeps it while the file is open
  sqlite3_file* real() { return reinterpret_cast<sqlite3_file*>(this + 1); }
};

WatchedFile* Of(sqlite3_file* file) { return reinterpret_cast<WatchedFile*>(file); }
sqlite3_file* RealOf(sqlite3_file* file) { return Of(file)->real(); }
const sqlite3_io_methods* MethodsOf(sqlite3_file* file) { return RealOf(file)->pMethods; }

int Close(sqlite3_file* file) { return MethodsOf(file)->xClose(RealOf(file)); }
int Read(sqlite3_file* file, void* out, int count, sqlite3_int64 offset) {
  return MethodsOf(file)->xRead(RealOf(file), out, count, offset);
}
int Write(sqlite3_file* file, const void* bytes, int count, sqlite3_int64 offset) {
  if (Of(file)->path) {
    PowerLossVfs::Instance().Wrote(Of(file)->path, offset,
                                   std::string(static_cast<const char*>(bytes), static_cast<size_t>(count)));
  }
  return MethodsOf(file)->xWrite(RealOf(file), bytes, count, offset);
}
int Truncate(sqlite3_file* file, sqlite3_int64 size) {
  if (Of(file)->path) PowerLossVfs::Instance().Truncated(Of(file)->path, size);
  return MethodsOf(file)->xTruncate(RealOf(file), size);
}
// The real disk is never synced: that would only cost time.
int Sync(sqlite3_file* file, int) {
  if (Of(file)->path) PowerLossVfs::Instance().Synced(Of(file)->path);
  return SQLITE_OK;
}
int FileSize(sqlite3_file* file, sqlite3_int64* size) {
  return MethodsOf(file)->xFileSize(RealOf(file), size);
}
int Lock(sqlite3_file* file, int level) { return MethodsOf(file)->xLock(RealOf(file), level); }
int Unlock(sqlite3_file* file, int level) { return MethodsOf(file)->xUnlock(RealOf(file), level); }
int CheckReservedLock(sqlite3_file* file, int* out) {
  return MethodsOf(file)->xCheckReservedLock(RealOf(file), out);
}
int FileControl(sqlite3_file* file, int operation, void* argument) {
  return MethodsOf(file)->xFileControl(RealOf(file), operation, argument);
}
int SectorSize(sqlite3_file*) { return kSectorBytes; }
int DeviceCharacteristics(sqlite3_file*) { return 0; }  // promises nothing: no atomic write, no safe append
int ShmMap(sqlite3_file* file, int page, int size, int extend, void volatile** out) {
  return MethodsOf(file)->xShmMap(RealOf(file), page, size, extend, out);
}
int ShmLock(sqlite3_file* file, int offset, int count, int flags) {
  return MethodsOf(file)->xShmLock(RealOf(file), offset, count, flags);
}
void ShmBarrier(sqlite3_file* file) { MethodsOf(file)->xShmBarrier(RealOf(file)); }
int ShmUnmap(sqlite3_file* file, int remove) { return MethodsOf(file)->xShmUnmap(RealOf(file), remove); }

const sqlite3_io_methods kMethods = {2,
                                     Close,
                                     Read,
                                     Write,
                                     Truncate,
                                     Sync,
                                     FileSize,
                                     Lock,
                                     Unlock,
                                     CheckReservedLock,
                                     FileControl,
                                     SectorSize,
                                     DeviceCharacteristics,
                                     ShmMap,
                                     ShmLock,
                                     ShmBarrier,
                                     ShmUnmap,
                                     nullptr,
                                     nullptr};

int Open(sqlite3_vfs*, const char* path, sqlite3_file* file, int flags, int* out_flags) {
  WatchedFile* const watched = Of(file);
  watched->base.pMethods = nullptr;
  watched->path = path;
  const int code = RealVfs()->xOpen(RealVfs(), path, watched->real(), flags, out_flags);
  if (code != SQLITE_OK) return code;
  watched->base.pMethods = &kMethods;
  if (path) PowerLossVfs::Instance().Opened(path);
  return SQLITE_OK;
}
int Delete(sqlite3_vfs*, const char* path, int sync) {
  PowerLossVfs::Instance().Deleted(path);
  return RealVfs()->xDelete(RealVfs(), path, sync);
}

}  // namespace

PowerLossVfs& PowerLossVfs::Instance() {
  static PowerLossVfs vfs;
  return vfs;
}

PowerLossVfs::PowerLossVfs() {
  static sqlite3_vfs vfs = *RealVfs();
  vfs.zName = kName;
  vfs.szOsFile = static_cast<int>(sizeof(WatchedFile)) + RealVfs()->szOsFile;
  vfs.xOpen = Open;
  vfs.xDelete = Delete;
  CHECK_TRUE(sqlite3_vfs_register(&vfs, 0) == SQLITE_OK);
}

void PowerLossVfs::Watch(OnCall on_call) {
  const std::lock_guard lock(mutex_);
  on_call_ = std::move(on_call);
}

void PowerLossVfs::Forget() {
  const std::lock_guard lock(mutex_);
  on_call_ = nullptr;
  files_.clear();
}

void PowerLossVfs::Opened(const std::string& path) {
  const std::lock_guard lock(mutex_);
  if (files_.contains(path)) return;
  auto content = ReadFile(path);
  files_[path].synced = content.ok() ? std::move(*content) : std::string();
}

void PowerLossVfs::Wrote(const std::string& path, int64_t offset, std::string bytes) {
  const std::lock_guard lock(mutex_);
  if (on_call_) on_call_();
  files_[path].since.push_back({false, offset, std::move(bytes)});
}

void PowerLossVfs::Truncated(const std::string& path, int64_t size) {
  const std::lock_guard lock(mutex_);
  if (on_call_) on_call_();
  files_[path].since.push_back({true, size, {}});
}

void PowerLossVfs::Synced(const std::string& path) {
  const std::lock_guard lock(mutex_);
  if (on_call_) on_call_();
  File& file = files_[path];
  for (const Change& change : file.since) Apply(file.synced, change);
  file.since.clear();
}

void PowerLossVfs::Deleted(const std::string& path) {
  const std::lock_guard lock(mutex_);
  files_.erase(path);
}

PowerLossVfs::Contents PowerLossVfs::AfterPowerLoss(std::mt19937_64& random) {
  Contents contents;
  for (const auto& [path, file] : files_) {
    std::string content = file.synced;
    for (const Change& change : file.since) ApplyByChance(content, change, random);
    contents[std::filesystem::path(path).filename().string()] = std::move(content);
  }
  return contents;
}

void PowerLossVfs::Apply(std::string& content, const Change& change) {
  if (change.truncate) {
    content.resize(static_cast<size_t>(change.offset));
    return;
  }
  const auto end = static_cast<size_t>(change.offset) + change.bytes.size();
  if (content.size() < end) content.resize(end);
  std::memcpy(content.data() + change.offset, change.bytes.data(), change.bytes.size());
}

void PowerLossVfs::ApplyByChance(std::string& content, const Change& change, std::mt19937_64& random) {
  const uint64_t chance = random() % 3;
  if (chance == 0) return;
  if (chance == 1 || change.truncate) return Apply(content, change);
  for (size_t at = 0; at < change.bytes.size(); at += kSectorBytes) {
    if (random() % 2 == 0) continue;
    Apply(content, {false, change.offset + static_cast<int64_t>(at), change.bytes.substr(at, kSectorBytes)});
  }
}

}  // namespace hearth
