#include "sandbox/private_root.h"

#include <fcntl.h>
#include <linux/mount.h>
#include <sys/sendfile.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

#include "runtime/base/files.h"
#include "sandbox/layers.h"

namespace hearth {
namespace {

// <sys/mount.h> and <linux/mount.h> cannot be included together with this libc; these are all that is used of
// the former.
constexpr unsigned long kPrivate = 1UL << 18;                        // MS_PRIVATE
constexpr unsigned long kPrivateRecursive = (1UL << 14) | kPrivate;  // MS_REC | MS_PRIVATE
constexpr int kDetach = 2;                                           // MNT_DETACH
constexpr const char* kStage = "/tmp";  // where the new root is mounted until it is the root; any folder does
constexpr const char* kDevices[] = {"null", "zero", "full", "random", "urandom"};

long Mount(const char* source, const char* target, const char* type, unsigned long flags, const void* data) {
  return syscall(SYS_mount, source, target, type, flags, data);
}

constexpr uint64_t Unless(bool off, uint64_t attribute) { return off ? 0 : attribute; }
uint64_t ReadOnly() { return Unless(!IsOn(Layer::kReadOnlyMounts), MOUNT_ATTR_RDONLY); }

struct DetachedMount {
  UniqueFd mount;
  std::string target;  // relative to the new root
  bool is_folder = true;
};

// Not every file system can (no overlayfs before 5.19, no NFS): then the mount is as it was.
void MapOwner(int mount, int owner_map) {
  mount_attr change{};
  change.attr_set = MOUNT_ATTR_IDMAP;
  change.userns_fd = static_cast<uint64_t>(owner_map);
  (void)syscall(SYS_mount_setattr, mount, "", AT_EMPTY_PATH, &change, sizeof change);
}

// Cloned before the new root hides anything; with its flags set before anybody can see it.
bool TakeMount(const std::string& source, const std::string& target, uint64_t attributes, Steps& steps,
               std::vector<DetachedMount>& mounts, int owner_map = -1) {
  UniqueFd mount(static_cast<int>(
      syscall(SYS_open_tree, AT_FDCWD, source.c_str(), OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC | AT_RECURSIVE)));
  if (!steps.At("open " + source).Ok(mount.get())) return false;
  if (owner_map >= 0) MapOwner(mount.get(), owner_map);
  mount_attr change{};
  change.attr_set = attributes;
  change.propagation = kPrivate;  // nothing that is mounted below the source later comes after it
  if (!steps.At("restrict " + source)
           .Ok(syscall(SYS_mount_setattr, mount.get(), "", AT_EMPTY_PATH | AT_RECURSIVE, &change,
                       sizeof change))) {
    return false;
  }
  struct stat info {};
  if (!steps.At("stat " + source).Ok(fstat(mount.get(), &info))) return false;
  mounts.push_back({std::move(mount), target.substr(1), S_ISDIR(info.st_mode)});
  return true;
}

bool IsSymlink(const char* path) {
  struct stat info {};
  return lstat(path, &info) == 0 && S_ISLNK(info.st_mode);
}

bool TakeLibraries(Steps& steps, std::vector<DetachedMount>& mounts) {
  const uint64_t attributes = ReadOnly() | MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV;
  std::vector<std::string> folders = LibraryFolders();
  if (PathExists("/etc/alternatives")) folders.push_back("/etc/alternatives");
  for (const std::string& path : folders) {
    if (!TakeMount(path, path, attributes, steps, mounts)) return false;
  }
  if (!PathExists("/etc/ld.so.cache")) return true;
  return TakeMount("/etc/ld.so.cache", "/etc/ld.so.cache", attributes | MOUNT_ATTR_NOEXEC, steps, mounts);
}

// Root certificates, which every client of TLS needs; a host may have none.
bool TakeCertificates(const PrivateRootPlan& plan, Steps& steps, std::vector<DetachedMount>& mounts) {
  constexpr const char* kCertificates = "/etc/ssl/certs";
  if (!plan.has_network || !PathExists(kCertificates)) return true;
  return TakeMount(kCertificates, kCertificates,
                   ReadOnly() | MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV | MOUNT_ATTR_NOEXEC, steps, mounts);
}

bool TakeDevices(Steps& steps, std::vector<DetachedMount>& mounts) {
  for (const std::string device : kDevices) {
    if (!TakeMount("/dev/" + device, "/dev/" + device, MOUNT_ATTR_NOSUID | MOUNT_ATTR_NOEXEC, steps,
                   mounts)) {
      return false;
    }
  }
  return true;
}

bool TakeFolders(const PrivateRootPlan& plan, Steps& steps, std::vector<DetachedMount>& mounts) {
  for (const PrivateRootPlan::Bind& bind : plan.binds) {
    const uint64_t attributes = MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV | (bind.writable ? 0 : ReadOnly()) |
                                (bind.executable ? 0 : uint64_t{MOUNT_ATTR_NOEXEC});
    if (!TakeMount(bind.source, bind.target, attributes, steps, mounts, bind.owner_map)) return false;
  }
  return true;
}

// In the kernel: the bytes are never in a buffer of ours.
Status CopyBytes(int from, off_t& at, int to, uint64_t bytes) {
  while (bytes > 0) {
    const ssize_t n = sendfile(to, from, &at, bytes);
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) return ErrnoError("copy");
    if (n == 0) return Error{ErrorCode::kIo, "the file ends too early"};
    bytes -= static_cast<uint64_t>(n);
  }
  return Ok();
}

Status WritePrivateFile(int folder, const PrivateRootPlan::PrivateFiles::File& file, int source, off_t& at,
                        uint32_t uid) {
  const UniqueFd made(openat(folder, file.name.c_str(), O_CREAT | O_EXCL | O_WRONLY | O_CLOEXEC, 0400));
  if (!made) return ErrnoError(file.name);
  HEARTH_TRY(CopyBytes(source, at, made.get(), file.bytes));
  if (fchown(made.get(), uid, uid) != 0) return ErrnoError(file.name);
  return Ok();
}

Status FillPrivateFolder(int mount, const PrivateRootPlan::PrivateFiles& files, uint32_t uid) {
  const UniqueFd folder(openat(mount, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (!folder) return ErrnoError(files.target);
  off_t at = 0;
  for (const PrivateRootPlan::PrivateFiles::File& file : files.files)
    HEARTH_TRY(WritePrivateFile(folder.get(), file, files.source, at, uid));
  if (fchmod(folder.get(), 0500) != 0) return ErrnoError(files.target);
  return Ok();
}

bool TakePrivateFiles(const PrivateRootPlan& plan, Steps& steps, std::vector<DetachedMount>& mounts) {
  if (!plan.private_files) return true;
  const PrivateRootPlan::PrivateFiles& files = *plan.private_files;
  constexpr uint64_t kPage = 4096;
  uint64_t bytes = kPage;
  for (const auto& file : files.files) bytes += (file.bytes + kPage - 1) / kPage * kPage;
  auto tmpfs = MakeDetachedTmpfs(bytes, files.files.size() + 1, plan.uid);
  if (!steps.At("make " + files.target).Ok(tmpfs.ok() ? Ok() : Status(tmpfs.error()))) return false;
  mount_attr change{};
  change.attr_set = ReadOnly();
  if (!steps.At("fill " + files.target).Ok(FillPrivateFolder(tmpfs->get(), files, plan.uid)) ||
      !steps.At("restrict " + files.target)
           .Ok(syscall(SYS_mount_setattr, tmpfs->get(), "", AT_EMPTY_PATH, &change, sizeof change))) {
    return false;
  }
  mounts.push_back({std::move(tmpfs).value(), files.target.substr(1)});
  return true;
}

bool MakeMountPoint(int root, const std::string& target, bool is_folder) {
  for (size_t slash = target.find('/'); slash != std::string::npos; slash = target.find('/', slash + 1)) {
    if (mkdirat(root, target.substr(0, slash).c_str(), 0755) != 0 && errno != EEXIST) return false;
  }
  if (is_folder) return mkdirat(root, target.c_str(), 0755) == 0 || errno == EEXIST;
  return UniqueFd(openat(root, target.c_str(), O_CREAT | O_WRONLY | O_CLOEXEC, 0444)).valid();
}

bool Place(int root, int mount, const std::string& target, bool is_folder, Steps& steps) {
  return steps.At("make mount point /" + target).Ok(MakeMountPoint(root, target, is_folder) ? 0 : -1) &&
         steps.At("mount /" + target)
             .Ok(syscall(SYS_move_mount, mount, "", root, target.c_str(), MOVE_MOUNT_F_EMPTY_PATH));
}

Status WriteNewFile(int root, const char* path, const std::string& text) {
  const UniqueFd file(openat(root, path, O_CREAT | O_EXCL | O_WRONLY | O_CLOEXEC, 0444));
  if (!file) return ErrnoError(path);
  return WriteAll(file.get(), text);
}

// On hosts where /lib is a link to usr/lib, it is one inside too.
Status CopyLink(int root, const char* path) {
  if (!IsSymlink(path)) return Ok();
  char target[256];
  const ssize_t size = readlink(path, target, sizeof target - 1);
  if (size <= 0) return ErrnoError(path);
  target[size] = '\0';
  if (symlinkat(target, root, path + 1) != 0) return ErrnoError(path);
  return Ok();
}

// A name that no resolver answers is given up after 4 s a resolver.
Status WriteNames(int root, const PrivateRootPlan& plan) {
  // Nothing but files and what libc has in it: no name service library is looked for.
  const std::string hosts = plan.has_network ? "files dns" : "files";
  HEARTH_TRY(WriteNewFile(root, "etc/nsswitch.conf", "passwd: files\ngroup: files\nhosts: " + hosts + "\n"));
  if (!plan.has_network) return Ok();
  std::string resolv_conf = "options timeout:2 attempts:2\n";
  for (const std::string& address : plan.resolvers) resolv_conf += "nameserver " + address + "\n";
  HEARTH_TRY(WriteNewFile(root, "etc/hosts", "127.0.0.1 localhost\n"));
  return WriteNewFile(root, "etc/resolv.conf", resolv_conf);
}

bool FillRoot(int root, const PrivateRootPlan& plan, Steps& steps) {
  return steps.At("make folder /etc").Ok(mkdirat(root, "etc", 0755)) &&
         steps.At("make folder /tmp").Ok(mkdirat(root, "tmp", 0755)) &&
         steps.At("link /lib").Ok(CopyLink(root, "/lib")) &&
         steps.At("link /lib64").Ok(CopyLink(root, "/lib64")) &&
         steps.At("write /etc/nsswitch.conf").Ok(WriteNames(root, plan));
}

bool NameUser(int root, uint32_t uid, Steps& steps) {
  const std::string id = std::to_string(uid);
  return steps.At("write /etc/passwd")
             .Ok(WriteNewFile(root, "etc/passwd", "function:x:" + id + ":" + id + "::/tmp:/none\n")) &&
         steps.At("write /etc/group").Ok(WriteNewFile(root, "etc/group", "function:x:" + id + ":\n"));
}

int SetHostName(const std::string& name) {
  return IsOn(Layer::kHostName) ? sethostname(name.data(), name.size()) : 0;
}

// What the private root is there to hide.
bool TakeHost(Steps& steps, std::vector<DetachedMount>& mounts) {
  if (IsOn(Layer::kPrivateRoot)) return true;
  return TakeMount("/etc", "/etc", 0, steps, mounts) && TakeMount("/root", "/root", 0, steps, mounts) &&
         TakeMount("/proc", "/proc", 0, steps, mounts);
}

// Nothing can be added to it any more.
bool CloseRoot(Steps& steps) {
  mount_attr read_only{};
  read_only.attr_set = ReadOnly() | MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV | MOUNT_ATTR_NOEXEC;
  return steps.At("make root read-only")
      .Ok(syscall(SYS_mount_setattr, AT_FDCWD, "/", 0, &read_only, sizeof read_only));
}

// Without a plan it stays blank.
bool EnterRoot(const PrivateRootPlan* plan, Steps& steps) {
  // 1. Nothing that is mounted from here on reaches the host.
  if (!steps.At("make mounts private").Ok(Mount(nullptr, "/", nullptr, kPrivateRecursive, nullptr)))
    return false;
  // 2. Sources are taken hold of by descriptor, before the new root is mounted over a folder of the host.
  std::vector<DetachedMount> mounts;
  if (!TakeHost(steps, mounts) || !TakeLibraries(steps, mounts) || !TakeDevices(steps, mounts)) return false;
  if (plan != nullptr && (!TakeCertificates(*plan, steps, mounts) || !TakeFolders(*plan, steps, mounts) ||
                          !TakePrivateFiles(*plan, steps, mounts)))
    return false;
  // 3. The new root, and what is put into it.
  if (!steps.At("mount new root").Ok(Mount("tmpfs", kStage, "tmpfs", 0, "mode=0755,size=1m,nr_inodes=512")))
    return false;
  const UniqueFd root(open(kStage, O_PATH | O_DIRECTORY | O_CLOEXEC));
  const PrivateRootPlan nothing;
  if (!steps.At("open new root").Ok(root.get()) || !FillRoot(root.get(), plan ? *plan : nothing, steps))
    return false;
  if (plan != nullptr && !NameUser(root.get(), plan->uid, steps)) return false;
  for (const DetachedMount& mount : mounts) {
    if (!Place(root.get(), mount.mount.get(), mount.target, mount.is_folder, steps)) return false;
  }
  // 4. It becomes the root; the old one is stacked on the same place and let go; then nothing can be added.
  return steps.At("enter new root").Ok(fchdir(root.get())) &&
         steps.At("pivot_root").Ok(syscall(SYS_pivot_root, ".", ".")) &&
         steps.At("unmount old root").Ok(syscall(SYS_umount2, ".", kDetach)) &&
         steps.At("change to new root").Ok(chdir("/")) && CloseRoot(steps) &&
         (plan == nullptr || steps.At("set host name").Ok(SetHostName(plan->host_name)));
}

}  // namespace

std::vector<std::string> LibraryFolders() {
  std::vector<std::string> folders;
  for (const char* path : {"/usr/lib", "/usr/lib64", "/usr/local/lib", "/lib", "/lib64"}) {
    if (PathExists(path) && !IsSymlink(path)) folders.push_back(path);
  }
  return folders;
}

bool EnterBlankRoot(Steps& steps) { return EnterRoot(nullptr, steps); }

bool EnterPrivateRoot(const PrivateRootPlan& plan, Steps& steps) { return EnterRoot(&plan, steps); }

bool FillBlankRoot(const PrivateRootPlan& plan, std::span<const int> binds, Steps& steps) {
  std::vector<std::string> targets;
  for (const PrivateRootPlan::Bind& bind : plan.binds) targets.push_back(bind.target);
  if (plan.private_files) targets.push_back(plan.private_files->target);
  if (!steps.At("check binds").Ok(binds.size() == targets.size() ? 0 : -1)) return false;
  mount_attr writable{};
  writable.attr_clr = MOUNT_ATTR_RDONLY;
  if (!steps.At("open root").Ok(syscall(SYS_mount_setattr, AT_FDCWD, "/", 0, &writable, sizeof writable)))
    return false;
  const UniqueFd root(open("/", O_PATH | O_DIRECTORY | O_CLOEXEC));
  if (!steps.Ok(root.get())) return false;
  if (IsOn(Layer::kPrivateRoot) && !NameUser(root.get(), plan.uid, steps))
    return false;  // else it is the host's /etc
  for (size_t i = 0; i < binds.size(); ++i) {
    if (!Place(root.get(), binds[i], targets[i].substr(1), true, steps)) return false;
  }
  return CloseRoot(steps) && steps.At("set host name").Ok(SetHostName(plan.host_name));
}

bool TakeBinds(const PrivateRootPlan& plan, Steps& steps, std::vector<UniqueFd>& binds) {
  std::vector<DetachedMount> mounts;
  if (!TakeFolders(plan, steps, mounts) || !TakePrivateFiles(plan, steps, mounts)) return false;
  for (DetachedMount& mount : mounts) binds.push_back(std::move(mount.mount));
  return true;
}

long MountAt(int mount, const char* path) {
  return syscall(SYS_move_mount, mount, "", AT_FDCWD, path, MOVE_MOUNT_F_EMPTY_PATH);
}

Result<UniqueFd> MakeDetachedTmpfs(uint64_t bytes, uint64_t files, uint32_t uid) {
  const UniqueFd context(static_cast<int>(syscall(SYS_fsopen, "tmpfs", FSOPEN_CLOEXEC)));
  if (!context) return ErrnoError("fsopen tmpfs");
  const bool limited = IsOn(Layer::kTmpLimits);
  const std::string options[][2] = {{"size", std::to_string(limited ? bytes : 0)},
                                    {"nr_inodes", std::to_string(limited ? files : 0)},
                                    {"mode", "1777"},
                                    {"uid", std::to_string(uid)},
                                    {"gid", std::to_string(uid)}};
  for (const auto& [name, value] : options) {
    if (syscall(SYS_fsconfig, context.get(), FSCONFIG_SET_STRING, name.c_str(), value.c_str(), 0) != 0) {
      return ErrnoError("fsconfig tmpfs " + name + "=" + value);
    }
  }
  if (syscall(SYS_fsconfig, context.get(), FSCONFIG_CMD_CREATE, nullptr, nullptr, 0) != 0) {
    return ErrnoError("create tmpfs");
  }
  UniqueFd mount(static_cast<int>(
      syscall(SYS_fsmount, context.get(), FSMOUNT_CLOEXEC,
              IsOn(Layer::kTmpFlags) ? MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV | MOUNT_ATTR_NOEXEC : 0)));
  if (!mount) return ErrnoError("fsmount tmpfs");
  return mount;
}

}  // namespace hearth
