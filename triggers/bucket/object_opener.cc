#include "triggers/bucket/object_opener.h"

#include <fcntl.h>
#include <linux/mount.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>

namespace hearth {
namespace {

// Detached: in no mount namespace, so nothing outside sees it, and it goes with its last descriptor.
Result<UniqueFd> MakeReadOnlyMount(int folder) {
  const unsigned flags = OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC | AT_EMPTY_PATH | AT_RECURSIVE;
  UniqueFd mount(static_cast<int>(::syscall(SYS_open_tree, folder, "", flags)));
  if (!mount) return ErrnoError("open_tree");
  mount_attr attributes{};
  attributes.attr_set = MOUNT_ATTR_RDONLY | MOUNT_ATTR_NOEXEC | MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV;
  attributes.propagation = MS_PRIVATE;
  if (::syscall(SYS_mount_setattr, mount.get(), "", AT_EMPTY_PATH | AT_RECURSIVE, &attributes,
                sizeof attributes) != 0)
    return ErrnoError("mount_setattr");
  return mount;
}

bool IsOtherContent(int error) {
  // EWOULDBLOCK: somebody's lease, who is told now, and has it open for writing.
  return error == ENOENT || error == ENOTDIR || error == ELOOP || error == EXDEV || error == EWOULDBLOCK;
}

bool IsShortage(int error) { return error == EMFILE || error == ENFILE || error == ENOMEM; }

Error Changed() {
  return {ErrorCode::kPrecondition, "the object was changed, replaced or deleted after its event was made"};
}

}  // namespace

Status ReadOnlyView::Ensure(const BucketRoot& root) {
  if (folder_ && root_ == root) return Ok();
  folder_.Reset();
  HEARTH_ASSIGN(UniqueFd folder, OpenRoot(root));
  auto mount = MakeReadOnlyMount(folder.get());
  if (!mount.ok() && ::geteuid() == 0)
    return mount.error().WithContext("make a read-only view of bucket folder " + root.path);
  folder_ = mount.ok() ? std::move(*mount) : std::move(folder);
  root_ = root;
  return Ok();
}

Result<std::shared_ptr<EventObject>> ReadOnlyView::Open(const BucketRoot& root, const std::string& key,
                                                        const ObjectIdentity& identity) {
  auto object = std::make_shared<EventObject>();
  object->inode = identity.inode;
  object->size = identity.size;
  object->mtime_ns = identity.mtime_ns;
  object->ctime_ns = identity.ctime_ns;
  const bool is_old = folder_.valid() && root_ == root;
  if (const Status there = Ensure(root); !there.ok()) {
    if (there.error().code == ErrorCode::kNotFound)
      return Error{ErrorCode::kUnavailable, there.error().message};
    object->problem = there.error().message;
    return object;
  }
  UniqueFd fd = OpenBeneath(folder_.get(), key, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY);
  if (!fd && errno == ENOENT && is_old) {  // perhaps in a file system that was mounted into the bucket since
    Drop();
    return Open(root, key, identity);
  }
  if (!fd && IsOtherContent(errno)) return Changed();
  if (!fd && IsShortage(errno)) return Error{ErrorCode::kUnavailable, ErrnoError("open the object").message};
  struct stat st {};
  if (!fd || ::fstat(fd.get(), &st) != 0) {
    object->problem = ErrnoError("hearthd cannot open the object").message;
    return object;
  }
  if (!S_ISREG(st.st_mode) || IdentityOf(st) != identity) return Changed();
  object->fd = std::move(fd);
  return object;
}

// On its own thread: to unmount takes a while.
ObjectOpener::~ObjectOpener() {
  disk_.Submit([view = view_] { view->Drop(); });
}

void ObjectOpener::Open(const std::optional<BucketRoot>& root, const std::string& key,
                        const ObjectIdentity& identity, ObjectSource::OnOpened opened) {
  if (!root) {
    executor_.Post([weak = weak_.Get(), opened = std::move(opened)] {
      if (weak) opened(Error{ErrorCode::kUnavailable, "the bucket's folder is missing"});
    });
    return;
  }
  waiting_.push_back({*root, key, identity, std::move(opened)});
  if (!opening_) OpenWaiting();
}

void ObjectOpener::OpenWaiting() {
  opening_ = true;
  drop_.Cancel();
  const auto wanted = std::make_shared<std::vector<Wanted>>(std::exchange(waiting_, {}));
  disk_.Run<std::shared_ptr<Opened>>(
      [view = view_, wanted] {
        auto opened = std::make_shared<Opened>();
        for (const Wanted& one : *wanted) opened->push_back(view->Open(one.root, one.key, one.identity));
        return opened;
      },
      [weak = weak_.Get(), wanted](const std::shared_ptr<Opened>& opened) {
        if (weak) weak->OnOpened(*wanted, std::move(*opened));
      });
}

void ObjectOpener::OnOpened(const std::vector<Wanted>& wanted, Opened opened) {
  opening_ = false;
  const WeakPtr<ObjectOpener> self = weak_.Get();
  for (size_t i = 0; i < wanted.size() && self; ++i) wanted[i].opened(std::move(opened[i]));
  if (!self || opening_) return;
  if (!waiting_.empty()) return OpenWaiting();
  drop_ =
      executor_.After(kViewLinger, [view = view_, disk = &disk_] { disk->Submit([view] { view->Drop(); }); });
}

}  // namespace hearth
