#include "runtime/cli/text_table.h"
#include "runtime/cli/verbs.h"
#include "runtime/meter/ledger_audit.h"

namespace hearth::cli {
namespace {

Result<Json> AuditOf(Session& session, const Arguments& arguments) {
  if (!arguments.Has("--data-dir")) return session.Ask("GET", "/_hearth/v1/ledger/check");
  const std::string folder = arguments.Text("--data-dir") + "/ledger";
  const auto audit = AuditLedgerFolder(folder);
  if (!audit.ok() && audit.error().code == ErrorCode::kConflict) {
    return Error{ErrorCode::kUnavailable,
                 "a hearthd has " + folder + " open: ask it, without --data-dir, or stop it first"};
  }
  if (!audit.ok()) return audit.error();
  return Json::parse(LedgerAuditJson(*audit));
}

std::string AuditText(const Json& audit) {
  TextTable table({{"LEDGER"}, {audit.value("good", false) ? "good" : "NOT GOOD"}});
  table.Add({"segments", TextOf(audit, "segments")});
  table.Add({"records", TextOf(audit, "records")});
  table.Add({"of attempts", TextOf(audit, "invocations")});
  table.Add({"of the account", TextOf(audit, "account_events")});
  table.Add({"sync groups in the chain", TextOf(audit, "sync_groups")});
  table.Add({"bytes not chained yet", TextOf(audit, "bytes_not_chained_yet")});
  table.Add({"segments rolled up", TextOf(audit, "segments_rolled_up")});
  table.Add({"of which only sums are left", TextOf(audit, "segments_removed")});
  table.Add({"records in those", TextOf(audit, "records_removed")});
  table.Add({"bytes dropped at the start", TextOf(audit, "bytes_dropped")});
  std::string text = table.Text();
  if (const std::string where = TextOf(audit, "dropped_where"); !where.empty())
    text += "\nDropped: " + where + "\n";
  for (const Json& finding : audit.value("findings", Json::array())) {
    text += "\nFound: " + finding.get<std::string>() + "\n";
  }
  return text;
}

Result<ExitCode> Verify(Session& session, const Arguments& arguments) {
  HEARTH_ASSIGN(const Json audit, AuditOf(session, arguments));
  if (session.wants_json()) {
    session.PrintJson(audit);
  } else {
    session.out() << AuditText(audit);
  }
  return audit.value("good", false) ? ExitCode::kOk : ExitCode::kDamaged;
}

}  // namespace

std::vector<Command> LedgerCommands() {
  return {{
      .name = "ledger verify",
      .positionals = {},
      .summary = "Check the ledger: every record's CRC, the chain of hashes, the roll-ups",
      .details = "Reads all of it. What is found names segment and sync group; the exit code is 4 then.\n"
                 "Bytes that a power loss left unfinished are shown and are no finding.\n",
      .flags = {{"--data-dir", "DIR", "of a daemon that does not run, without asking one"}},
      .examples = {{"hearth ledger verify", ""}},
      .run = Verify,
  }};
}

}  // namespace hearth::cli
