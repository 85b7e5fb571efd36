#include "runtime/base/base64.h"
#include "runtime/cli/local_invoke.h"
#include "runtime/cli/payload.h"
#include "runtime/cli/text_table.h"
#include "runtime/cli/verbs.h"

namespace hearth::cli {
namespace {

// The error type that the daemon gives to what ran out of time.
constexpr const char* kTimedOutType = "Sandbox.Timedout";

Result<std::string> PayloadOf(const Arguments& arguments) {
  if (arguments.HasWord(1) && arguments.Has("--payload")) {
    return UsageError("the payload is given twice: as a word and with --payload");
  }
  return ReadPayload(arguments.HasWord(1) ? arguments.Word(1) : arguments.Text("--payload", "{}"));
}

// What comes from functions ends where it ends; people want their prompt on a line of its own.
void PrintPayload(Session& session, const std::string& payload) {
  session.out() << payload;
  if (!payload.ends_with('\n')) session.out() << '\n';
}

void NoteLog(Session& session, std::string log) {
  while (log.ends_with('\n')) log.pop_back();
  if (!log.empty()) session.Note(Printable(log));
}

// The handler's own error: its stack is for people, the JSON on stdout for programs.
ExitCode NoteFunctionError(Session& session, const std::string& payload) {
  const Json error = Json::parse(payload, nullptr, /*allow_exceptions=*/false);
  const std::string type = TextOf(error, "errorType");
  session.Note("function error: " + Printable(type) + ": " + Printable(TextOf(error, "errorMessage")));
  if (error.is_object() && error.contains("stackTrace") && error["stackTrace"].is_array()) {
    for (const Json& line : error["stackTrace"]) {
      session.Note("  " + Printable(line.is_string() ? line.get<std::string>() : DumpJson(line)));
    }
  }
  return type == kTimedOutType ? ExitCode::kTimedOut : ExitCode::kFunctionError;
}

Result<ExitCode> InvokeLocally(Session& session, const Arguments& arguments) {
  HEARTH_ASSIGN(const std::string payload, PayloadOf(arguments));
  session.Note("running in this process: no sandbox, no time limit, no bill");
  const std::string name = arguments.HasWord(0) ? arguments.Word(0) : "local";
  HEARTH_ASSIGN(const LocalAnswer answer,
                InvokeUnsandboxedForDevelopment(arguments.Text("--local"), name, payload));
  for (const std::string& line : answer.logs) session.Note(Printable(line));
  PrintPayload(session, answer.payload);
  return answer.ok ? ExitCode::kOk : NoteFunctionError(session, answer.payload);
}

HttpRequest RequestFor(const Arguments& arguments, std::string payload) {
  HttpRequest request{.method = "POST",
                      .target = FunctionPath(arguments.Word(0)) + "/invocations",
                      .headers = {{"Content-Type", "application/json"}},
                      .body = std::move(payload)};
  if (arguments.Has("--version"))
    request.target += "?Qualifier=" + PercentEncode(arguments.Text("--version"));
  if (arguments.Has("--async")) {
    request.headers.emplace_back("X-Amz-Invocation-Type", "Event");
    if (arguments.Has("--key"))
      request.headers.emplace_back("X-Hearth-Idempotency-Key", arguments.Text("--key"));
  } else {
    request.headers.emplace_back("X-Amz-Log-Type", "Tail");
  }
  return request;
}

// As the AWS command line shows an invocation, with log and payload readable.
void PrintAnswerJson(Session& session, const HttpAnswer& answer, const std::string& log) {
  Json out = {{"StatusCode", answer.status}, {"RequestId", answer.Header("x-amzn-requestid")}};
  for (const auto& [member, header] : {std::pair("ExecutedVersion", "x-amz-executed-version"),
                                       std::pair("FunctionError", "x-amz-function-error")}) {
    if (const std::string value = answer.Header(header); !value.empty()) out[member] = value;
  }
  if (!log.empty()) out["Log"] = log;
  Json payload = Json::parse(answer.body, nullptr, /*allow_exceptions=*/false);
  if (!answer.body.empty()) out["Payload"] = payload.is_discarded() ? Json(answer.body) : std::move(payload);
  session.PrintJson(out);
}

Result<ExitCode> Invoke(Session& session, const Arguments& arguments) {
  if (arguments.Has("--local")) return InvokeLocally(session, arguments);
  if (!arguments.HasWord(0)) return UsageError("NAME is missing: which function?");
  if (arguments.Has("--key") && !arguments.Has("--async"))
    return UsageError("--key is for --async: an answer that is waited for is not kept");
  HEARTH_ASSIGN(std::string payload, PayloadOf(arguments));
  HEARTH_ASSIGN(const HttpAnswer answer, session.client().Ask(RequestFor(arguments, std::move(payload))));
  HEARTH_TRY(CheckAnswer(answer));
  const auto log = Base64Decode(answer.Header("x-amz-log-result"));
  const bool failed = !answer.Header("x-amz-function-error").empty();
  if (!arguments.Has("--no-logs") && log.ok() && !session.wants_json()) NoteLog(session, *log);
  if (session.wants_json()) {
    PrintAnswerJson(session, answer, log.ok() ? *log : "");
  } else if (arguments.Has("--async")) {
    const std::string first = answer.Header("x-hearth-request-id");
    session.PrintLine("accepted: request " + (first.empty() ? answer.Header("x-amzn-requestid") : first));
    if (answer.Header("x-hearth-idempotent") == "first")
      session.Note("the first one with this key; nothing new runs");
  } else {
    PrintPayload(session, answer.body);
  }
  return failed ? NoteFunctionError(session, answer.body) : ExitCode::kOk;
}

}  // namespace

std::vector<Command> InvokeCommands() {
  return {{
      .name = "invoke",
      .positionals = {"[NAME]", "[PAYLOAD]"},
      .summary = "Call a function and print its answer",
      .details =
          "The answer goes to stdout as it came, the end of the log with its REPORT line to stderr. PAYLOAD "
          "is\n"
          "JSON, @FILE, or - for stdin; without one it is {}. A function that fails prints its error "
          "without\n"
          "being asked, and the exit code is 1, or 124 when its time was over.\n"
          "--local needs no daemon: the library runs in this process, outside any sandbox, so that gdb,\n"
          "valgrind or a sanitizer can watch; NAME is then only what the handler is told.\n",
      .flags = {{"--payload", "TEXT", "the payload, as an alternative to the second word"},
                {"--async", "", "queue the event and return at once; it is retried when it fails"},
                {"--key", "TEXT",
                 "with --async: the same key again runs nothing, and names the first request"},
                {"--version", "VERSION", "a published version or $LATEST"},
                {"--no-logs", "", "no log on stderr"},
                {"--local", "LIB[:SYMBOL]", "run this shared object here, without daemon and sandbox"}},
      .examples = {{"hearth invoke greet '{\"name\":\"Ada\"}'", ""},
                   {"hearth invoke greet --payload @event.json --async", ""},
                   {"gdb --args hearth invoke --local build/libgreet.so --payload '{}'", "no sandbox"}},
      .run = Invoke,
  }};
}

}  // namespace hearth::cli
