#include "runtime/cli/resources.h"
#include "runtime/cli/text_table.h"
#include "runtime/cli/verbs.h"

namespace hearth::cli {
namespace {

constexpr int64_t kListMax = 1'000;
constexpr int64_t kWaitMax = 60;
constexpr const char* kPath = "/_hearth/v1/invocations";

std::string PathOf(const Arguments& arguments) {
  return std::string(kPath) + "/" + PercentEncode(arguments.Word(0));
}

std::string LastError(const Json& invocation) {
  const Json attempts = invocation.value("attempts", Json::array());
  return attempts.empty() ? "" : TextOf(attempts.back(), "error_type");
}

Result<ExitCode> List(Session& session, const Arguments& arguments) {
  HEARTH_ASSIGN(const auto limit, arguments.Number("--limit", 1, kListMax));
  std::string target = std::string(kPath) + "?limit=" + std::to_string(limit.value_or(50));
  if (arguments.Has("--function")) target += "&function=" + PercentEncode(arguments.Text("--function"));
  if (arguments.Has("--state")) target += "&state=" + PercentEncode(arguments.Text("--state"));
  HEARTH_ASSIGN(const Json answer, session.Ask("GET", target));
  if (session.wants_json()) {
    session.PrintJson(answer);
    return ExitCode::kOk;
  }
  TextTable table(
      {{"REQUEST"}, {"FUNCTION"}, {"STATE"}, {"ACCEPTED"}, {"ATTEMPTS", Align::kRight}, {"LAST ERROR"}});
  for (const Json& one : answer.value("invocations", Json::array())) {
    const Json attempts = one.value("attempts", Json::array());
    table.Add({TextOf(one, "request_id"), TextOf(one, "function"), TextOf(one, "state"),
               TextOf(one, "accepted"), attempts.empty() ? "0" : TextOf(attempts.back(), "attempt"),
               LastError(one)});
  }
  session.out() << Printable(table.Text());
  if (table.Text().empty())
    session.Note("no asynchronous invocations; there are some after: hearth invoke NAME --async");
  return ExitCode::kOk;
}

void PrintInvocation(Session& session, const Json& one) {
  TextTable table({{"REQUEST"}, {TextOf(one, "request_id")}});
  for (const char* member :
       {"function", "qualifier", "trigger", "state", "condition", "accepted", "next_attempt", "ended"}) {
    if (one.contains(member)) table.Add({member, TextOf(one, member)});
  }
  session.out() << Printable(table.Text());
  TextTable attempts({{"ATTEMPT", Align::kRight},
                      {"STARTED"},
                      {"OUTCOME"},
                      {"MS", Align::kRight},
                      {"BILLED MS", Align::kRight},
                      {"VERSION"},
                      {"ERROR"}});
  for (const Json& attempt : one.value("attempts", Json::array())) {
    const std::string type = TextOf(attempt, "error_type"), message = TextOf(attempt, "error_message");
    attempts.Add({TextOf(attempt, "attempt"), TextOf(attempt, "started"), TextOf(attempt, "outcome"),
                  TextOf(attempt, "duration_ms"), TextOf(attempt, "billed_ms"), TextOf(attempt, "version"),
                  type.empty() ? "" : type + ": " + message});
  }
  if (const std::string text = attempts.Text(); !text.empty()) session.out() << '\n' << Printable(text);
  TextTable destinations({{"TOLD"}, {"STATE"}, {"WHY"}});
  for (const Json& told : one.value("destinations", Json::array()))
    destinations.Add({TextOf(told, "arn"), TextOf(told, "state"), TextOf(told, "failure")});
  if (const std::string text = destinations.Text(); !text.empty()) session.out() << '\n' << Printable(text);
  if (one.contains("result")) session.out() << "\nresult\n" << Printable(TextOf(one, "result")) << '\n';
}

// 1 for what failed for good, so that scripts need not read.
ExitCode CodeOf(const Json& one) {
  return TextOf(one, "state") == "failed" ? ExitCode::kFunctionError : ExitCode::kOk;
}

ExitCode Print(Session& session, const Json& one) {
  session.wants_json() ? session.PrintJson(one) : PrintInvocation(session, one);
  return CodeOf(one);
}

Result<ExitCode> Get(Session& session, const Arguments& arguments) {
  HEARTH_ASSIGN(const auto wait, arguments.Number("--wait", 0, kWaitMax));
  const std::string query = wait ? "?wait=" + std::to_string(*wait) + "s" : "";
  HEARTH_ASSIGN(const Json one, session.Ask("GET", PathOf(arguments) + query));
  return Print(session, one);
}

Result<ExitCode> Cancel(Session& session, const Arguments& arguments) {
  HEARTH_ASSIGN(const Json one, session.Ask("DELETE", PathOf(arguments)));
  return Print(session, one);
}

Result<ExitCode> Retry(Session& session, const Arguments& arguments) {
  HEARTH_ASSIGN(const Json one, session.Ask("POST", PathOf(arguments) + "/retry"));
  return Print(session, one);
}

}  // namespace

std::vector<Command> InvocationsCommands() {
  return {
      {.name = "invocations ls",
       .positionals = {},
       .summary = "List asynchronous invocations, the newest first",
       .details = "Those that have ended are kept for a day, at most 10,000 of them (both are settings).\n",
       .flags = {{"--function", "NAME", "of this one"},
                 {"--state", "STATE", "queued, running, retrying, settling, succeeded, failed or cancelled"},
                 {"--limit", "N", "at most so many (50)"}},
       .examples = {{"hearth invocations ls --function resize --state failed", ""}},
       .run = List},
      {.name = "invocations get",
       .positionals = {"REQUEST"},
       .summary = "Show an asynchronous invocation: state, attempts, who was told, result",
       .details = "The exit code is 1 when it has failed for good.\n",
       .flags = {{"--wait", "SECONDS", "not before it has ended, or so much later: up to 60"}},
       .examples = {{"hearth invocations get 0c5f9b1e-... --wait 30", ""}},
       .run = Get},
      {.name = "invocations cancel",
       .positionals = {"REQUEST"},
       .summary = "Do not try an asynchronous invocation (again)",
       .details = "One that runs is not stopped: its attempt goes on, and then it can be cancelled.\n",
       .flags = {},
       .examples = {{"hearth invocations cancel 0c5f9b1e-...", ""}},
       .run = Cancel},
      {.name = "invocations retry",
       .positionals = {"REQUEST"},
       .summary = "Queue one that failed or was cancelled again, with all its retries",
       .details = "It keeps its request id; its attempts are numbered on. A success is never run again.\n",
       .flags = {},
       .examples = {{"hearth invocations retry 0c5f9b1e-...", ""}},
       .run = Retry}};
}

}  // namespace hearth::cli
