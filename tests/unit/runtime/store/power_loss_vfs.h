#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <mutex>
#include <random>
#include <string>
#include <vector>

// A disk under SQLite that forgets: a VFS which knows of every write whether a sync has followed it. At any
// call of SQLite's it can be asked what a power loss at this moment would leave: what was synced for certain;
// of every later write, by chance, all of it, some of its sectors, or nothing, in any combination.

namespace hearth {

class PowerLossVfs final {
 public:
  static constexpr const char* kName = "power-loss";
  static PowerLossVfs& Instance();  // registers the VFS at the first call

  using Contents = std::map<std::string, std::string>;  // by file name, without its folder
  // Before each write and sync of SQLite's, on its thread, with the disk held still: a lock
  // that it takes is held by nobody who calls SQLite.
  using OnCall = std::function<void()>;
  void Watch(OnCall on_call);
  void Forget();
  // In OnCall, or when the store is at rest.
  Contents AfterPowerLoss(std::mt19937_64& random);

  // SQLite's side.
  void Opened(const std::string& path);
  void Wrote(const std::string& path, int64_t offset, std::string bytes);
  void Truncated(const std::string& path, int64_t size);
  void Synced(const std::string& path);
  void Deleted(const std::string& path);

 private:
  PowerLossVfs();
  struct Change {
    bool truncate = false;
    int64_t offset = 0;
    std::string bytes;
  };
  struct File {
    std::string synced;
    std::vector<Change> since;
  };
  static void Apply(std::string& content, const Change& change);
  static void ApplyByChance(std::string& content, const Change& change, std::mt19937_64& random);

  std::mutex mutex_;
  OnCall on_call_;
  std::map<std::string, File> files_;
};

}  // namespace hearth
