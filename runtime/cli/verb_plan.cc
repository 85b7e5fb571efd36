#include <charconv>

#include "runtime/cli/text_table.h"
#include "runtime/cli/verbs.h"

namespace hearth::cli {
namespace {

constexpr const char* kPath = "/_hearth/v1/commitments";

// "720", "30d", "1y", "3y": hours. 0: none.
Result<int64_t> TermHours(const std::string& text) {
  if (text.empty()) return 0;
  int64_t number = 0;
  const auto [end, failed] = std::from_chars(text.data(), text.data() + text.size(), number);
  const std::string unit(end, text.data() + text.size());
  const int64_t hours = unit.empty() || unit == "h" ? 1 : unit == "d" ? 24 : unit == "y" ? 8'760 : 0;
  if (failed != std::errc() || hours == 0 || number < 0 || number > 100'000)
    return UsageError("--term \"" + text + "\" is not like 720h, 30d or 1y");
  return number * hours;
}

// What the function is set to, so that nobody has to look it up.
Result<Json> MemoryOf(const Session& session, const std::string& function) {
  HEARTH_ASSIGN(const Json answer, session.Ask("GET", FunctionPath(function.substr(0, function.find(':')))));
  return answer.value("Configuration", Json::object()).value("MemorySize", Json());
}

Result<Json> OrderOf(const Session& session, const Arguments& arguments, const std::string& kind) {
  HEARTH_ASSIGN(const int64_t term, TermHours(arguments.Text("--term")));
  HEARTH_ASSIGN(const auto workers, arguments.Number("--workers", 1, 10'000));
  HEARTH_ASSIGN(const auto memory, arguments.Number("--memory", 16, 10'240));
  HEARTH_ASSIGN(const auto cpus, arguments.Number("--cpus", 1, 1'024));
  Json order = {{"Kind", kind}, {"TermHours", term}, {"Payment", arguments.Text("--upfront", "none")}};
  if (arguments.Has("--function")) {
    const std::string name = arguments.Text("--function");
    order["FunctionName"] = name.substr(0, name.find(':'));
    if (name.find(':') != std::string::npos) order["Version"] = name.substr(name.find(':') + 1);
  }
  if (workers) order["Workers"] = *workers;
  if (memory) order["MemorySize"] = *memory;
  if (workers && !memory && arguments.Has("--function")) {
    HEARTH_ASSIGN(order["MemorySize"], MemoryOf(session, arguments.Text("--function")));
  }
  if (cpus) order["Cpus"] = *cpus;
  if (arguments.Has("--per-hour")) order["CommittedPerHour"] = arguments.Text("--per-hour");
  Json tags = Json::object();
  for (const std::string& tag : arguments.All("--tag")) {
    const size_t equals = tag.find('=');
    if (equals == std::string::npos) return UsageError("--tag \"" + tag + "\" is not like KEY=VALUE");
    tags[tag.substr(0, equals)] = tag.substr(equals + 1);
  }
  if (!tags.empty()) order["Tags"] = tags;
  return order;
}

std::string WhatOf(const Json& commitment) {
  if (commitment.contains("committed_per_hour")) return TextOf(commitment, "committed_per_hour") + " an hour";
  const std::string function = TextOf(commitment, "function");
  if (commitment.contains("cpus")) return TextOf(commitment, "cpus") + " cpus for " + function;
  return TextOf(commitment, "workers") + " x " + TextOf(commitment, "memory_mib") + " MB of " + function +
         ":" + TextOf(commitment, "version");
}

std::string UntilOf(const Json& commitment) {
  return commitment.contains("to") && commitment["to"].is_string() ? TextOf(commitment, "to") : "until ended";
}

Result<ExitCode> Show(Session& session, const Json& commitment, const std::string& did) {
  if (session.wants_json()) {
    session.PrintJson(commitment);
    return ExitCode::kOk;
  }
  session.PrintLine(did + " " + TextOf(commitment, "id") + (TextOf(commitment, "id").empty() ? "" : ": ") +
                    TextOf(commitment, "kind") + ", " + WhatOf(commitment));
  session.PrintLine("  from " + TextOf(commitment, "from") + " to " + UntilOf(commitment));
  session.PrintLine("  upfront " + TextOf(commitment, "upfront") + ", each hour " +
                    TextOf(commitment, "hourly") +
                    (commitment.contains("term_price") && commitment["term_price"].is_string()
                         ? ", the whole term " + TextOf(commitment, "term_price")
                         : ""));
  return ExitCode::kOk;
}

Result<ExitCode> Buy(Session& session, const Arguments& arguments) {
  HEARTH_ASSIGN(const Json order, OrderOf(session, arguments, arguments.Word(0)));
  HEARTH_ASSIGN(const Json bought, session.Ask("POST", kPath, order));
  return Show(session, bought, "bought");
}

Result<ExitCode> Offers(Session& session) {
  HEARTH_ASSIGN(const Json answer, session.Ask("GET", "/_hearth/v1/offers"));
  if (session.wants_json()) {
    session.PrintJson(answer);
    return ExitCode::kOk;
  }
  session.PrintLine(TextOf(answer, "price_book") + ": on demand " +
                    TextOf(answer, "on_demand_per_gb_second") + " a GB-second, spot " +
                    TextOf(answer, "spot_discount_percent") + " % less\n");
  TextTable table({{"KIND"},
                   {"TERM h FROM", Align::kRight},
                   {"UPFRONT"},
                   {"CAPACITY GB-s", Align::kRight},
                   {"DURATION GB-s", Align::kRight},
                   {"CPU-HOUR", Align::kRight}});
  for (const Json& offer : answer.value("offers", Json::array())) {
    table.Add({TextOf(offer, "kind"), TextOf(offer, "term_hours_min"), TextOf(offer, "payment"),
               TextOf(offer, "capacity_per_gb_second"), TextOf(offer, "duration_per_gb_second"),
               TextOf(offer, "per_cpu_hour")});
  }
  session.out() << table.Text();
  return ExitCode::kOk;
}

Result<ExitCode> Quote(Session& session, const Arguments& arguments) {
  if (!arguments.HasWord(0)) return Offers(session);
  HEARTH_ASSIGN(Json order, OrderOf(session, arguments, arguments.Word(0)));
  order["DryRun"] = true;
  HEARTH_ASSIGN(const Json quoted, session.Ask("POST", kPath, order));
  return Show(session, quoted, "would buy");
}

Result<ExitCode> Exchange(Session& session, const Arguments& arguments) {
  HEARTH_ASSIGN(const Json order, OrderOf(session, arguments, "convertible"));
  HEARTH_ASSIGN(
      const Json bought,
      session.Ask("POST", std::string(kPath) + "/" + PercentEncode(arguments.Word(0)) + "/exchange", order));
  return Show(session, bought, "exchanged " + arguments.Word(0) + " for");
}

Result<ExitCode> End(Session& session, const Arguments& arguments) {
  HEARTH_ASSIGN(const Json ended,
                session.Ask("DELETE", std::string(kPath) + "/" + PercentEncode(arguments.Word(0))));
  return Show(session, ended, "ended");
}

// "2 of 3 warm", "cpus 2-3", or why it is not there.
std::string HeldOf(const Json& commitment) {
  if (!TextOf(commitment, "problem").empty()) return TextOf(commitment, "problem");
  if (commitment.contains("workers_wanted"))
    return TextOf(commitment, "workers_ready") + " of " + TextOf(commitment, "workers_wanted") + " warm";
  return TextOf(commitment, "processors").empty() ? "" : "cpus " + TextOf(commitment, "processors");
}

Result<ExitCode> Describe(Session& session, const Arguments& arguments) {
  HEARTH_ASSIGN(const Json one,
                session.Ask("GET", std::string(kPath) + "/" + PercentEncode(arguments.Word(0))));
  if (session.wants_json()) {
    session.PrintJson(one);
    return ExitCode::kOk;
  }
  TextTable table({{"COMMITMENT"}, {TextOf(one, "id")}});
  table.Add({"kind", TextOf(one, "kind")});
  table.Add({"state", TextOf(one, "state")});
  table.Add({"what", WhatOf(one)});
  table.Add({"held", HeldOf(one)});
  table.Add({"from", TextOf(one, "from")});
  table.Add({"to", UntilOf(one)});
  table.Add({"payment", TextOf(one, "payment") + " upfront"});
  table.Add({"upfront", TextOf(one, "upfront")});
  table.Add({"each hour", TextOf(one, "hourly")});
  if (one.contains("duration_per_gb_second"))
    table.Add({"duration, a GB-second", TextOf(one, "duration_per_gb_second")});
  const Json tags = one.value("tags", Json::object());
  for (const auto& [key, value] : tags.items()) table.Add({"tag " + key, value.get<std::string>()});
  session.out() << Printable(table.Text());
  return ExitCode::kOk;
}

Result<ExitCode> List(Session& session, const Arguments&) {
  HEARTH_ASSIGN(const Json answer, session.Ask("GET", kPath));
  if (session.wants_json()) {
    session.PrintJson(answer);
    return ExitCode::kOk;
  }
  TextTable table({{"ID"},
                   {"KIND"},
                   {"STATE"},
                   {"WHAT"},
                   {"HELD"},
                   {"FROM"},
                   {"TO"},
                   {"UPFRONT", Align::kRight},
                   {"HOURLY", Align::kRight}});
  for (const Json& one : answer.value("commitments", Json::array())) {
    table.Add({TextOf(one, "id"), TextOf(one, "kind"), TextOf(one, "state"), WhatOf(one), HeldOf(one),
               TextOf(one, "from"), UntilOf(one), TextOf(one, "upfront"), TextOf(one, "hourly")});
  }
  session.out() << Printable(table.Text());
  if (table.Text().empty()) session.Note("no commitments; hearth plan quote lists what can be bought");
  return ExitCode::kOk;
}

const std::vector<Flag>& OrderFlags() {
  static const std::vector<Flag> flags = {
      {"--function", "NAME", "whose workers, or whose cpus; NAME:VERSION for another than $LATEST"},
      {"--workers", "N", "reserved: kept warm"},
      {"--memory", "MB", "reserved: of each of them (the function's)"},
      {"--cpus", "N", "dedicated: whole cores"},
      {"--per-hour", "AMOUNT", "savings plan: spent in an hour"},
      {"--term", "TIME", "720h, 30d, 1y; without: until it is ended"},
      {"--upfront", "PART", "none, partial or all (none)"},
      {"--tag", "KEY=VALUE", "for bills by tag", Repeat::kMany},
  };
  return flags;
}

}  // namespace

std::vector<Command> PlanCommands() {
  return {
      {
          .name = "plan ls",
          .positionals = {},
          .summary = "List commitments: reservations, savings plans, dedicated cpus",
          .details = "",
          .flags = {},
          .examples = {{"hearth plan ls", ""}},
          .run = List,
      },
      {
          .name = "plan describe",
          .positionals = {"ID"},
          .summary = "Show a commitment, what is held for it now and why not",
          .details = "",
          .flags = {},
          .examples = {{"hearth plan describe rsv-0123456789ab", ""}},
          .run = Describe,
      },
      {
          .name = "plan quote",
          .positionals = {"[KIND]"},
          .summary = "Say what a commitment would cost, or list all offers",
          .details = "KIND is reserved, convertible, savings-plan or dedicated.\n",
          .flags = OrderFlags(),
          .examples = {{"hearth plan quote", "all offers of the price book"},
                       {"hearth plan quote savings-plan --per-hour 0.50 --term 1y", ""}},
          .run = Quote,
      },
      {
          .name = "plan buy",
          .positionals = {"KIND"},
          .summary = "Buy a commitment; refused when the node cannot keep it",
          .details =
              "KIND is reserved, convertible, savings-plan or dedicated. With a term it begins with the UTC "
              "hour\nthat runs, and is paid to its end.\n",
          .flags = OrderFlags(),
          .examples = {{"hearth plan buy reserved --function resize --workers 2", ""},
                       {"hearth plan buy dedicated --function resize --cpus 2", ""}},
          .run = Buy,
      },
      {
          .name = "plan exchange",
          .positionals = {"ID"},
          .summary = "Exchange a convertible reservation for another of at least its value",
          .details = "",
          .flags = OrderFlags(),
          .examples =
              {{"hearth plan exchange cnv-0123456789ab --function thumbs --workers 4 --memory 256 --term "
                "1y --upfront all",
                ""}},
          .run = Exchange,
      },
      {
          .name = "plan end",
          .positionals = {"ID"},
          .summary = "End a commitment that has no term",
          .details = "",
          .flags = {},
          .examples = {{"hearth plan end rsv-0123456789ab", ""}},
          .run = End,
      },
  };
}

}  // namespace hearth::cli
