#pragma once

#include <dirent.h>
#include <sys/stat.h>

#include <deque>
#include <memory>
#include <string>
#include <vector>

#include "runtime/base/result.h"
#include "runtime/base/unique_fd.h"
#include "triggers/bucket/object_identity.h"
#include "triggers/bucket/watch_rules.h"

// What a bucket reads of its folder. All of it blocks: on the work thread, but for OpenFolder(). Names below
// the root are resolved beneath it and through no symlink, so that nobody who writes into a bucket can lead
// us out of it.

namespace hearth {

// A root and which folder it was when it was attached: a path whose folder was replaced or unmounted is
// another one.
struct BucketRoot {
  std::string path;
  uint64_t device = 0;
  uint64_t inode = 0;
  friend bool operator==(const BucketRoot&, const BucketRoot&) = default;
};

Result<BucketRoot> AttachRoot(const std::string& path);
// The name of the root's file system if it is one that does not tell of what other machines (or a server in
// user space) do to it; "" if it does.
std::string SilentFileSystem(const BucketRoot& root);
// Makes an empty file of this name and deletes it. Fails where we may not write.
Status TouchProbe(const BucketRoot& root, const std::string& name);
// An O_PATH descriptor; kNotFound when the folder at the path is not the one attached.
Result<UniqueFd> OpenRoot(const BucketRoot& root);
// Through no symlink and not out of `root_fd`; errno when it fails.
UniqueFd OpenBeneath(int root_fd, const std::string& key, uint64_t flags, uint64_t mode = 0);
ObjectIdentity IdentityOf(const struct stat& st);
Result<UniqueFd> OpenFolder(int root_fd, const std::string& key);  // "": the root; O_RDONLY

// Something happened to the key: what is there now?
struct KeyHint {
  std::string key;
  // It has a new name and nobody has closed it yet: a hard link, a file that is being written, O_TMPFILE and
  // linkat.
  bool appeared = false;
  bool from_scan = false;
  bool again = false;  // it is not what it was when it was finished
  uint32_t hops = 0;   // functions whose output led to it, as far as is known
};

struct ExaminedKey {
  enum class State {
    kFinished,
    kBusy,  // somebody has it open for writing (or, where that cannot be asked, a scan found it too fresh)
    kGone,
    kOther,  // a folder, symlink, device, a file that is not ours to see
  };
  KeyHint hint;
  State state = State::kOther;
  ObjectIdentity identity;  // kFinished, kBusy
};
using RulesPtr = std::shared_ptr<const WatchRules>;
std::vector<ExaminedKey> ExamineKeys(const BucketRoot& root, const WatchRules& rules,
                                     std::vector<KeyHint> hints);

// Reads folders, bit by bit. Used by one job at a time.
class FolderReader final {
 public:
  struct File {
    std::string key;
    ObjectIdentity identity;
  };
  struct Step {
    std::vector<std::string> folders;  // keys
    std::vector<File> files;
    std::vector<std::string> errors;  // folders that could not be read, and why
    bool at_end = false;              // all folders given so far are read
  };
  FolderReader(BucketRoot root, RulesPtr rules) : root_(std::move(root)), rules_(std::move(rules)) {}
  void Add(std::string folder) { folders_.push_back(std::move(folder)); }
  bool has_more() const { return open_ != nullptr || !folders_.empty(); }
  Step Read(size_t entries_max);

 private:
  struct CloseDirectory {
    void operator()(DIR* directory) const { ::closedir(directory); }
  };
  void OpenNext(const UniqueFd& root_fd, Step& step);
  void TakeEntry(const dirent& entry, Step& step);

  const BucketRoot root_;
  const RulesPtr rules_;
  std::deque<std::string> folders_;
  std::unique_ptr<DIR, CloseDirectory> open_;
  std::string open_key_;  // with a slash at its end, unless it is the root
};

}  // namespace hearth
