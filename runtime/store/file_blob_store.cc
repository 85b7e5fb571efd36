#include "runtime/store/file_blob_store.h"

#include <unistd.h>

#include <cerrno>
#include <filesystem>

#include "runtime/base/files.h"

namespace hearth {
namespace {

namespace fs = std::filesystem;

constexpr size_t kBlobNameBytesMax = 255;
// Where a blob is written before it gets its name; a crash leaves it here. No blob name begins with a dot.
constexpr char kUnfinished[] = "/.unfinished";

bool IsNameCharacter(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '.' || c == '_' ||
         c == '-' || c == '/';
}

// A folder is durable once the folder above it has been synced.
Status MakeDurableFolder(const std::string& folder) {
  if (PathExists(folder)) return Ok();
  const std::string above = fs::path(folder).parent_path().string();
  if (!above.empty() && above != folder) HEARTH_TRY(MakeDurableFolder(above));
  HEARTH_TRY(MakeFolders(folder));
  return SyncFolder(above);
}

Status Write(const std::string& folder, const std::string& path, std::string_view bytes) {
  if (PathExists(path)) {
    HEARTH_ASSIGN(const std::string stored, ReadFile(path));
    if (stored == bytes) return Ok();
    return Error{ErrorCode::kAlreadyExists,
                 "store blob " + path + ": other bytes have this name; use a new one"};
  }
  const std::string parent = fs::path(path).parent_path().string();
  HEARTH_TRY(MakeDurableFolder(parent));
  const std::string unfinished = folder + kUnfinished;
  HEARTH_TRY(WriteFileAtomically(unfinished, bytes));
  if (::rename(unfinished.c_str(), path.c_str()) != 0)
    return ErrnoError("rename " + unfinished + " to " + path);
  return SyncFolder(parent);
}

Status Erase(const std::string& path) {
  if (::unlink(path.c_str()) != 0) {
    return errno == ENOENT ? Ok() : Status(ErrnoError("remove blob " + path));
  }
  return SyncFolder(fs::path(path).parent_path().string());
}

}  // namespace

Status ValidateBlobName(std::string_view name) {
  bool part_begins = true;
  bool valid = !name.empty() && name.size() <= kBlobNameBytesMax && name.back() != '/';
  for (const char c : name) {
    valid = valid && IsNameCharacter(c) && !(part_begins && (c == '.' || c == '/'));
    part_begins = c == '/';
  }
  if (valid) return Ok();
  return Error{ErrorCode::kInvalidArgument,
               "blob name \"" + std::string(name.substr(0, kBlobNameBytesMax)) +
                   "\": 1 to 255 of [A-Za-z0-9._/-], no part empty or beginning with a dot"};
}

Result<std::unique_ptr<FileBlobStore>> FileBlobStore::Open(const std::string& folder, Executor& executor) {
  HEARTH_TRY(MakeDurableFolder(folder));
  for (const char* left : {".unfinished", ".unfinished.new"}) HEARTH_TRY(Erase(folder + "/" + left));
  return std::unique_ptr<FileBlobStore>(new FileBlobStore(folder, executor));
}

FileBlobStore::FileBlobStore(std::string folder, Executor& executor)
    : folder_(std::move(folder)), thread_(executor, "blobs") {}

template <class T>
void FileBlobStore::Run(std::function<Result<T>()> work, std::function<void(Result<T>)> done) {
  thread_.Run<Result<T>>(std::move(work),
                         [weak = weak_factory_.Get(), done = std::move(done)](Result<T> result) {
                           if (weak) done(std::move(result));
                         });
}

void FileBlobStore::Put(std::string name, std::string bytes, std::function<void(Status)> done) {
  Run<void>(
      [folder = folder_, name = std::move(name), bytes = std::move(bytes)]() -> Status {
        HEARTH_TRY(ValidateBlobName(name));
        return Write(folder, folder + "/" + name, bytes);
      },
      std::move(done));
}

void FileBlobStore::Get(std::string name, std::function<void(Result<std::string>)> done) {
  Run<std::string>(
      [folder = folder_, name = std::move(name)]() -> Result<std::string> {
        HEARTH_TRY(ValidateBlobName(name));
        return ReadFile(folder + "/" + name);
      },
      std::move(done));
}

void FileBlobStore::Remove(std::string name, std::function<void(Status)> done) {
  Run<void>(
      [folder = folder_, name = std::move(name)]() -> Status {
        HEARTH_TRY(ValidateBlobName(name));
        return Erase(folder + "/" + name);
      },
      std::move(done));
}

}  // namespace hearth
