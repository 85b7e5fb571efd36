#include "runtime/cli/resources.h"
#include "runtime/cli/text_table.h"
#include "runtime/cli/verbs.h"

namespace hearth::cli {
namespace {

constexpr const char* kMappings = "/2015-03-31/event-source-mappings/";

std::string LastPart(const std::string& arn) { return arn.substr(arn.rfind(':') + 1); }

Result<ExitCode> SetEnabled(Session& session, const Arguments& arguments, const char* done, bool enabled) {
  HEARTH_ASSIGN(const Json mapping, FindMapping(session, arguments.Word(0), arguments.Word(1)));
  HEARTH_ASSIGN(const Json answer,
                session.Ask("PUT", kMappings + TextOf(mapping, "UUID"), {{"Enabled", enabled}}));
  if (session.wants_json()) {
    session.PrintJson(answer);
  } else {
    session.PrintLine("queue " + arguments.Word(0) + " -> function " + arguments.Word(1) + ": " + done);
  }
  return ExitCode::kOk;
}

Result<ExitCode> Pause(Session& session, const Arguments& arguments) {
  return SetEnabled(session, arguments, "paused; batches that run are finished", false);
}

Result<ExitCode> Resume(Session& session, const Arguments& arguments) {
  return SetEnabled(session, arguments, "resumed", true);
}

Result<std::string> TargetFor(const Session& session, const std::string& queue) {
  if (queue.empty()) return std::string(kMappings);
  HEARTH_ASSIGN(const std::string arn, QueueArn(session, queue));
  return std::string(kMappings) + "?EventSourceArn=" + PercentEncode(arn);
}

Result<ExitCode> List(Session& session, const Arguments& arguments) {
  HEARTH_ASSIGN(const std::string target, TargetFor(session, arguments.Word(0)));
  HEARTH_ASSIGN(const Json answer, session.AskPages(target, "EventSourceMappings"));
  if (session.wants_json()) {
    session.PrintJson(answer);
    return ExitCode::kOk;
  }
  TextTable table({{"QUEUE"},
                   {"FUNCTION"},
                   {"STATE"},
                   {"BATCH", Align::kRight},
                   {"IN FLIGHT", Align::kRight},
                   {"AT MOST", Align::kRight},
                   {"DELETED", Align::kRight},
                   {"FAILED", Align::kRight},
                   {"FILTERED", Align::kRight},
                   {"THROTTLED", Align::kRight},
                   {"LAST ERROR"}});
  for (const Json& mapping : answer.value("EventSourceMappings", Json::array())) {
    const Json status = mapping.value("HearthStatus", Json::object());
    table.Add({LastPart(TextOf(mapping, "EventSourceArn")), LastPart(TextOf(mapping, "FunctionArn")),
               TextOf(mapping, "State"), TextOf(mapping, "BatchSize"), TextOf(status, "MessagesInFlight"),
               TextOf(status, "MaxInFlight"), TextOf(status, "MessagesDeleted"),
               TextOf(status, "MessagesFailed"), TextOf(status, "Filtered"), TextOf(status, "Throttled"),
               Printable(TextOf(status, "LastError"))});
  }
  session.out() << table.Text();
  if (table.Text().empty())
    session.Note("no queue feeds a function; make it so with: hearth queue connect QUEUE FUNCTION");
  return ExitCode::kOk;
}

}  // namespace

std::vector<Command> QueueMappingCommands() {
  return {
      {.name = "queue mappings",
       .positionals = {"[QUEUE]"},
       .summary = "List which queues feed which functions, and how that goes",
       .details =
           "Numbers are of messages, since the daemon's start; AT MOST is batch size times concurrency.\n",
       .flags = {},
       .examples = {{"hearth queue mappings orders", ""}},
       .run = List},
      {.name = "queue pause",
       .positionals = {"QUEUE", "FUNCTION"},
       .summary = "Stop feeding a queue to a function for a while",
       .details = "Messages stay in the queue. Batches that run are finished.\n",
       .flags = {},
       .examples = {{"hearth queue pause orders queue_orders", ""}},
       .run = Pause},
      {.name = "queue resume",
       .positionals = {"QUEUE", "FUNCTION"},
       .summary = "Go on feeding a queue to a function",
       .details = "",
       .flags = {},
       .examples = {{"hearth queue resume orders queue_orders", ""}},
       .run = Resume},
  };
}

}  // namespace hearth::cli
