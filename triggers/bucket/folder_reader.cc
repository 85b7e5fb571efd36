#include "triggers/bucket/folder_reader.h"

#include <fcntl.h>
#include <linux/openat2.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/vfs.h>

#include <cerrno>
#include <csignal>
#include <ctime>

namespace hearth {
namespace {

// Where writers cannot be asked for, a file that a scan finds counts as finished once it was left alone for
// so long.
constexpr int64_t kSettleNs = 2'000'000'000;

int64_t Nanoseconds(const timespec& time) { return int64_t{time.tv_sec} * 1'000'000'000 + time.tv_nsec; }

// By ctime, which a copy that keeps old times cannot set back.
bool IsTooFresh(const struct stat& st) {
  timespec now{};
  ::clock_gettime(CLOCK_REALTIME, &now);
  const int64_t age = Nanoseconds(now) - Nanoseconds(st.st_ctim);
  return age >= 0 && age < kSettleNs;  // from the future: the clock was set back, and says nothing
}

enum class Writer { kNone, kThere, kUnknown };

// A read lease is given only while nobody has the file open for writing. It is given back at once; a writer
// that comes in between waits that long, and the signal that would tell us is one that is ignored by default
// (SIGIO would kill).
Writer WriterOf(int fd) {
  ::fcntl(fd, F_SETSIG, SIGURG);
  if (::fcntl(fd, F_SETLEASE, F_RDLCK) == 0) {
    ::fcntl(fd, F_SETLEASE, F_UNLCK);
    return Writer::kNone;
  }
  // Else another's file without CAP_LEASE, or a file system without leases.
  return errno == EAGAIN ? Writer::kThere : Writer::kUnknown;
}

ExaminedKey::State StateOf(Writer writer, const KeyHint& hint, const struct stat& st,
                           const WatchRules& rules) {
  using State = ExaminedKey::State;
  const bool unsure = hint.from_scan || hint.again;
  const bool rename_only = rules.finish.mode == FinishRule::Mode::kRenameOnly;
  if (writer == Writer::kThere) return State::kBusy;
  // How a file came by its name cannot be asked: what was written in place counts once it was left alone.
  if (rename_only && unsure && IsTooFresh(st)) return State::kBusy;
  if (rename_only && hint.appeared) return st.st_nlink > 1 ? State::kFinished : State::kOther;
  if (writer == Writer::kNone) return State::kFinished;
  // Nobody can be asked: a link is whole, another file that appeared will be closed.
  if (hint.appeared) return st.st_nlink > 1 ? State::kFinished : State::kOther;
  return unsure && IsTooFresh(st) ? State::kBusy : State::kFinished;
}

// A marker that is older belongs to what the file was before.
bool HasMarker(int root_fd, const std::string& key, const struct stat& file, const WatchRules& rules) {
  const UniqueFd fd = OpenBeneath(root_fd, key + rules.finish.marker, O_PATH | O_NOFOLLOW);
  struct stat st {};
  return fd && ::fstat(fd.get(), &st) == 0 && Nanoseconds(st.st_ctim) >= Nanoseconds(file.st_ctim);
}

ExaminedKey Examine(int root_fd, const WatchRules& rules, KeyHint hint) {
  using State = ExaminedKey::State;
  // O_NONBLOCK: a fifo, or a file under somebody's lease, must not hold us up.
  const UniqueFd fd = OpenBeneath(root_fd, hint.key, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY);
  if (!fd) {
    const State state = errno == ENOENT || errno == ENOTDIR ? State::kGone
                        : errno == EWOULDBLOCK              ? State::kBusy
                                                            : State::kOther;
    return {std::move(hint), state, {}};
  }
  struct stat st {};
  if (::fstat(fd.get(), &st) != 0 || !S_ISREG(st.st_mode)) return {std::move(hint), State::kOther, {}};
  State state = StateOf(WriterOf(fd.get()), hint, st, rules);
  // Once more: what was written before the lease was asked for is in it now.
  ::fstat(fd.get(), &st);
  const bool marked =
      rules.finish.mode != FinishRule::Mode::kMarker || HasMarker(root_fd, hint.key, st, rules);
  if (state == State::kFinished && !marked) state = State::kOther;
  return {std::move(hint), state, IdentityOf(st)};
}

struct SilentKind {
  uint64_t magic;
  const char* name;
};
// <linux/magic.h> and the kernel's own sources; Watchman and ownCloud keep such lists too.
constexpr SilentKind kSilentKinds[] = {{0x6969, "NFS"},       {0x517B, "SMB"},        {0xFE534D42, "SMB2"},
                                       {0xFF534D42, "CIFS"},  {0x65735546, "FUSE"},   {0x01021997, "9P"},
                                       {0x00C36400, "Ceph"},  {0x5346414F, "AFS"},    {0x73757245, "Coda"},
                                       {0x19830326, "FhGFS"}, {0x0BD00BD0, "Lustre"}, {0x47504653, "GPFS"},
                                       {0x9FA0, "proc"},      {0x62656572, "sysfs"},  {0x01161970, "GFS2"},
                                       {0x7461636F, "OCFS2"}, {0x786F4256, "vboxsf"}};

}  // namespace

ObjectIdentity IdentityOf(const struct stat& st) {
  return {st.st_ino, static_cast<uint64_t>(st.st_size), Nanoseconds(st.st_mtim), Nanoseconds(st.st_ctim)};
}

UniqueFd OpenBeneath(int root_fd, const std::string& key, uint64_t flags, uint64_t mode) {
  open_how how{};
  how.flags = flags | O_CLOEXEC;
  how.mode = mode;
  how.resolve = RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS | RESOLVE_NO_MAGICLINKS;
  return UniqueFd(static_cast<int>(::syscall(SYS_openat2, root_fd, key.c_str(), &how, sizeof how)));
}

Result<BucketRoot> AttachRoot(const std::string& path) {
  struct stat st {};
  if (::stat(path.c_str(), &st) != 0) return ErrnoError("bucket folder " + path);
  if (!S_ISDIR(st.st_mode)) return ErrnoError("bucket folder " + path, ENOTDIR);
  return BucketRoot{path, st.st_dev, st.st_ino};
}

std::string SilentFileSystem(const BucketRoot& root) {
  struct statfs info {};
  if (::statfs(root.path.c_str(), &info) != 0) return "";
  for (const SilentKind& kind : kSilentKinds) {
    if (static_cast<uint64_t>(info.f_type) == kind.magic) return kind.name;
  }
  return "";
}

Status TouchProbe(const BucketRoot& root, const std::string& name) {
  HEARTH_ASSIGN(const UniqueFd root_fd, OpenRoot(root));
  const UniqueFd fd(
      ::openat(root_fd.get(), name.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600));
  if (!fd) return ErrnoError("write a probe into " + root.path);
  if (::unlinkat(root_fd.get(), name.c_str(), 0) != 0) return ErrnoError("delete the probe in " + root.path);
  return Ok();
}

Result<UniqueFd> OpenRoot(const BucketRoot& root) {
  UniqueFd fd(::open(root.path.c_str(), O_PATH | O_DIRECTORY | O_CLOEXEC));
  if (!fd) return ErrnoError("bucket folder " + root.path);
  struct stat st {};
  if (::fstat(fd.get(), &st) != 0) return ErrnoError("bucket folder " + root.path);
  if (st.st_dev != root.device || st.st_ino != root.inode) {
    return Error{ErrorCode::kNotFound, "bucket folder " + root.path + " was replaced by another one"};
  }
  return fd;
}

Result<UniqueFd> OpenFolder(int root_fd, const std::string& key) {
  UniqueFd fd = OpenBeneath(root_fd, key.empty() ? "." : key, O_RDONLY | O_DIRECTORY | O_NOFOLLOW);
  if (!fd) return ErrnoError("folder " + key);
  return fd;
}

std::vector<ExaminedKey> ExamineKeys(const BucketRoot& root, const WatchRules& rules,
                                     std::vector<KeyHint> hints) {
  std::vector<ExaminedKey> examined;
  const auto root_fd = OpenRoot(root);
  if (!root_fd.ok()) return examined;  // nothing is known of them: the scan at the next attach looks again
  examined.reserve(hints.size());
  for (KeyHint& hint : hints) examined.push_back(Examine(root_fd->get(), rules, std::move(hint)));
  return examined;
}

FolderReader::Step FolderReader::Read(size_t entries_max) {
  Step step;
  const auto root_fd = OpenRoot(root_);
  if (!root_fd.ok()) {
    step.errors.push_back(root_fd.error().message);
    folders_.clear();
    open_.reset();
    step.at_end = true;
    return step;
  }
  for (size_t entries = 0; entries < entries_max; ++entries) {
    if (!open_) {
      if (folders_.empty()) break;
      OpenNext(*root_fd, step);
      continue;
    }
    if (const dirent* entry = ::readdir(open_.get())) {
      TakeEntry(*entry, step);
    } else {
      open_.reset();
    }
  }
  step.at_end = !open_ && folders_.empty();
  return step;
}

void FolderReader::OpenNext(const UniqueFd& root_fd, Step& step) {
  const std::string key = std::move(folders_.front());
  folders_.pop_front();
  auto fd = OpenFolder(root_fd.get(), key);
  if (!fd.ok()) {
    if (fd.error().code != ErrorCode::kNotFound) step.errors.push_back(fd.error().message);
    return;  // gone meanwhile: nothing to read
  }
  open_.reset(::fdopendir(fd->get()));
  if (!open_) return;
  (void)fd->Release();
  open_key_ = key.empty() ? "" : key + "/";
}

void FolderReader::TakeEntry(const dirent& entry, Step& step) {
  const std::string_view name = entry.d_name;
  if (name == "." || name == ".." || rules_->Ignores(name)) return;
  std::string key = open_key_ + entry.d_name;
  struct stat st {};
  if (::fstatat(::dirfd(open_.get()), entry.d_name, &st, AT_SYMLINK_NOFOLLOW) != 0) return;
  if (S_ISDIR(st.st_mode)) step.folders.push_back(std::move(key));
  if (S_ISREG(st.st_mode) && !rules_->IsMarker(name)) step.files.push_back({std::move(key), IdentityOf(st)});
}

}  // namespace hearth
