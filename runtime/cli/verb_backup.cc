#include <filesystem>

#include "runtime/cli/resources.h"
#include "runtime/cli/text_table.h"
#include "runtime/cli/verbs.h"
#include "runtime/meter/ledger_audit.h"
#include "runtime/store/backup.h"
#include "runtime/store/data_folder.h"

namespace hearth::cli {
namespace {

Result<ExitCode> BackUp(Session& session, const Arguments& arguments) {
  std::error_code failure;
  const std::string folder = std::filesystem::absolute(arguments.Word(0), failure).string();
  HEARTH_ASSIGN(const Json made, session.Ask("POST", "/_hearth/v1/backup",
                                             Json{{"Folder", folder}, {"Logs", arguments.Has("--logs")}}));
  if (session.wants_json()) {
    session.PrintJson(made);
  } else {
    session.PrintLine("backed up to " + folder + ": " + TextOf(made, "Files") + " files, " +
                      TextOf(made, "Bytes") + " bytes, " + TextOf(made, "LedgerRecords") +
                      " records of the ledger, which was checked");
  }
  return ExitCode::kOk;
}

Result<ExitCode> Restore(Session& session, const Arguments& arguments) {
  const std::string backup = arguments.Word(0), data_dir = arguments.Text("--data-dir");
  if (data_dir.empty()) return UsageError("--data-dir is missing: the folder to restore to");
  HEARTH_TRY(DataFolder::CheckFormat(backup, HEARTH_VERSION));
  HEARTH_ASSIGN(const BackupManifest manifest, RestoreBackup(backup, data_dir));
  HEARTH_ASSIGN(const LedgerAudit audit, AuditLedgerFolder(data_dir + "/ledger"));
  if (session.wants_json()) {
    session.PrintJson(Json{{"DataDir", data_dir},
                           {"Files", manifest.files.size()},
                           {"Made", manifest.made},
                           {"MadeBy", "hearthd " + manifest.version},
                           {"Ledger", Json::parse(LedgerAuditJson(audit))}});
  } else {
    session.PrintLine("restored " + std::to_string(manifest.files.size()) + " files to " + data_dir +
                      ", as they were at " + manifest.made + "; ledger of " +
                      std::to_string(audit.checked.records) +
                      " records: " + (audit.good() ? "good" : "NOT GOOD: " + audit.checked.findings.front()));
  }
  return audit.good() ? ExitCode::kOk : ExitCode::kDamaged;
}

}  // namespace

std::vector<Command> BackupCommands() {
  return {
      {.name = "backup",
       .positionals = {"FOLDER"},
       .summary = "Back up the running daemon's data folder",
       .details =
           "The folder is on the daemon's machine, and empty or not there yet. Functions, versions and "
           "code,\n"
           "queues and their messages, receipts, asynchronous invocations and the ledger are as they were "
           "at\n"
           "one moment each, the ledger last; its copy is checked. The files of buckets are not in it.\n",
       .flags = {{"--logs", "", "also what functions logged"}},
       .examples = {{"hearth backup /backups/monday", ""}},
       .run = BackUp},
      {.name = "restore",
       .positionals = {"BACKUP"},
       .summary = "Restore a backup to an empty data folder, without a daemon",
       .details =
           "Each file is held against its SHA-256, and the ledger checked; then start hearthd on it, as\n"
           "the user who is to own it. The exit code is 4 when the ledger is not good.\n",
       .flags = {{"--data-dir", "DIR", "the folder to restore to: empty, or not there yet"}},
       .examples = {{"hearth restore /backups/monday --data-dir /var/lib/hearth", ""}},
       .run = Restore},
  };
}

}  // namespace hearth::cli
