#include "runtime/base/files.h"
#include "runtime/cli/bill_table.h"
#include "runtime/cli/text_table.h"
#include "runtime/cli/verbs.h"
#include "runtime/meter/utc_text.h"

namespace hearth::cli {
namespace {

constexpr const char* kBillPath = "/_hearth/v1/bill";

// The period, as the API takes it.
Result<std::string> PeriodQuery(const Arguments& arguments) {
  if (arguments.Has("--month") && (arguments.Has("--from") || arguments.Has("--to"))) {
    return UsageError("--month says it all: give it, or --from and --to");
  }
  std::string query;
  if (arguments.Has("--month")) {
    if (const auto month = ParseMonthText(arguments.Text("--month")); !month.ok())
      return UsageError("--month: " + month.error().message);
    query += "&month=" + arguments.Text("--month");
  }
  if (arguments.Has("--from")) query += "&from=" + PercentEncode(arguments.Text("--from"));
  if (arguments.Has("--to")) query += "&to=" + PercentEncode(arguments.Text("--to"));
  return query;
}

// A document of another kind than JSON, as the daemon makes it; to a file, or to stdout for "-".
Result<ExitCode> Fetch(Session& session, const std::string& target, const std::string& file) {
  HEARTH_ASSIGN(const HttpAnswer answer, session.client().Ask({.method = "GET", .target = target}));
  HEARTH_TRY(CheckAnswer(answer));
  if (file == "-") {
    session.out() << answer.body;
    return ExitCode::kOk;
  }
  HEARTH_TRY(WriteFileAtomically(file, answer.body));
  session.Note(file + ": " + SizeText(answer.body.size()));
  return ExitCode::kOk;
}

Result<ExitCode> Bill(Session& session, const Arguments& arguments) {
  HEARTH_ASSIGN(const std::string period, PeriodQuery(arguments));
  const std::string by = arguments.Text("--by", "function");
  if (by != "function" && by != "version" && by != "plan" && by != "tag" && !by.starts_with("tag:"))
    return UsageError("--by \"" + by + "\" is none of function, version, plan, tag, tag:KEY");
  const int forms = arguments.Has("--csv") + arguments.Has("--focus") + arguments.Has("--html");
  if (forms > 1) return UsageError("--csv, --focus and --html: give one of them");
  if (arguments.Has("--csv")) return Fetch(session, kBillPath + ("?format=csv" + period), "-");
  if (arguments.Has("--focus")) return Fetch(session, kBillPath + ("?format=focus" + period), "-");
  if (arguments.Has("--html"))
    return Fetch(session, kBillPath + ("?format=html" + period), arguments.Text("--html"));
  const bool lines = session.wants_json() || arguments.Has("--lines");
  HEARTH_ASSIGN(const Json bill, session.Ask("GET", std::string(kBillPath) + "?by=" + PercentEncode(by) +
                                                        (lines ? "" : "&lines=0") + period));
  if (session.wants_json()) {
    session.PrintJson(bill);
  } else {
    session.out() << Printable(arguments.Has("--lines") ? BillLinesText(bill) : BillText(bill));
  }
  return ExitCode::kOk;
}

Result<ExitCode> Explain(Session& session, const Arguments& arguments) {
  HEARTH_ASSIGN(const auto limit, arguments.Number("--limit", 1, 1'000));
  HEARTH_ASSIGN(const auto from, arguments.Number("--from-number", 0, INT64_MAX));
  std::string target = std::string(kBillPath) + "/lines/" + PercentEncode(arguments.Word(0)) +
                       "?limit=" + std::to_string(limit.value_or(100));
  if (from) target += "&from_number=" + std::to_string(*from);
  HEARTH_ASSIGN(const Json answer, session.Ask("GET", target));
  if (session.wants_json()) {
    session.PrintJson(answer);
    return ExitCode::kOk;
  }
  const Json line = answer.value("line", Json::object());
  session.PrintLine(TextOf(line, "kind") + " " + TextOf(line, "function") + ": " + TextOf(line, "quantity") +
                    " " + TextOf(line, "unit") + " x " + TextOf(line, "price") + " = " +
                    TextOf(line, "amount") + " (effective " + TextOf(line, "effective") + ")\n");
  TextTable table({{"STARTED"},
                   {"REQUEST"},
                   {"ATTEMPT", Align::kRight},
                   {"PLAN"},
                   {"OUTCOME"},
                   {"BILLED ms", Align::kRight},
                   {"MB", Align::kRight}});
  for (const Json& one : answer.value("invocations", Json::array())) {
    table.Add({TextOf(one, "started"), TextOf(one, "request_id"), TextOf(one, "attempt"), TextOf(one, "plan"),
               TextOf(one, "outcome"), TextOf(one, "billed_ms"), TextOf(one, "memory_mib")});
  }
  session.out() << Printable(table.Text());
  if (table.Text().empty()) session.Note("no invocation is behind it");
  if (answer.contains("next_number"))
    session.Note("there are more: --from-number " + TextOf(answer, "next_number"));
  return ExitCode::kOk;
}

Result<ExitCode> Rerate(Session& session, const Arguments& arguments) {
  const std::string month = arguments.Text("--month");
  if (const auto parsed = ParseMonthText(month); !parsed.ok())
    return UsageError("--month: " + parsed.error().message);
  HEARTH_ASSIGN(const Json answer, session.Ask("POST", std::string(kBillPath) + "/re-rate?month=" + month));
  const bool same = answer.value("same", false);
  if (session.wants_json()) {
    session.PrintJson(answer);
  } else {
    const std::string what = "bill of " + month + " from the ledger's records: " + TextOf(answer, "lines") +
                             " lines, " + TextOf(answer, "bytes") + " bytes, sha256 " +
                             TextOf(answer, "sha256");
    session.PrintLine(what);
    session.PrintLine(same ? "the same, byte for byte" + std::string(answer.contains("issued_sha256")
                                                                         ? ", as the bill that was issued"
                                                                         : "")
                           : "DIFFERENT: " + TextOf(answer, "difference"));
  }
  return same ? ExitCode::kOk : ExitCode::kPlatform;
}

std::string WhatOf(const Json& candidate) {
  if (candidate.contains("committed_per_hour")) return TextOf(candidate, "committed_per_hour") + " an hour";
  return TextOf(candidate, "workers") + " x " + TextOf(candidate, "memory_mib") + " MB of " +
         TextOf(candidate, "function") + ":" + TextOf(candidate, "version");
}

Result<ExitCode> Advise(Session& session, const Arguments& arguments) {
  HEARTH_ASSIGN(const auto days, arguments.Number("--days", 1, 366));
  HEARTH_ASSIGN(
      const Json answer,
      session.Ask("GET", std::string(kBillPath) + "/advice?days=" + std::to_string(days.value_or(30))));
  if (session.wants_json()) {
    session.PrintJson(answer);
    return ExitCode::kOk;
  }
  session.PrintLine("Duration on demand from " + TextOf(answer, "from") + " to " + TextOf(answer, "to") +
                    ": " + TextOf(answer, "currency") + " " + TextOf(answer, "on_demand") + "\n");
  TextTable table({{"COMMITMENT"},
                   {"WHAT"},
                   {"TERM h", Align::kRight},
                   {"UPFRONT"},
                   {"COST", Align::kRight},
                   {"SAVING", Align::kRight},
                   {"USED %", Align::kRight},
                   {"BREAK-EVEN %", Align::kRight},
                   {""}});
  bool any = false;
  for (const Json& one : answer.value("candidates", Json::array())) {
    const bool cheapest = one.value("cheapest", false);
    any = any || cheapest;
    table.Add({TextOf(one, "kind"), WhatOf(one), TextOf(one, "term_hours"), TextOf(one, "payment"),
               TextOf(one, "cost"), TextOf(one, "saving"), Decimals(NumberOf(one, "utilisation_percent"), 1),
               Decimals(NumberOf(one, "break_even_percent"), 1), cheapest ? "<- cheapest" : ""});
  }
  session.out() << Printable(table.Text());
  if (!any) session.PrintLine("On demand is cheapest.");
  return ExitCode::kOk;
}

Result<ExitCode> Export(Session& session, const Arguments& arguments) {
  const std::string format = arguments.Text("--format", "cloudevents");
  if (format != "cloudevents" && format != "lago" && format != "focus" && format != "csv")
    return UsageError("--format \"" + format + "\" is none of cloudevents, lago, focus, csv");
  HEARTH_ASSIGN(const std::string period, PeriodQuery(arguments));
  return Fetch(session, std::string(kBillPath) + "?format=" + format + period,
               arguments.Text("--output", "-"));
}

Result<ExitCode> Credit(Session& session, const Arguments& arguments) {
  HEARTH_ASSIGN(const Json answer, session.Ask("POST", "/_hearth/v1/credits",
                                               {{"Amount", arguments.Word(0)},
                                                {"FunctionName", arguments.Text("--function")},
                                                {"Reason", arguments.Text("--reason")}}));
  if (session.wants_json()) {
    session.PrintJson(answer);
  } else {
    session.PrintLine("credit " + TextOf(answer, "id") + ": " + TextOf(answer, "amount"));
  }
  return ExitCode::kOk;
}

const std::vector<Flag>& PeriodFlags() {
  static const std::vector<Flag> flags = {
      {"--month", "YYYY-MM", "that month"}, {"--from", "TIME", "since then"}, {"--to", "TIME", "until then"}};
  return flags;
}

std::vector<Flag> WithPeriod(std::vector<Flag> more) {
  std::vector<Flag> flags = PeriodFlags();
  flags.insert(flags.end(), more.begin(), more.end());
  return flags;
}

}  // namespace

std::vector<Command> BillCommands() {
  return {
      {
          .name = "bill",
          .positionals = {},
          .summary = "Show what was used and what it costs, from the ledger",
          .details = "This month so far, unless told otherwise. Times are UTC: 2026-11-23 or "
                     "2026-11-23T09:00:00Z; the\n"
                     "end is not part of the period. Hours are taken whole.\n",
          .flags = WithPeriod({{"--by", "WHAT", "a row for each function, version, plan, tag or tag:KEY"},
                               {"--lines", "", "each line, with the id that explain takes"},
                               {"--csv", "", "each line, as CSV"},
                               {"--focus", "", "each line, as CSV of FOCUS 1.2"},
                               {"--html", "FILE", "a page with plots; - for stdout"}}),
          .examples = {{"hearth bill", ""},
                       {"hearth bill --month 2026-11 --by tag:cost-center", ""},
                       {"hearth bill --html bill.html", ""}},
          .run = Bill,
      },
      {
          .name = "bill explain",
          .positionals = {"LINE"},
          .summary = "List the invocations behind a line of a bill",
          .details = "",
          .flags = {{"--limit", "N", "at most so many, to 1000 (100)"},
                    {"--from-number", "N", "go on where the page before ended"}},
          .examples = {{"hearth bill explain 2026-11-0123456789ab", ""}},
          .run = Explain,
      },
      {
          .name = "bill re-rate",
          .positionals = {},
          .summary = "Make a month's bill again from the ledger's records and compare",
          .details = "Exits with 3 when a byte of it differs from the bill that is kept up, or was issued.\n",
          .flags = {{"--month", "YYYY-MM", "that month"}},
          .examples = {{"hearth bill re-rate --month 2026-11", ""}},
          .run = Rerate,
      },
      {
          .name = "bill advise",
          .positionals = {},
          .summary = "Say which commitment would have been cheapest for what ran",
          .details = "Replays the usage hour by hour under each offer of the price book.\n",
          .flags = {{"--days", "N", "of so many days (30)"}},
          .examples = {{"hearth bill advise --days 7", ""}},
          .run = Advise,
      },
      {
          .name = "bill export",
          .positionals = {},
          .summary = "Write usage or lines for another program",
          .details =
              "cloudevents (OpenMeter) and lago: an event for each hour and function; sent twice, it counts "
              "once.\n",
          .flags = WithPeriod({{"--format", "NAME", "cloudevents, lago, focus or csv (cloudevents)"},
                               {"--output", "FILE", "to that file (stdout)"}}),
          .examples = {{"hearth bill export --format cloudevents --output usage.json", ""}},
          .run = Export,
      },
      {
          .name = "bill credit",
          .positionals = {"AMOUNT"},
          .summary = "Give money back, as a line of this month's bill",
          .details = "",
          .flags = {{"--reason", "TEXT", "why; it stands on the bill"},
                    {"--function", "NAME", "to the cost of that function"}},
          .examples = {{"hearth bill credit 1.25 --reason \"outage of 23 November\"", ""}},
          .run = Credit,
      },
  };
}

}  // namespace hearth::cli
