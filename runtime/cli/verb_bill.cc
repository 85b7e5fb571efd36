#include "runtime/cli/bill_table.h"
#include "runtime/cli/verbs.h"

namespace hearth::cli {
namespace {

Result<std::string> QueryOf(const Arguments& arguments) {
  if (arguments.Has("--month") && (arguments.Has("--from") || arguments.Has("--to"))) {
    return UsageError("--month says it all: give it, or --from and --to");
  }
  std::string query = "by=" + PercentEncode(arguments.Text("--by", "function"));
  if (arguments.Has("--month")) {
    HEARTH_ASSIGN(const std::string month, QueryOfMonth(arguments.Text("--month")));
    query += "&" + month;
  }
  if (arguments.Has("--from")) query += "&from=" + PercentEncode(arguments.Text("--from"));
  if (arguments.Has("--to")) query += "&to=" + PercentEncode(arguments.Text("--to"));
  return query;
}

Result<ExitCode> Bill(Session& session, const Arguments& arguments) {
  const std::string by = arguments.Text("--by", "function");
  if (by != "function" && by != "version")
    return UsageError("--by \"" + by + "\" is neither function nor version");
  HEARTH_ASSIGN(const std::string query, QueryOf(arguments));
  HEARTH_ASSIGN(const Json bill, session.Ask("GET", "/_hearth/v1/bill?" + query));
  if (session.wants_json()) {
    session.PrintJson(bill);
  } else {
    session.out() << BillText(bill);
  }
  return ExitCode::kOk;
}

}  // namespace

std::vector<Command> BillCommands() {
  return {{
      .name = "bill",
      .positionals = {},
      .summary = "Show what was used and what it costs, from the ledger",
      .details =
          "This month so far, unless told otherwise. Times are UTC: 2026-11-23 or 2026-11-23T09:00:00Z; the\n"
          "end is not part of the period.\n",
      .flags = {{"--month", "YYYY-MM", "that month"},
                {"--from", "TIME", "since then"},
                {"--to", "TIME", "until then"},
                {"--by", "WHAT", "a row for each function, or each version"}},
      .examples = {{"hearth bill", ""}, {"hearth bill --month 2026-11 --by version", ""}},
      .run = Bill,
  }};
}

}  // namespace hearth::cli
