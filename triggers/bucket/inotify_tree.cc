#include "triggers/bucket/inotify_tree.h"

#include <sys/inotify.h>

#include <cerrno>
#include <charconv>
#include <cstring>
#include <vector>

#include "runtime/base/files.h"

namespace hearth {
namespace {

constexpr uint32_t kMask = IN_CLOSE_WRITE | IN_MOVED_TO | IN_CREATE | IN_MOVED_FROM | IN_DELETE |
                           IN_DELETE_SELF | IN_MOVE_SELF | IN_ONLYDIR;
// One read takes some hundred events; so many reads, and other work of the loop has its turn.
constexpr size_t kReadBytes = 64 << 10;
constexpr int kReadsPerTurn = 16;

InotifyTree::KeyChange ChangeOf(uint32_t mask) {
  using Change = InotifyTree::KeyChange;
  if (mask & IN_CREATE) return Change::kCreated;
  if (mask & IN_CLOSE_WRITE) return Change::kClosed;
  return mask & IN_MOVED_TO ? Change::kMovedIn : Change::kGone;
}

Error WatchError(const std::string& key) {
  const int error = errno;
  if (error == ENOSPC) {
    const uint64_t max = InotifyTree::WatchesMax();
    return {
        ErrorCode::kUnavailable,
        "folder " + key + " cannot be watched: the user's inotify watches are used up; raise the sysctl " +
            "fs.inotify.max_user_watches" +
            (max == 0 ? "" : " from " + std::to_string(max) + " to " + std::to_string(max * 2) + " or more") +
            " (files are found by polling until then)"};
  }
  return ErrnoError("watch folder " + key, error);
}

}  // namespace

uint32_t HopsOfName(std::string_view name) {
  constexpr std::string_view kPrefix = ".part-h";
  if (!name.starts_with(kPrefix)) return 0;
  name.remove_prefix(kPrefix.size());
  uint32_t hops = 0;
  const auto [end, failure] = std::from_chars(name.data(), name.data() + name.size(), hops);
  const bool whole = failure == std::errc() && end != name.data() + name.size() && *end == '-';
  return whole ? hops : 0;
}

Result<std::unique_ptr<InotifyTree>> InotifyTree::Create(Loop& loop, Observer& observer) {
  UniqueFd fd(::inotify_init1(IN_NONBLOCK | IN_CLOEXEC));
  if (!fd && errno == EMFILE) {
    return Error{ErrorCode::kUnavailable,
                 "the user's inotify instances are used up; raise the sysctl fs.inotify.max_user_instances"};
  }
  if (!fd) return ErrnoError("inotify_init1");
  std::unique_ptr<InotifyTree> tree(new InotifyTree(std::move(fd), observer));
  HEARTH_ASSIGN(tree->readable_, FdWatch::Create(loop, tree->fd_.get(), FdEvents::kReadable,
                                                 [raw = tree.get()](FdEvents) { raw->Drain(); }));
  return tree;
}

uint64_t InotifyTree::WatchesMax() {
  const auto text = ReadFile("/proc/sys/fs/inotify/max_user_watches");
  uint64_t max = 0;
  if (text.ok()) std::from_chars(text->data(), text->data() + text->size(), max);
  return max;
}

Status InotifyTree::Watch(RootId root, const std::string& key, int folder_fd) {
  // By descriptor: the path may have become a symlink since it was opened.
  const std::string path = "/proc/self/fd/" + std::to_string(folder_fd);
  const int watch = ::inotify_add_watch(fd_.get(), path.c_str(), kMask);
  if (watch < 0) return WatchError(key);
  if (const auto known = places_.find(watch); known != places_.end()) {
    Place& place = known->second;
    if (place.root == root && place.key == key) return Ok();
    if (place.root != root) {
      return Error{ErrorCode::kAlreadyExists,
                   "folder " + key + " is also a part of another bucket, which watches it"};
    }
    watch_of_.erase({root, place.key});  // renamed within the bucket
  }
  if (const auto old = watch_of_.find({root, key}); old != watch_of_.end() && old->second != watch) {
    ::inotify_rm_watch(fd_.get(), old->second);  // another folder has taken the name
    places_.erase(old->second);
  }
  places_[watch] = {root, key};
  watch_of_[{root, key}] = watch;
  return Ok();
}

void InotifyTree::Forget(RootId root, const std::string& key) {
  std::vector<int> watches;
  const std::string below = key.empty() ? "" : key + "/";
  for (auto at = watch_of_.lower_bound({root, key}); at != watch_of_.end(); ++at) {
    const auto& [at_root, at_key] = at->first;
    if (at_root != root || !at_key.starts_with(key)) break;
    if (at_key == key || at_key.starts_with(below)) watches.push_back(at->second);
  }
  for (const int watch : watches) {
    watch_of_.erase({root, places_.at(watch).key});
    places_.erase(watch);
    ::inotify_rm_watch(fd_.get(), watch);
  }
}

void InotifyTree::Drain() {
  alignas(inotify_event) char block[kReadBytes];
  for (int reads = 0; reads < kReadsPerTurn; ++reads) {
    const ssize_t size = ::read(fd_.get(), block, sizeof block);
    if (size <= 0) return;
    for (ssize_t at = 0; at < size;) {
      inotify_event event;
      std::memcpy(&event, block + at, sizeof event);
      const char* name = block + at + sizeof event;
      Handle(event.wd, event.mask, event.cookie, std::string_view(name, ::strnlen(name, event.len)));
      at += static_cast<ssize_t>(sizeof event + event.len);
    }
  }
}

// The kernel tells of the two ends of a move one after the other.
uint32_t InotifyTree::HopsOfMove(uint32_t mask, uint32_t cookie, std::string_view name) {
  if ((mask & IN_MOVED_FROM) != 0) {
    moved_hops_ = HopsOfName(name);
    moved_cookie_ = cookie;
  }
  return (mask & IN_MOVED_TO) != 0 && cookie == moved_cookie_ ? moved_hops_ : 0;
}

void InotifyTree::Handle(int watch, uint32_t mask, uint32_t cookie, std::string_view name) {
  if (deaf_) return;
  if (mask & IN_Q_OVERFLOW) return observer_.OnOverflow();
  const auto found = places_.find(watch);
  if (found == places_.end()) return;  // of a folder that was forgotten
  const Place place = found->second;
  if (mask & (IN_DELETE_SELF | IN_MOVE_SELF | IN_UNMOUNT | IN_IGNORED)) return HandleSelf(watch, mask, place);
  std::string key = place.key.empty() ? std::string(name) : place.key + "/" + std::string(name);
  if (!(mask & IN_ISDIR))
    return observer_.OnKey(place.root, std::move(key), ChangeOf(mask), HopsOfMove(mask, cookie, name));
  if (mask & (IN_CREATE | IN_MOVED_TO)) return observer_.OnFolder(place.root, std::move(key));
  if (mask & (IN_DELETE | IN_MOVED_FROM)) {
    Forget(place.root, key);
    // A folder that is deleted was empty: each of its files has been told of.
    if (mask & IN_MOVED_FROM) observer_.OnFolderMovedOut(place.root, std::move(key));
  }
}

void InotifyTree::HandleSelf(int watch, uint32_t mask, const Place& place) {
  if (mask & IN_IGNORED) {
    watch_of_.erase({place.root, place.key});
    places_.erase(watch);
  }
  if (!place.key.empty()) return;  // the folder above it tells
  Forget(place.root, "");
  observer_.OnRootLost(place.root);
}

}  // namespace hearth
