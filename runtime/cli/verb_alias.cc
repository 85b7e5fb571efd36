#include <charconv>

#include "runtime/cli/resources.h"
#include "runtime/cli/text_table.h"
#include "runtime/cli/verbs.h"

namespace hearth::cli {
namespace {

constexpr double kPercentMax = 100;

struct Name {
  std::string function;
  std::string alias;
};

Result<Name> NameOf(const std::string& word) {
  const size_t colon = word.find(':');
  if (colon == std::string::npos || colon + 1 == word.size())
    return UsageError("\"" + word + "\" names no alias: write FUNCTION:ALIAS, as resize:live");
  return Name{word.substr(0, colon), word.substr(colon + 1)};
}

std::string AliasesPath(const std::string& function) { return FunctionPath(function) + "/aliases"; }
std::string AliasPath(const Name& name) {
  return AliasesPath(name.function) + "/" + PercentEncode(name.alias);
}

// "10%", "10" or "0.5%" -> 0.1, 0.1, 0.005
Result<double> ShareOf(const std::string& flag, std::string text) {
  if (text.ends_with('%')) text.pop_back();
  double percent = 0;
  const auto [end, failed] = std::from_chars(text.data(), text.data() + text.size(), percent);
  if (failed == std::errc() && end == text.data() + text.size() && percent >= 0 && percent <= kPercentMax)
    return percent / kPercentMax;
  return UsageError(flag + " \"" + text + "\" is no share: write 0% to 100%");
}

// "2 10 %", or "".
std::string CanaryText(const Json& alias) {
  const Json weights =
      alias.value("RoutingConfig", Json::object()).value("AdditionalVersionWeights", Json::object());
  std::string text;
  for (const auto& [version, weight] : weights.items())
    text += version + " gets " + Decimals(weight.get<double>() * kPercentMax, 1) + " %";
  return text;
}

// "2 unless 5 % of 20 fail", "version 2: 5 of 20 ...", or "".
std::string TrialText(const Json& alias) {
  const Json ours = alias.value("Hearth", Json::object());
  if (ours.contains("RolledBack")) return "rolled back from " + TextOf(ours, "RolledBack");
  if (!ours.contains("OnTrial")) return "";
  return TextOf(ours, "OnTrial") + " unless " +
         Decimals(ours.value("RollbackOnErrors", 0.0) * kPercentMax, 1) + " % of " +
         TextOf(ours, "RollbackMinRequests") + " or more fail";
}

ExitCode Print(Session& session, const Json& alias) {
  if (session.wants_json()) {
    session.PrintJson(alias);
    return ExitCode::kOk;
  }
  const std::string canary = CanaryText(alias);
  session.PrintLine(TextOf(alias, "Name") + " is version " + TextOf(alias, "FunctionVersion") +
                    (canary.empty() ? "" : ", of whose events " + canary));
  if (const std::string trial = TrialText(alias); !trial.empty()) session.PrintLine("on trial: " + trial);
  return ExitCode::kOk;
}

Result<ExitCode> List(Session& session, const Arguments& arguments) {
  HEARTH_ASSIGN(const Json page, session.AskPages(AliasesPath(arguments.Word(0)), "Aliases"));
  if (session.wants_json()) {
    session.PrintJson(page);
    return ExitCode::kOk;
  }
  TextTable table({{"ALIAS"}, {"VERSION"}, {"CANARY"}, {"BEFORE"}, {"ON TRIAL"}, {"DESCRIPTION"}});
  for (const Json& alias : page["Aliases"]) {
    table.Add({TextOf(alias, "Name"), TextOf(alias, "FunctionVersion"), CanaryText(alias),
               TextOf(alias.value("Hearth", Json::object()), "PreviousVersion"), TrialText(alias),
               TextOf(alias, "Description")});
  }
  session.out() << Printable(table.Text());
  if (page["Aliases"].empty())
    session.Note("no aliases; make one with: hearth alias set " + arguments.Word(0) + ":live VERSION");
  return ExitCode::kOk;
}

Result<ExitCode> Set(Session& session, const Arguments& arguments) {
  HEARTH_ASSIGN(const Name name, NameOf(arguments.Word(0)));
  Json request = {{"FunctionVersion", arguments.Word(1)}, {"RoutingConfig", Json::object()}};
  if (arguments.Has("--description")) request["Description"] = arguments.Text("--description");
  const auto there = session.Ask("GET", AliasPath(name));
  if (!there.ok() && there.error().code != ErrorCode::kNotFound) return there.error();
  if (!there.ok()) request["Name"] = name.alias;
  HEARTH_ASSIGN(const Json alias, there.ok() ? session.Ask("PUT", AliasPath(name), request)
                                             : session.Ask("POST", AliasesPath(name.function), request));
  return Print(session, alias);
}

Result<ExitCode> Remove(Session& session, const Arguments& arguments) {
  HEARTH_ASSIGN(const Name name, NameOf(arguments.Word(0)));
  HEARTH_TRY(session.Ask("GET", AliasPath(name)));  // the API takes any name
  HEARTH_TRY(session.Ask("DELETE", AliasPath(name)));
  session.PrintLine("removed " + arguments.Word(0));
  return ExitCode::kOk;
}

// Without the flag what is asked already stays so.
Status AddTrial(const Arguments& arguments, Json& request) {
  HEARTH_ASSIGN(const auto least, arguments.Number("--min-requests", 1, 1'000'000));
  if (!arguments.Has("--rollback-on-errors")) {
    if (least) return UsageError("--min-requests means something with --rollback-on-errors only");
    return Ok();
  }
  HEARTH_ASSIGN(const double errors, ShareOf("--rollback-on-errors", arguments.Text("--rollback-on-errors")));
  request["Hearth"] = {{"RollbackOnErrors", errors}};
  if (least) request["Hearth"]["RollbackMinRequests"] = *least;
  return Ok();
}

// Each with the revision that was looked at: two at once do not undo each other unseen.
Result<ExitCode> Promote(Session& session, const Arguments& arguments) {
  HEARTH_ASSIGN(const Name name, NameOf(arguments.Word(0)));
  HEARTH_ASSIGN(const Json alias, session.Ask("GET", AliasPath(name)));
  const Json weights =
      alias.value("RoutingConfig", Json::object()).value("AdditionalVersionWeights", Json::object());
  std::string version = arguments.Word(1);
  if (version.empty() && !weights.empty()) version = weights.items().begin().key();
  if (version.empty())
    return UsageError(arguments.Word(0) + " has no canary: which VERSION is to be promoted?");
  HEARTH_ASSIGN(const double share, ShareOf("--weight", arguments.Text("--weight", "100%")));
  Json request = {{"RevisionId", TextOf(alias, "RevisionId")}, {"RoutingConfig", Json::object()}};
  HEARTH_TRY(AddTrial(arguments, request));
  if (share == 1) {
    request["FunctionVersion"] = version;
  } else if (share > 0) {
    request["RoutingConfig"] = {{"AdditionalVersionWeights", {{version, share}}}};
  }
  HEARTH_ASSIGN(const Json promoted, session.Ask("PUT", AliasPath(name), request));
  return Print(session, promoted);
}

Result<ExitCode> Rollback(Session& session, const Arguments& arguments) {
  HEARTH_ASSIGN(const Name name, NameOf(arguments.Word(0)));
  HEARTH_ASSIGN(const Json alias, session.Ask("GET", AliasPath(name)));
  Json request = {{"RevisionId", TextOf(alias, "RevisionId")},
                  {"RoutingConfig", Json::object()},
                  {"Hearth", {{"RollbackOnErrors", 0}}}};
  std::string to = arguments.Text("--to");
  // A canary is what was done last: without it the alias is what it was.
  if (to.empty() && CanaryText(alias).empty())
    to = TextOf(alias.value("Hearth", Json::object()), "PreviousVersion");
  if (to.empty() && CanaryText(alias).empty())
    return UsageError(arguments.Word(0) + " has always been version " + TextOf(alias, "FunctionVersion") +
                      "; say where to with --to VERSION");
  if (!to.empty()) request["FunctionVersion"] = to;
  HEARTH_ASSIGN(const Json back, session.Ask("PUT", AliasPath(name), request));
  return Print(session, back);
}

}  // namespace

std::vector<Command> AliasCommands() {
  return {
      {.name = "alias ls",
       .positionals = {"FUNCTION"},
       .summary = "List the aliases of a function",
       .details = "",
       .flags = {},
       .examples = {{"hearth alias ls resize", ""}},
       .run = List},
      {.name = "alias set",
       .positionals = {"FUNCTION:ALIAS", "VERSION"},
       .summary = "Make an alias, or point it to another version at once",
       .details = "VERSION is a published version or $LATEST. Callers use FUNCTION:ALIAS as a name.\n",
       .flags = {{"--description", "TEXT", "for people"}},
       .examples = {{"hearth alias set resize:live 3", "hearth invoke resize --version live then runs it"}},
       .run = Set},
      {.name = "alias rm",
       .positionals = {"FUNCTION:ALIAS"},
       .summary = "Remove an alias; its versions stay",
       .details = "",
       .flags = {},
       .examples = {{"hearth alias rm resize:live", ""}},
       .run = Remove},
      {.name = "promote",
       .positionals = {"FUNCTION:ALIAS", "[VERSION]"},
       .summary = "Give a version a share of an alias's events, or all of them",
       .details =
           "Without VERSION it is the canary that there is. Nobody's events are dropped: what runs ends.\n"
           "With --rollback-on-errors the version is on trial, until the alias is changed by hand: when so\n"
           "many of its attempts fail within five minutes, the alias is what it was before.\n",
       .flags = {{"--weight", "PERCENT", "its share; 100% makes it the alias's version, 0% ends it (100%)"},
                 {"--rollback-on-errors", "PERCENT",
                  "take it back when this share of its attempts fails; 0%: never"},
                 {"--min-requests", "N", "of at least so many attempts (20)"}},
       .examples = {{"hearth promote resize:live 4 --weight 10%", "a canary"},
                    {"hearth promote resize:live 4 --weight 10% --rollback-on-errors 5%", "that ends itself"},
                    {"hearth promote resize:live", "all"}},
       .run = Promote},
      {.name = "rollback",
       .positionals = {"FUNCTION:ALIAS"},
       .summary = "End the canary of an alias, or point it to the version before",
       .details = "",
       .flags = {{"--to", "VERSION", "to this one"}},
       .examples = {{"hearth rollback resize:live", ""}},
       .run = Rollback}};
}

}  // namespace hearth::cli
