#include "runtime/worker/library_inspector.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>

#include <algorithm>
#include <cstring>
#include <optional>
#include <set>

#include "runtime/base/files.h"
#include "runtime/worker/elf_file.h"

namespace hearth {
namespace {

// Of an object and all that it needs: far more than any real program has.
constexpr size_t kLibrariesMax = 2000;

// A file's bytes, mapped while this lives.
class MappedFile final {
 public:
  static Result<MappedFile> Open(const std::string& path) {
    HEARTH_ASSIGN(const UniqueFd file, OpenFile(path, O_RDONLY));
    struct stat info {};
    if (fstat(file.get(), &info) != 0) return ErrnoError(path);
    if (!S_ISREG(info.st_mode)) return Error{ErrorCode::kBadArtefact, path + ": not a regular file"};
    MappedFile mapped;
    mapped.size_ = static_cast<size_t>(info.st_size);
    if (mapped.size_ == 0) return Error{ErrorCode::kBadArtefact, path + ": empty file"};
    mapped.data_ = mmap(nullptr, mapped.size_, PROT_READ, MAP_PRIVATE, file.get(), 0);
    if (mapped.data_ == MAP_FAILED) return ErrnoError(path);
    return mapped;
  }
  MappedFile(MappedFile&& other) noexcept
      : data_(std::exchange(other.data_, MAP_FAILED)), size_(other.size_) {}
  MappedFile& operator=(MappedFile&&) = delete;
  ~MappedFile() {
    if (data_ != MAP_FAILED) munmap(data_, size_);
  }
  std::string_view bytes() const { return {static_cast<const char*>(data_), size_}; }

 private:
  MappedFile() = default;
  void* data_ = MAP_FAILED;
  size_t size_ = 0;
};

Result<ElfFile> ReadElfAt(const std::string& path) {
  HEARTH_ASSIGN(const MappedFile file, MappedFile::Open(path));
  return ReadElfFile(file.bytes());
}

std::string FolderOf(const std::string& path) {
  const size_t slash = path.rfind('/');
  return slash == std::string::npos ? "." : path.substr(0, slash);
}

std::vector<std::string> FoldersOf(const std::string& run_path, const std::string& origin) {
  std::vector<std::string> folders;
  for (size_t at = 0; at < run_path.size();) {
    const size_t end = std::min(run_path.find(':', at), run_path.size());
    std::string folder = run_path.substr(at, end - at);
    at = end + 1;
    for (const std::string token : {"$ORIGIN", "${ORIGIN}"}) {
      const size_t place = folder.find(token);
      if (place != std::string::npos) folder.replace(place, token.size(), origin);
    }
    if (!folder.empty()) folders.push_back(std::move(folder));
  }
  return folders;
}

struct Found {
  std::string path;
  ElfFile file;
  bool by_package_folder = false;
};

class Inspector final {
 public:
  explicit Inspector(const LibrarySearch& search) : search_(search) {}

  Result<LibraryInspection> Run(const std::string& path) {
    auto file = ReadElfAt(path);
    if (!file.ok()) return file.error();
    Visit(path, *file, {});
    return std::move(result_);
  }

 private:
  void Visit(const std::string& path, const ElfFile& file, std::vector<std::string> inherited);
  std::optional<Found> Find(const std::string& name, const std::vector<std::string>& run_folders) const;
  void CheckVersions(const std::string& asker, const ElfFile& file);

  const LibrarySearch& search_;
  LibraryInspection result_;
  std::map<std::string, std::optional<Found>> known_;  // by the name asked for
};

std::optional<Found> TryPath(const std::string& path) {
  // As the loader does: what is not for this machine is passed over.
  auto file = ReadElfAt(path);
  if (!file.ok()) return std::nullopt;
  return Found{path, std::move(file).value(), false};
}

std::optional<Found> Inspector::Find(const std::string& name,
                                     const std::vector<std::string>& run_folders) const {
  if (name.find('/') != std::string::npos) return TryPath(name);
  for (const std::string& folder : run_folders) {
    if (auto found = TryPath(folder + "/" + name)) return found;
  }
  const auto cached = search_.cache.find(name);
  if (cached != search_.cache.end()) {
    if (auto found = TryPath(cached->second)) return found;
  }
  for (const std::string& folder : search_.system_folders) {
    if (auto found = TryPath(folder + "/" + name)) return found;
  }
  for (const std::string& folder : search_.package_folders) {
    if (auto found = TryPath(folder + "/" + name)) {
      found->by_package_folder = true;
      return found;
    }
  }
  return std::nullopt;
}

void Inspector::CheckVersions(const std::string& asker, const ElfFile& file) {
  for (const ElfFile::VersionNeed& need : file.version_needs) {
    const auto found = known_.find(need.library);
    if (found == known_.end() || !found->second) continue;  // missing altogether, and said so
    const std::vector<std::string>& offered = found->second->file.version_definitions;
    for (const std::string& version : need.versions) {
      if (std::count(offered.begin(), offered.end(), version) != 0) continue;
      result_.problems.push_back("symbol version " + version + " is missing in " + need.library + " (" +
                                 found->second->path + "), and " + asker +
                                 " needs it: build on this system or an older one");
    }
  }
}

void Inspector::Visit(const std::string& path, const ElfFile& file, std::vector<std::string> inherited) {
  const std::string name = path.substr(path.rfind('/') + 1);
  // DT_RPATH counts for what the needed ones need too, DT_RUNPATH for this object only and instead of it.
  for (std::string& folder : FoldersOf(file.rpath, FolderOf(path))) inherited.push_back(std::move(folder));
  const std::vector<std::string> run_folders =
      file.runpath.empty() ? inherited : FoldersOf(file.runpath, FolderOf(path));
  for (const std::string& needed : file.needed) {
    if (known_.size() >= kLibrariesMax || known_.count(needed) != 0) continue;
    const auto& found = known_.emplace(needed, Find(needed, run_folders)).first->second;
    if (!found) {
      result_.problems.push_back(
          "library " + needed + ", needed by " + name +
          ", was not found: put it into lib/ of the package or of a layer, or install it on this host");
      continue;
    }
    Visit(found->path, found->file, inherited);
    if (found->by_package_folder) result_.open_first.push_back(found->path);
  }
  CheckVersions(name, file);
}

struct CacheHeader {
  char magic[20];  // "glibc-ld.so.cache1.1"
  uint32_t count;
  uint32_t strings_size;
  uint32_t unused[5];
};
struct CacheEntry {
  int32_t flags;
  uint32_t name;
  uint32_t path;
  uint32_t os_version;
  uint64_t hardware;
};

std::optional<std::string> CacheString(std::string_view bytes, uint32_t offset) {
  const size_t end = bytes.find('\0', offset);
  if (offset >= bytes.size() || end == std::string_view::npos) return std::nullopt;
  return std::string(bytes.substr(offset, end - offset));
}

}  // namespace

std::map<std::string, std::string> ReadLdCache(std::string_view bytes) {
  std::map<std::string, std::string> cache;
  CacheHeader header;
  if (bytes.size() < sizeof header) return cache;
  std::memcpy(&header, bytes.data(), sizeof header);
  if (std::string_view(header.magic, sizeof header.magic) != "glibc-ld.so.cache1.1") return cache;
  for (uint64_t i = 0; i < header.count; ++i) {
    const uint64_t at = sizeof header + i * sizeof(CacheEntry);
    if (at + sizeof(CacheEntry) > bytes.size()) break;
    CacheEntry entry;
    std::memcpy(&entry, bytes.data() + at, sizeof entry);
    const auto name = CacheString(bytes, entry.name);
    const auto path = CacheString(bytes, entry.path);
    // Entries for special processors and other ABIs (32-bit) come beside the plain one; keep the first
    // readable.
    constexpr int32_t kThisAbi = 0x0303;
    if (name && path && (entry.flags == kThisAbi || entry.flags == 0x0a03) && entry.hardware == 0) {
      cache.emplace(*name, *path);
    }
  }
  return cache;
}

LibrarySearch SearchOfThisHost(const CodePlaces& places) {
  LibrarySearch search;
  const auto cache = ReadFile("/etc/ld.so.cache");
  if (cache.ok()) search.cache = ReadLdCache(*cache);
#if defined(__x86_64__)
  search.system_folders = {"/lib/x86_64-linux-gnu", "/usr/lib/x86_64-linux-gnu"};
#elif defined(__aarch64__)
  search.system_folders = {"/lib/aarch64-linux-gnu", "/usr/lib/aarch64-linux-gnu"};
#endif
  for (const char* folder : {"/lib64", "/usr/lib64", "/lib", "/usr/lib"})
    search.system_folders.emplace_back(folder);
  search.package_folders = {places.package + "/lib", places.package};
  if (!places.layers.empty()) search.package_folders.push_back(places.layers + "/lib");
  return search;
}

Result<LibraryInspection> InspectLibrary(const std::string& path, const LibrarySearch& search) {
  return Inspector(search).Run(path);
}

}  // namespace hearth
