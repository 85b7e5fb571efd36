#include <dirent.h>
#include <dlfcn.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include <cerrno>
#include <fstream>
#include <iterator>
#include <string>

#include <hearth/hearth.h>

// Looks at a path as its function sees it: {"path", "do"?}. Answers {"text" of a file, "mode" in octal, "mine": whether
// the owner is who we are, "list" of a folder, "flags" of the mount} or {"errno"}. "do": "write" opens it to write,
// "chmod" makes it 0777, "remove" unlinks it, "open" dlopen()s it: {"errno"}. Without a path: {"calls"} of this worker.

namespace {

using hearth::Context;
using hearth::json;

json Try(const std::string& what, const char* path) {
  errno = 0;
  int result = 0;
  if (what == "write") result = ::open(path, O_WRONLY | O_CREAT, 0600);
  if (what == "chmod") result = ::chmod(path, 0777);
  if (what == "remove") result = ::unlink(path);
  if (what == "open") return {{"loaded", ::dlopen(path, RTLD_NOW) != nullptr}};
  return {{"errno", result < 0 ? errno : 0}};
}

json Look(const char* path) {
  struct stat info {};
  struct statvfs mount {};
  if (::stat(path, &info) != 0 || ::statvfs(path, &mount) != 0) return {{"errno", errno}};
  char mode[8];
  ::snprintf(mode, sizeof mode, "%04o", info.st_mode & 07777U);
  json seen = {{"mode", mode}, {"mine", info.st_uid == ::getuid()}, {"size", info.st_size}};
  for (const auto& [flag, name] : {std::pair(ST_RDONLY, "ro"), std::pair(ST_NOSUID, "nosuid"),
                                   std::pair(ST_NODEV, "nodev"), std::pair(ST_NOEXEC, "noexec")}) {
    if ((mount.f_flag & static_cast<unsigned long>(flag)) != 0) seen["flags"].push_back(name);
  }
  if (S_ISDIR(info.st_mode)) {
    seen["list"] = json::array();
    DIR* const folder = ::opendir(path);
    while (const dirent* entry = folder == nullptr ? nullptr : ::readdir(folder)) {
      if (entry->d_name[0] != '.') seen["list"].push_back(entry->d_name);
    }
    if (folder != nullptr) ::closedir(folder);
    return seen;
  }
  std::ifstream file(path, std::ios::binary);
  if (!file) return {{"errno", errno}, {"mode", mode}};
  seen["text"] = std::string(std::istreambuf_iterator<char>(file), {});
  return seen;
}

json Read(const json& order, Context&) {
  static int calls = 0;
  ++calls;
  if (!order.contains("path")) return {{"calls", calls}};
  const std::string path = order["path"];
  if (order.contains("do")) return Try(order["do"], path.c_str());
  return Look(path.c_str());
}

}  // namespace

HEARTH_HANDLER(Read);
