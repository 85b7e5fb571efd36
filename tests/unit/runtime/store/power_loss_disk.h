#pragma once

#include <map>
#include <mutex>
#include <set>
#include <string>

// What the disk would hold had the power gone: of each file what it had at its last sync, and only files
// whose name was there at their folder's last sync. fsync and fdatasync of this program come through here
// (power_loss_disk.cc defines them), so it sees SQLite's and ours alike.

namespace hearth {

class PowerLossDisk final {
 public:
  // The only way in for the two C functions; records nothing until Watch().
  static PowerLossDisk& Instance();

  void Watch(const std::string& folder);
  void Forget();
  // The folder as it would be found, written to `to`.
  void Restore(const std::string& to);
  void OnSync(int fd);

 private:
  std::mutex mutex_;
  std::string folder_;                           // "": nothing is watched
  std::map<std::string, std::string> contents_;  // by path below folder_, at the last sync
  std::set<std::string> names_;                  // paths below folder_ that survive
};

}  // namespace hearth
