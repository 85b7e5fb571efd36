#include "runtime/daemon/live_backup.h"

#include <filesystem>
#include <utility>

#include "runtime/base/files.h"
#include "runtime/meter/ledger_audit.h"
#include "runtime/meter/utc_text.h"
#include "runtime/store/backup.h"

namespace hearth {
namespace {

using Vanishing = BackupWriter::Vanishing;

bool EndsWith(const std::string& path, std::string_view suffix) {
  return std::string_view(path).ends_with(suffix);
}

// A body is written before the row that names it, and removed after it: those of before and after the copy of the
// database hold all that the copy names.
Status CopyQueues(BackupWriter& writer, const std::string& name) {
  const std::string bodies = name + ".bodies";
  HEARTH_TRY(writer.CopyTree(bodies, Vanishing::kIsFine));
  HEARTH_TRY(writer.CopyDatabase(name));
  return writer.CopyTree(bodies, Vanishing::kIsFine,
                         [&writer](const std::string& path) { return !writer.Has(path); });
}

// Before and after the functions that name them: one that is new since then has its secrets too.
Status CopySecrets(BackupWriter& writer) {
  return writer.CopyTree("secrets", Vanishing::kIsFine, [&writer](const std::string& path) {
    return EndsWith(path, ".secret") && !writer.Has(path);
  });
}

// In this order what is copied later may know more than what was copied before, never less: an attempt that is open in
// the slots may be recorded in a segment, a segment may be longer than its chain.
Status CopyLedger(BackupWriter& writer) {
  HEARTH_TRY(writer.CopyFile("ledger/open.slots"));
  for (const std::string_view file : {"/open.", "/settled."}) {
    HEARTH_TRY(writer.CopyTree("ledger", Vanishing::kIsAnError, [file, &writer](const std::string& path) {
      return path.find(file) != std::string::npos && EndsWith(path, ".slots") && !writer.Has(path);
    }));
  }
  for (const std::string_view kind : {".chain", ".rollup", ".ledger"}) {
    HEARTH_TRY(writer.CopyTree("ledger", Vanishing::kIsAnError,
                               [kind](const std::string& path) { return EndsWith(path, kind); }));
  }
  return Ok();
}

Result<LedgerAudit> CheckLedger(const std::string& folder) {
  HEARTH_ASSIGN(LedgerAudit audit, AuditLedgerFolder(folder + "/ledger"));
  // The check takes the lock of what it checks; that file is no part of a backup.
  HEARTH_TRY(RemoveTree(folder + "/ledger/lock"));
  if (!audit.good()) {
    return Error{ErrorCode::kCorrupt,
                 "the copy of the ledger is not good: " + audit.checked.findings.front() +
                     "; `hearth ledger verify` says whether the ledger itself is"};
  }
  return audit;
}

Result<BackupMade> CopyAll(const std::string& data_dir, const BackupRequest& request,
                           const std::string& version, WallTime now) {
  HEARTH_ASSIGN(BackupWriter writer, BackupWriter::Begin(data_dir, request.folder));
  HEARTH_TRY(writer.CopyFile("format"));
  HEARTH_TRY(CopySecrets(writer));
  HEARTH_TRY(writer.CopyDatabase("registry.db"));
  HEARTH_TRY(CopySecrets(writer));
  HEARTH_TRY(writer.CopyTree("code", Vanishing::kIsFine, [](const std::string& path) {
    return path.find(".new/") == std::string::npos && !EndsWith(path, ".new.zip");
  }));
  HEARTH_TRY(writer.CopyDatabase("receipts.db"));
  HEARTH_TRY(writer.CopyDatabase("invocations.db"));
  HEARTH_TRY(CopyQueues(writer, "queues.db"));
  HEARTH_TRY(CopyQueues(writer, "events.db"));
  if (request.logs) HEARTH_TRY(writer.CopyTree("logs", Vanishing::kIsFine));
  HEARTH_TRY(CopyLedger(writer));
  HEARTH_ASSIGN(const LedgerAudit audit, CheckLedger(request.folder));
  HEARTH_TRY(writer.Finish(version, ToUtcText(std::chrono::floor<seconds>(now))));
  return BackupMade{writer.files().size(), writer.bytes(), audit.checked.records};
}

}  // namespace

LiveBackup::LiveBackup(std::string data_dir, std::string version, CodeFolders& code, LedgerLog& ledger,
                       Executor& executor)
    : data_dir_(std::move(data_dir)),
      version_(std::move(version)),
      code_(code),
      ledger_(ledger),
      executor_(executor),
      disk_(executor, "hearth-backup") {}

void LiveBackup::Make(BackupRequest request, Reply reply) {
  const auto refuse = [&](ErrorCode code, std::string why) {
    executor_.Post([reply = std::move(reply), error = Error{code, std::move(why)}] { reply(error); });
  };
  if (!request.folder.starts_with('/'))
    return refuse(ErrorCode::kInvalidArgument, "Folder: \"" + request.folder + "\" is no absolute path");
  const std::string folder = std::filesystem::path(request.folder).lexically_normal().string();
  if (folder == data_dir_ || folder.starts_with(data_dir_ + "/"))
    return refuse(ErrorCode::kInvalidArgument, "Folder: " + folder + " lies in the data folder itself");
  if (reply_) return refuse(ErrorCode::kConflict, "another backup is being made; try again when it is there");
  request.folder = folder;
  reply_ = std::move(reply);
  code_.Hold(true);
  const auto work = [data_dir = data_dir_, request = std::move(request), version = version_,
                     now = executor_.clock().WallNow()] { return CopyAll(data_dir, request, version, now); };
  // Bills are good to the last record that is told: all that was appended until now is synced and chained first.
  ledger_.Sync([weak = weak_.Get(), work](const Status& synced) {
    if (!weak) return;
    if (!synced.ok()) return weak->End(synced.error());
    weak->disk_.Run<Result<BackupMade>>(work, [weak](Result<BackupMade> made) {
      if (weak) weak->End(std::move(made));
    });
  });
}

void LiveBackup::End(Result<BackupMade> made) {
  code_.Hold(false);
  std::exchange(reply_, nullptr)(std::move(made));
}

}  // namespace hearth
