#include "sandbox/cgroup_folder.h"

#include <dirent.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <charconv>
#include <memory>
#include <vector>

#include "runtime/base/files.h"

namespace hearth {
namespace {

constexpr std::string_view kPrefix = "hearth-";

std::vector<std::string> FoldersIn(const std::string& folder) {
  std::vector<std::string> names;
  const std::unique_ptr<DIR, int (*)(DIR*)> open(opendir(folder.c_str()), &closedir);
  if (open == nullptr) return names;
  while (const dirent* entry = readdir(open.get())) {
    if (entry->d_type == DT_DIR && entry->d_name[0] != '.') names.emplace_back(entry->d_name);
  }
  return names;
}

// Only what is named after a process that no longer lives; a daemon beside us keeps its own.
bool IsOfDeadDaemon(std::string_view name) {
  if (!name.starts_with(kPrefix)) return false;
  name.remove_prefix(kPrefix.size());
  pid_t pid = 0;
  const auto [end, failed] = std::from_chars(name.data(), name.data() + name.size(), pid);
  if (failed != std::errc() || end != name.data() + name.size() || pid <= 0) return false;
  return kill(pid, 0) != 0 && errno == ESRCH;
}

// Version 1: a frozen task does not die of SIGKILL until it is thawed, and whoever froze these is dead.
bool ThawBelow(const std::string& folder) {
  bool thawed = false;
  for (const std::string& name : FoldersIn(folder)) {
    const auto state = CgroupFile::Open(folder + "/" + name + "/freezer.state", O_RDWR);
    const auto text = state.ok() ? state->Read() : Result<std::string>(state.error());
    thawed |= text.ok() && *text != "THAWED\n" && state->Write("THAWED").ok();
  }
  return thawed;
}

}  // namespace

Result<CgroupFile> CgroupFile::Open(std::string path, int flags) {
  CgroupFile file;
  HEARTH_ASSIGN(file.fd_, OpenFile(path, flags));
  file.path_ = std::move(path);
  return file;
}

Status CgroupFile::Write(std::string_view text) const {
  if (pwrite(fd_.get(), text.data(), text.size(), 0) != static_cast<ssize_t>(text.size())) {
    return ErrnoError("write " + std::string(text) + " to " + path_);
  }
  return Ok();
}

Result<std::string> CgroupFile::Read() const {
  char text[4096];
  const ssize_t size = pread(fd_.get(), text, sizeof text, 0);
  if (size < 0) return ErrnoError("read " + path_);
  return std::string(text, static_cast<size_t>(size));
}

Result<uint64_t> CgroupFile::ReadNumber() const {
  char text[32];
  const ssize_t size = pread(fd_.get(), text, sizeof text, 0);
  if (size < 0) return ErrnoError("read " + path_);
  uint64_t number = 0;
  if (std::from_chars(text, text + size, number).ec != std::errc()) {
    return Error{ErrorCode::kCorrupt,
                 path_ + ": not a number: " + std::string(text, static_cast<size_t>(size))};
  }
  return number;
}

uint64_t NumberOf(std::string_view text, std::string_view key) {
  for (size_t at = 0; at < text.size();) {
    const size_t end = std::min(text.find('\n', at), text.size());
    const std::string_view line = text.substr(at, end - at);
    at = end + 1;
    if (line.size() <= key.size() || !line.starts_with(key) || line[key.size()] != ' ') continue;
    uint64_t number = 0;
    std::from_chars(line.data() + key.size() + 1, line.data() + line.size(), number);
    return number;
  }
  return 0;
}

bool RemoveCgroupFolder(const std::string& folder) {
  for (const std::string& name : FoldersIn(folder)) {
    if (!RemoveCgroupFolder(folder + "/" + name)) return false;
  }
  return rmdir(folder.c_str()) == 0 || errno == ENOENT;
}

void RemoveCgroupFolderSoon(const std::string& folder) {
  for (int tries = 0; tries < 50 && !RemoveCgroupFolder(folder); ++tries) usleep(2000);
}

Result<std::string> MakeOwnCgroupFolder(const std::string& folder) {
  for (const std::string& name : FoldersIn(folder)) {
    if (!IsOfDeadDaemon(name)) continue;
    const std::string left = folder + "/" + name;
    if (ThawBelow(left)) {
      RemoveCgroupFolderSoon(left);
    } else {
      RemoveCgroupFolder(left);
    }
  }
  const std::string own = folder + "/" + std::string(kPrefix) + std::to_string(getpid());
  if (mkdir(own.c_str(), 0755) != 0 && errno != EEXIST) return ErrnoError("make cgroup " + own);
  return own;
}

}  // namespace hearth
