#include "sandbox/cgroup_paths.h"

#include <unistd.h>

#include <algorithm>
#include <map>

#include "runtime/base/files.h"

namespace hearth {
namespace {

constexpr std::string_view kUsed[] = {"memory", "pids", "cpu", "cpuacct", "freezer", "cpuset"};

std::vector<std::string_view> Split(std::string_view text, char separator) {
  std::vector<std::string_view> parts;
  while (!text.empty()) {
    const size_t end = std::min(text.find(separator), text.size());
    if (end > 0) parts.push_back(text.substr(0, end));
    text.remove_prefix(std::min(end + 1, text.size()));
  }
  return parts;
}

struct MountLine {
  std::string_view root, point, type, super_options;
};

// "36 31 0:33 / /sys/fs/cgroup/memory rw,relatime - cgroup cgroup rw,memory"
bool ParseMountLine(std::string_view line, MountLine& mount) {
  const size_t dash = line.find(" - ");
  if (dash == std::string_view::npos) return false;
  const auto before = Split(line.substr(0, dash), ' ');
  const auto after = Split(line.substr(dash + 3), ' ');
  if (before.size() < 6 || after.size() < 3) return false;
  mount = {before[3], before[4], after[0], after[2]};
  return true;
}

// What of the process's path is below the mount: a container mounts a part of the hierarchy only.
std::string FolderBelow(const MountLine& mount, std::string_view own) {
  if (mount.root != "/" && own.starts_with(mount.root)) own.remove_prefix(mount.root.size());
  std::string folder(mount.point);
  if (own != "/" && !own.empty()) folder += own;
  return folder;
}

// Controller list -> path, of /proc/self/cgroup: "4:memory:/process_api/4a88".
std::map<std::string, std::string, std::less<>> OwnPaths(std::string_view own) {
  std::map<std::string, std::string, std::less<>> paths;
  for (const std::string_view line : Split(own, '\n')) {
    const size_t first = line.find(':');
    const size_t second = line.find(':', first + 1);
    if (first == std::string_view::npos || second == std::string_view::npos) continue;
    const std::string path(line.substr(second + 1));
    const std::string_view controllers = line.substr(first + 1, second - first - 1);
    if (controllers.empty()) paths[""] = path;
    for (const std::string_view controller : Split(controllers, ',')) paths[std::string(controller)] = path;
  }
  return paths;
}

bool Writable(const std::string& folder) { return access(folder.c_str(), W_OK | X_OK) == 0; }

std::string Describe(const CgroupPaths& paths) {
  std::string text = "cgroups: v" + std::to_string(paths.version) + " ";
  std::string list;
  for (const CgroupHierarchy& hierarchy : paths.hierarchies) {
    for (const std::string& controller : hierarchy.controllers)
      list += (list.empty() ? "" : ", ") + controller;
  }
  text += list;
  if (!paths.Has("memory")) text += "; memory: missing (limited by RLIMIT_DATA instead)";
  if (!paths.Has("pids")) text += "; pids: missing (limited by RLIMIT_NPROC instead)";
  return text;
}

}  // namespace

bool CgroupPaths::Has(std::string_view controller) const {
  return std::any_of(hierarchies.begin(), hierarchies.end(), [&](const CgroupHierarchy& hierarchy) {
    return std::count(hierarchy.controllers.begin(), hierarchy.controllers.end(), controller) > 0;
  });
}

std::vector<CgroupHierarchy> ParseCgroupV1(std::string_view mountinfo, std::string_view own) {
  const auto paths = OwnPaths(own);
  std::vector<CgroupHierarchy> hierarchies;
  for (const std::string_view line : Split(mountinfo, '\n')) {
    MountLine mount;
    if (!ParseMountLine(line, mount) || mount.type != "cgroup") continue;
    CgroupHierarchy hierarchy;
    for (const std::string_view option : Split(mount.super_options, ',')) {
      if (std::count(std::begin(kUsed), std::end(kUsed), option) == 0) continue;
      const auto path = paths.find(option);
      if (path == paths.end()) continue;
      hierarchy.controllers.emplace_back(option);
      hierarchy.folder = FolderBelow(mount, path->second);
    }
    if (!hierarchy.controllers.empty()) hierarchies.push_back(std::move(hierarchy));
  }
  return hierarchies;
}

std::string ParseCgroupV2Folder(std::string_view mountinfo, std::string_view own) {
  const auto paths = OwnPaths(own);
  const auto path = paths.find("");
  if (path == paths.end()) return {};
  for (const std::string_view line : Split(mountinfo, '\n')) {
    MountLine mount;
    if (ParseMountLine(line, mount) && mount.type == "cgroup2") return FolderBelow(mount, path->second);
  }
  return {};
}

std::string ParseCgroupV2Root(std::string_view mountinfo) {
  for (const std::string_view line : Split(mountinfo, '\n')) {
    MountLine mount;
    if (ParseMountLine(line, mount) && mount.type == "cgroup2") return std::string(mount.point);
  }
  return {};
}

CgroupPaths FindCgroups() {
  CgroupPaths found;
  const auto mountinfo = ReadFile("/proc/self/mountinfo");
  const auto own = ReadFile("/proc/self/cgroup");
  if (!mountinfo.ok() || !own.ok()) {
    found.report = "cgroups: missing (/proc/self cannot be read)";
    return found;
  }
  for (CgroupHierarchy& hierarchy : ParseCgroupV1(*mountinfo, *own)) {
    if (Writable(hierarchy.folder)) found.hierarchies.push_back(std::move(hierarchy));
  }
  if (!found.hierarchies.empty()) {
    found.version = 1;
    const std::string unified = ParseCgroupV2Folder(*mountinfo, *own);
    if (!unified.empty() && Writable(unified)) found.freeze_folder = unified;
    found.report = Describe(found);
    return found;
  }
  const std::string folder = ParseCgroupV2Folder(*mountinfo, *own);
  const auto controllers =
      folder.empty() ? Result<std::string>(std::string()) : ReadFile(folder + "/cgroup.controllers");
  if (!controllers.ok() || controllers->find("memory") == std::string::npos || !Writable(folder)) {
    found.report =
        "cgroups: missing (no controller that this user may write to; run as root, or under systemd with "
        "Delegate=cpu memory pids)";
    return found;
  }
  found.version = 2;
  found.v2_root = ParseCgroupV2Root(*mountinfo);
  CgroupHierarchy hierarchy{folder, {}};
  for (const std::string_view line : Split(*controllers, '\n')) {
    for (const std::string_view controller : Split(line, ' ')) hierarchy.controllers.emplace_back(controller);
  }
  found.hierarchies.push_back(std::move(hierarchy));
  found.report = Describe(found);
  return found;
}

}  // namespace hearth
