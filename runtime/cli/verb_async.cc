#include "runtime/cli/resources.h"
#include "runtime/cli/text_table.h"
#include "runtime/cli/verbs.h"

namespace hearth::cli {
namespace {

constexpr int64_t kRetriesMax = 2;
constexpr int64_t kAgeMin = 60, kAgeMax = 21'600;

struct Name {
  std::string function;
  std::string qualifier;  // "$LATEST" when there is none
};

Name NameOf(const std::string& word) {
  const size_t colon = word.find(':');
  if (colon == std::string::npos) return {word, "$LATEST"};
  return {word.substr(0, colon), word.substr(colon + 1)};
}

std::string ConfigPath(const Name& name) {
  return "/2019-09-25/functions/" + PercentEncode(name.function) +
         "/event-invoke-config?Qualifier=" + PercentEncode(name.qualifier);
}

Status AddNumber(const Arguments& arguments, const char* flag, const char* member, int64_t least,
                 int64_t most, Json& change) {
  HEARTH_ASSIGN(const auto number, arguments.Number(flag, least, most));
  if (number) change[member] = *number;
  return Ok();
}

Status SetConfig(const Session& session, const Arguments& arguments, const Name& name) {
  Json change = Json::object();
  HEARTH_TRY(AddNumber(arguments, "--retries", "MaximumRetryAttempts", 0, kRetriesMax, change));
  HEARTH_TRY(AddNumber(arguments, "--max-age", "MaximumEventAgeInSeconds", kAgeMin, kAgeMax, change));
  for (const auto& [flag, member] :
       {std::pair("--on-success", "OnSuccess"), std::pair("--on-failure", "OnFailure")}) {
    if (!arguments.Has(flag)) continue;
    HEARTH_ASSIGN(const std::string arn, DestinationArn(session, flag, arguments.Text(flag)));
    change["DestinationConfig"][member] = arn.empty() ? Json::object() : Json{{"Destination", arn}};
  }
  if (change.empty()) return Ok();
  const bool there = session.Ask("GET", ConfigPath(name)).ok();
  HEARTH_TRY(session.Ask(there ? "POST" : "PUT", ConfigPath(name), change));
  return Ok();
}

Status SetDeadLetters(const Session& session, const Arguments& arguments, const Name& name) {
  if (!arguments.Has("--dead-letters")) return Ok();
  if (name.qualifier != "$LATEST")
    return UsageError("--dead-letters is a setting of the code that is deployed: leave out :" +
                      name.qualifier);
  HEARTH_ASSIGN(const std::string arn,
                DestinationArn(session, "--dead-letters", arguments.Text("--dead-letters")));
  HEARTH_TRY(session.Ask("PUT", FunctionPath(name.function) + "/configuration",
                         {{"DeadLetterConfig", {{"TargetArn", arn}}}}));
  return Ok();
}

Result<Json> Shown(const Session& session, const Name& name) {
  HEARTH_ASSIGN(const Json function,
                session.Ask("GET", FunctionPath(name.function) +
                                       "/configuration?Qualifier=" + PercentEncode(name.qualifier)));
  auto config = session.Ask("GET", ConfigPath(name));
  if (!config.ok() && config.error().code != ErrorCode::kNotFound) return config.error();
  Json shown = config.ok() ? *config : Json::object();
  if (function.contains("DeadLetterConfig")) shown["DeadLetterConfig"] = function["DeadLetterConfig"];
  return shown;
}

std::string DestinationText(const Json& shown, const char* which) {
  const Json destinations = shown.value("DestinationConfig", Json::object());
  const std::string arn = TextOf(destinations.value(which, Json::object()), "Destination");
  return arn.empty() ? "none" : arn;
}

Result<ExitCode> Async(Session& session, const Arguments& arguments) {
  const Name name = NameOf(arguments.Word(0));
  if (arguments.Has("--reset")) {
    const auto removed = session.Ask("DELETE", ConfigPath(name));
    if (!removed.ok() && removed.error().code != ErrorCode::kNotFound) return removed.error();
  }
  HEARTH_TRY(SetConfig(session, arguments, name));
  HEARTH_TRY(SetDeadLetters(session, arguments, name));
  HEARTH_ASSIGN(const Json shown, Shown(session, name));
  if (session.wants_json()) {
    session.PrintJson(shown);
    return ExitCode::kOk;
  }
  const auto number = [&](const char* member, const std::string& fallback) {
    return shown.contains(member) ? TextOf(shown, member) : fallback;
  };
  const std::string dead_letters = TextOf(shown.value("DeadLetterConfig", Json::object()), "TargetArn");
  TextTable table({{"ASYNC"}, {name.function + ":" + name.qualifier}});
  table.Add({"retries", number("MaximumRetryAttempts", std::to_string(kRetriesMax))});
  table.Add({"longest age", number("MaximumEventAgeInSeconds", std::to_string(kAgeMax)) + " s"});
  table.Add({"on success", DestinationText(shown, "OnSuccess")});
  table.Add({"on failure", DestinationText(shown, "OnFailure")});
  table.Add({"dead letters", dead_letters.empty() ? "none" : dead_letters});
  session.out() << Printable(table.Text());
  return ExitCode::kOk;
}

}  // namespace

std::vector<Command> AsyncCommands() {
  return {{
      .name = "async",
      .positionals = {"FUNCTION[:VERSION]"},
      .summary = "Show and set how a function's asynchronous events are tried, and who hears of their end",
      .details =
          "A destination gets a document with request, answer and why it ended; a dead-letter queue the "
          "bare\n"
          "event with the error in its attributes. Both are stored before the event is settled. WHERE is\n"
          "queue:NAME, function:NAME, an ARN, or none.\n",
      .flags = {{"--retries", "N", "after a function error: 0 to 2 (2)"},
                {"--max-age", "SECONDS", "an older event is not tried any more: 60 to 21600 (21600)"},
                {"--on-success", "WHERE", "hears of events that succeeded"},
                {"--on-failure", "WHERE", "hears of events that failed for the last time, or were too old"},
                {"--dead-letters", "QUEUE", "gets those that failed"},
                {"--reset", "", "first, all but the dead letters as it is without settings"}},
      .examples = {{"hearth async resize --retries 1 --on-failure queue:failed", ""},
                   {"hearth async resize --on-success function:audit --dead-letters queue:dead", ""}},
      .run = Async,
  }};
}

}  // namespace hearth::cli
