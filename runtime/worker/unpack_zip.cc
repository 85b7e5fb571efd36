#include <fcntl.h>
#include <linux/openat2.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <memory>
#include <set>

#include <zip.h>

#include "runtime/base/files.h"
#include "runtime/base/unique_fd.h"
#include "runtime/worker/unpack.h"

namespace hearth {
namespace {

// A file that grows more than this, past a first 10 MiB, is a bomb: real code and data stay below 1:50, zeros
// alone reach the format's 1:1032.
constexpr uint64_t kRatioMax = 200;
constexpr uint64_t kRatioIsFineBelow = 10u << 20;

using Archive = std::unique_ptr<zip_t, void (*)(zip_t*)>;
using Entry = std::unique_ptr<zip_file_t, int (*)(zip_file_t*)>;

// Never through a link, never out of the folder, never onto something that is there.
UniqueFd OpenBeneath(int folder, const std::string& name, uint64_t flags, uint64_t mode) {
  open_how how{};
  how.flags = flags | O_CLOEXEC;
  how.mode = mode;
  how.resolve = RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS | RESOLVE_NO_MAGICLINKS;
  return UniqueFd(static_cast<int>(syscall(SYS_openat2, folder, name.c_str(), &how, sizeof how)));
}

class Unpacker final {
 public:
  Unpacker(zip_t* zip, int folder, uint64_t bytes_max) : zip_(zip), folder_(folder), bytes_max_(bytes_max) {}

  std::string Unpack(uint64_t index) {
    zip_stat_t info;
    if (zip_stat_index(zip_, index, 0, &info) != 0)
      return "entry " + std::to_string(index) + ": " + zip_strerror(zip_);
    const std::string name = info.name;
    std::string complaint = CheckEntryName(name);
    if (complaint.empty()) complaint = CheckKind(index, info);
    if (complaint.empty() && !seen_.insert(Trimmed(name)).second) complaint = "the name comes twice";
    if (complaint.empty())
      complaint = name.back() == '/' ? MakeFolders(Trimmed(name)) : WriteFile(index, name, info);
    return complaint.empty() ? complaint : "entry \"" + name + "\": " + complaint;
  }

 private:
  static std::string Trimmed(std::string name) {
    if (name.back() == '/') name.pop_back();
    return name;
  }

  std::string CheckKind(uint64_t index, const zip_stat_t& info);
  std::string MakeFolders(const std::string& path);
  std::string WriteFile(uint64_t index, const std::string& name, const zip_stat_t& info);
  std::string Copy(zip_file_t* from, int to, uint64_t packed);

  zip_t* const zip_;
  const int folder_;
  const uint64_t bytes_max_;
  uint64_t bytes_ = 0;
  bool executable_ = false;
  std::set<std::string> seen_;
};

std::string Unpacker::CheckKind(uint64_t index, const zip_stat_t& info) {
  if (info.encryption_method != ZIP_EM_NONE) return "it is encrypted";
  zip_uint8_t system = 0;
  zip_uint32_t attributes = 0;
  executable_ = false;
  if (zip_file_get_external_attributes(zip_, index, 0, &system, &attributes) != 0 || system != ZIP_OPSYS_UNIX)
    return {};
  const mode_t mode = attributes >> 16;
  executable_ = (mode & 0111) != 0;
  if ((mode & (S_ISUID | S_ISGID)) != 0) return "it is set-user-id or set-group-id";
  if (S_ISLNK(mode)) return "it is a symbolic link";
  if ((mode & S_IFMT) != 0 && !S_ISREG(mode) && !S_ISDIR(mode)) return "it is neither a file nor a folder";
  return {};
}

std::string Unpacker::MakeFolders(const std::string& path) {
  for (size_t slash = path.find('/');; slash = path.find('/', slash + 1)) {
    const std::string part = path.substr(0, slash);
    const size_t above = part.rfind('/');
    const UniqueFd parent = OpenBeneath(folder_, above == std::string::npos ? "." : part.substr(0, above),
                                        O_PATH | O_DIRECTORY, 0);
    const std::string name = part.substr(above + 1);
    if (!parent || (mkdirat(parent.get(), name.c_str(), 0755) != 0 && errno != EEXIST)) {
      return ErrnoError("make folder").message;
    }
    if (slash == std::string::npos) return {};
  }
}

std::string Unpacker::WriteFile(uint64_t index, const std::string& name, const zip_stat_t& info) {
  const size_t slash = name.rfind('/');
  if (slash != std::string::npos) {
    std::string complaint = MakeFolders(name.substr(0, slash));
    if (!complaint.empty()) return complaint;
  }
  const UniqueFd file = OpenBeneath(folder_, name, O_WRONLY | O_CREAT | O_EXCL, 0644);
  if (!file) return ErrnoError("make file").message;
  const Entry entry(zip_fopen_index(zip_, index, 0), &zip_fclose);
  if (entry == nullptr) return std::string("it cannot be read: ") + zip_strerror(zip_);
  std::string complaint = Copy(entry.get(), file.get(), info.comp_size);
  if (complaint.empty() && executable_ && fchmod(file.get(), 0755) != 0)
    return ErrnoError("make executable").message;
  return complaint;
}

// Counts what comes out: what the zip claims about sizes is the attacker's word.
std::string Unpacker::Copy(zip_file_t* from, int to, uint64_t packed) {
  char block[64 * 1024];
  uint64_t size = 0;
  for (;;) {
    const zip_int64_t n = zip_fread(from, block, sizeof block);
    if (n < 0) return std::string("it cannot be read: ") + zip_error_strerror(zip_file_get_error(from));
    if (n == 0) return {};
    size += static_cast<uint64_t>(n);
    bytes_ += static_cast<uint64_t>(n);
    if (bytes_ > bytes_max_) {
      return "with it the package has more than " + std::to_string(bytes_max_) +
             " bytes unpacked, which is the limit";
    }
    if (size > kRatioIsFineBelow && size / kRatioMax > packed) {
      return "it unpacks to more than " + std::to_string(kRatioMax) + " times its packed size";
    }
    const Status written = WriteAll(to, std::string_view(block, static_cast<size_t>(n)));
    if (!written.ok()) return written.error().message;
  }
}

}  // namespace

std::string UnpackInto(int zip_fd, int folder_fd, uint64_t bytes_max, uint32_t entries_max) {
  const int own = dup(zip_fd);  // libzip closes what it is given
  int code = 0;
  Archive zip(zip_fdopen(own, ZIP_CHECKCONS, &code), &zip_discard);
  if (zip == nullptr) {
    close(own);
    if (code == ZIP_ER_EXISTS) return "the zip has two entries of one name";
    zip_error_t error;
    zip_error_init_with_code(&error, code);
    std::string text = std::string("not a readable zip: ") + zip_error_strerror(&error);
    zip_error_fini(&error);
    return text;
  }
  const zip_int64_t entries = zip_get_num_entries(zip.get(), 0);
  if (entries > entries_max) {
    return "the zip has " + std::to_string(entries) + " entries, the limit is " + std::to_string(entries_max);
  }
  umask(0);
  Unpacker unpacker(zip.get(), folder_fd, bytes_max);
  for (zip_int64_t i = 0; i < entries; ++i) {
    std::string complaint = unpacker.Unpack(static_cast<uint64_t>(i));
    if (!complaint.empty()) return complaint;
  }
  return {};
}

}  // namespace hearth
