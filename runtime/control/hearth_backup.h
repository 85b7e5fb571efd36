#pragma once

#include <cstdint>
#include <functional>
#include <string>

#include "runtime/control/api_call.h"

namespace hearth {

struct BackupRequest {
  std::string folder;  // absolute, on the daemon's machine; empty or not there yet
  bool logs = false;   // also what functions logged
};
struct BackupMade {
  uint64_t files = 0;
  uint64_t bytes = 0;
  uint64_t ledger_records = 0;
};

// Makes backups of the running daemon's data folder.
class BackupMaker {
 public:
  using Reply = std::function<void(Result<BackupMade>)>;
  virtual ~BackupMaker() = default;
  virtual void Make(BackupRequest request, Reply reply) = 0;
};

// POST /_hearth/v1/backup {"Folder": "/backups/monday", "Logs": true}; answers when it is whole.
//
// Borrows: the maker, which may be null: then backups are 503.
// Thread:  loop thread.
class HearthBackup final {
 public:
  explicit HearthBackup(BackupMaker* maker) : maker_(maker) {}
  void Make(const ApiCallPtr& call) const;

 private:
  BackupMaker* const maker_;
};

}  // namespace hearth
