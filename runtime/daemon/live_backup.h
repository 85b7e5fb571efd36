#pragma once

#include <functional>
#include <string>

#include "runtime/base/weak_ptr.h"
#include "runtime/control/hearth_backup.h"
#include "runtime/loop/executor.h"
#include "runtime/loop/work_thread.h"
#include "runtime/registry/code_folders.h"
#include "runtime/store/ledger_log.h"

namespace hearth {

// Backs up a data folder under a running daemon. What it gives is what a power loss at about that moment would have
// left, each part whole: databases by SQLite's online backup, and the ledger last, so that nothing that it settles is
// open in a database that is younger. The copy's ledger is checked as `hearth ledger verify` does before it counts.
//
// Owns:    a thread. Borrows the rest; all outlive it.
// Thread:  loop thread; the reply comes later.
// Limits:  one at a time.
// Failure: a backup without its last file (backup.h) is none; what was copied until then stays for who looks.
class LiveBackup final : public BackupMaker {
 public:
  LiveBackup(std::string data_dir, std::string version, CodeFolders& code, LedgerLog& ledger,
             Executor& executor);
  void Make(BackupRequest request, Reply reply) override;

 private:
  void End(Result<BackupMade> made);

  const std::string data_dir_, version_;
  CodeFolders& code_;
  LedgerLog& ledger_;
  Executor& executor_;
  Reply reply_;  // of the one that runs
  WorkThread disk_;
  WeakPtrFactory<LiveBackup> weak_{this};
};

}  // namespace hearth
