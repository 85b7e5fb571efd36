#include <charconv>

#include "runtime/cli/text_table.h"
#include "runtime/cli/verbs.h"

namespace hearth::cli {
namespace {

std::string BudgetPath(const std::string& name) { return "/_hearth/v1/budgets/" + PercentEncode(name); }

// "80:warn"
Result<Json> StepOf(const std::string& text) {
  const size_t colon = text.find(':');
  int percent = 0;
  const auto [end, failed] = std::from_chars(text.data(), text.data() + text.size(), percent);
  if (failed != std::errc() || colon == std::string::npos || end != text.data() + colon)
    return UsageError("--at \"" + text + "\" is not like 80:warn or 100:throttle");
  return Json{{"Percent", percent}, {"Action", text.substr(colon + 1)}};
}

std::string ScopeOf(const Json& budget) {
  if (!TextOf(budget, "function").empty()) return "function " + TextOf(budget, "function");
  if (TextOf(budget, "tag_key").empty()) return "account";
  return TextOf(budget, "tag_key") + "=" + TextOf(budget, "tag_value");
}

std::string StepsOf(const Json& budget) {
  std::string text;
  for (const Json& step : budget.value("steps", Json::array())) {
    text += (text.empty() ? "" : ", ") + TextOf(step, "percent") + " % " + TextOf(step, "action") +
            (step.value("reached", false) ? " (reached)" : "");
  }
  return text;
}

Result<ExitCode> ShowAll(Session& session, const Json& answer) {
  if (session.wants_json()) {
    session.PrintJson(answer);
    return ExitCode::kOk;
  }
  TextTable table({{"BUDGET"},
                   {"FOR"},
                   {"MONTHLY", Align::kRight},
                   {"SPENT", Align::kRight},
                   {"%", Align::kRight},
                   {"STEPS"}});
  for (const Json& budget : answer.value("budgets", Json::array())) {
    table.Add({TextOf(budget, "name"), ScopeOf(budget), TextOf(budget, "monthly"), TextOf(budget, "spent"),
               TextOf(budget, "percent"), StepsOf(budget)});
  }
  session.out() << Printable(table.Text());
  if (table.Text().empty()) session.Note("no budgets; make one with: hearth budget set NAME AMOUNT");
  return ExitCode::kOk;
}

Result<ExitCode> Set(Session& session, const Arguments& arguments) {
  Json budget = {{"Monthly", arguments.Word(1)}};
  if (arguments.Has("--function")) budget["FunctionName"] = arguments.Text("--function");
  if (arguments.Has("--tag")) {
    const std::string tag = arguments.Text("--tag");
    const size_t equals = tag.find('=');
    if (equals == std::string::npos) return UsageError("--tag \"" + tag + "\" is not like KEY=VALUE");
    budget["TagKey"] = tag.substr(0, equals);
    budget["TagValue"] = tag.substr(equals + 1);
  }
  if (arguments.Has("--at")) {
    budget["Steps"] = Json::array();
    for (const std::string& text : arguments.All("--at")) {
      HEARTH_ASSIGN(const Json step, StepOf(text));
      budget["Steps"].push_back(step);
    }
  }
  HEARTH_ASSIGN(const Json answer, session.Ask("PUT", BudgetPath(arguments.Word(0)), budget));
  return ShowAll(session, answer);
}

Result<ExitCode> List(Session& session, const Arguments&) {
  HEARTH_ASSIGN(const Json answer, session.Ask("GET", "/_hearth/v1/budgets"));
  return ShowAll(session, answer);
}

Result<ExitCode> Remove(Session& session, const Arguments& arguments) {
  HEARTH_TRY(session.Ask("DELETE", BudgetPath(arguments.Word(0))));
  if (!session.wants_json()) session.PrintLine("budget " + arguments.Word(0) + " is gone");
  return ExitCode::kOk;
}

}  // namespace

std::vector<Command> BudgetCommands() {
  return {
      {
          .name = "budget set",
          .positionals = {"NAME", "AMOUNT"},
          .summary = "Set how much may be spent in a calendar month (UTC)",
          .details =
              "For the account, or with a flag for a function or all that bears a tag. A step warns (log, "
              "metric) or\nthrottles: new events are refused until the month ends or the budget is raised.\n",
          .flags = {{"--function", "NAME", "for that function"},
                    {"--tag", "KEY=VALUE", "for all functions with that tag"},
                    {"--at", "PERCENT:ACTION", "warn or throttle from there on (80:warn, 100:warn)",
                     Repeat::kMany}},
          .examples = {{"hearth budget set vision 50 --tag team=vision --at 80:warn --at 100:throttle", ""}},
          .run = Set,
      },
      {
          .name = "budget ls",
          .positionals = {},
          .summary = "List budgets and what of them is spent",
          .details = "",
          .flags = {},
          .examples = {{"hearth budget ls", ""}},
          .run = List,
      },
      {
          .name = "budget rm",
          .positionals = {"NAME"},
          .summary = "Remove a budget",
          .details = "",
          .flags = {},
          .examples = {{"hearth budget rm vision", ""}},
          .run = Remove,
      },
  };
}

}  // namespace hearth::cli
