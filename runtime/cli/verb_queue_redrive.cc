#include <chrono>
#include <thread>

#include "runtime/cli/resources.h"
#include "runtime/cli/verbs.h"

namespace hearth::cli {
namespace {

constexpr int64_t kPerSecondMax = 500;                     // SQS's
constexpr std::chrono::milliseconds kLookAgainAfter{250};  // while waiting

Result<Json> TasksOf(const Session& session, const std::string& arn) {
  HEARTH_ASSIGN(const Json answer,
                session.AskSqs("ListMessageMoveTasks", {{"SourceArn", arn}, {"MaxResults", 10}}));
  return answer.value("Results", Json::array());
}

bool IsUnderWay(const Json& task) {
  const std::string status = TextOf(task, "Status");
  return status == "RUNNING" || status == "CANCELLING";
}

Result<ExitCode> Wait(Session& session, const std::string& arn) {
  std::string said;
  while (true) {
    HEARTH_ASSIGN(const Json tasks, TasksOf(session, arn));
    if (tasks.empty()) return Error{ErrorCode::kUnavailable, "the daemon no longer knows the task"};
    const Json task = tasks[0];  // the newest
    const std::string text = MoveTaskText(task);
    if (IsUnderWay(task)) {
      if (text != said) session.Note(text);
      said = text;
      std::this_thread::sleep_for(kLookAgainAfter);
      continue;
    }
    session.wants_json() ? session.PrintJson(task) : session.PrintLine(text);
    if (TextOf(task, "Status") == "COMPLETED") return ExitCode::kOk;
    return Error{ErrorCode::kUnavailable, "the messages were not all moved: " + text};
  }
}

Result<ExitCode> Cancel(Session& session, const std::string& arn) {
  HEARTH_ASSIGN(const Json tasks, TasksOf(session, arn));
  for (const Json& task : tasks) {
    if (TextOf(task, "Status") != "RUNNING") continue;
    HEARTH_ASSIGN(const Json answer,
                  session.AskSqs("CancelMessageMoveTask", {{"TaskHandle", TextOf(task, "TaskHandle")}}));
    session.wants_json()
        ? session.PrintJson(answer)
        : session.PrintLine("cancelled after " + TextOf(answer, "ApproximateNumberOfMessagesMoved") +
                            " messages");
    return ExitCode::kOk;
  }
  return Error{ErrorCode::kNotFound, "no messages of this queue are being moved"};
}

Result<ExitCode> Redrive(Session& session, const Arguments& arguments) {
  HEARTH_ASSIGN(const auto rate, arguments.Number("--rate", 1, kPerSecondMax));
  HEARTH_ASSIGN(const std::string arn, QueueArn(session, arguments.Word(0)));
  if (arguments.Has("--cancel")) return Cancel(session, arn);
  Json request = {{"SourceArn", arn}};
  if (rate) request["MaxNumberOfMessagesPerSecond"] = *rate;
  if (arguments.Has("--to")) {
    HEARTH_ASSIGN(request["DestinationArn"], QueueArn(session, arguments.Text("--to")));
  }
  HEARTH_ASSIGN(const Json started, session.AskSqs("StartMessageMoveTask", request));
  if (arguments.Has("--wait")) return Wait(session, arn);
  if (session.wants_json()) {
    session.PrintJson(started);
  } else {
    session.PrintLine("moving messages of " + arguments.Word(0) + " back; see: hearth queue describe " +
                      arguments.Word(0));
  }
  return ExitCode::kOk;
}

}  // namespace

std::string MoveTaskText(const Json& task) {
  std::string text = TextOf(task, "Status");
  for (char& c : text) c = static_cast<char>(c >= 'A' && c <= 'Z' ? c + 32 : c);
  text += ": " + TextOf(task, "ApproximateNumberOfMessagesMoved") + " of about " +
          TextOf(task, "ApproximateNumberOfMessagesToMove") + " messages moved";
  const std::string destination = TextOf(task, "DestinationArn");
  if (!destination.empty()) text += " to " + destination.substr(destination.rfind(':') + 1);
  const std::string reason = TextOf(task, "FailureReason");
  return reason.empty() ? text : text + " (" + reason + ")";
}

std::vector<Command> QueueRedriveCommands() {
  return {
      {.name = "queue redrive",
       .positionals = {"QUEUE"},
       .summary = "Move a dead-letter queue's messages back to where they came from",
       .details =
           "It goes on in the daemon, also over a restart. With --wait its progress is shown, and the exit\n"
           "code says whether it completed (0) or was cancelled or failed (3).\n",
       .flags = {{"--to", "QUEUE", "move them there instead"},
                 {"--rate", "N", "at most so many a second, 1 to 500 (as fast as it goes)"},
                 {"--wait", "", "wait until it has ended, and show how far it is"},
                 {"--cancel", "", "stop the one that is under way; what was moved stays moved"}},
       .examples = {{"hearth queue redrive orders-dead --wait", ""},
                    {"hearth queue redrive orders-dead --to orders --rate 20", ""}},
       .run = Redrive}};
}

}  // namespace hearth::cli
