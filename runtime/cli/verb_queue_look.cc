#include "runtime/cli/resources.h"
#include "runtime/cli/text_table.h"
#include "runtime/cli/verbs.h"

namespace hearth::cli {
namespace {

constexpr int64_t kPeekMax = 100;
constexpr const char* kQueuesWithRates = "/_hearth/v1/queues?rates=1";

std::string AgeText(double age_ms) {
  const double age_s = age_ms / 1000;
  if (age_s < 120) return Decimals(age_s, 1) + " s";
  return age_s < 7200 ? Decimals(age_s / 60, 1) + " min" : Decimals(age_s / 3600, 1) + " h";
}

std::string DeadLettersText(const Json& queue) {
  const std::string dead = TextOf(queue, "dead_letter_queue");
  return dead.empty() ? "" : dead + " after " + TextOf(queue, "receives_max");
}

std::string RateText(const Json& queue, const char* member) {
  return Decimals(NumberOf(queue, member), 1) + "/s";
}

Result<ExitCode> List(Session& session, const Arguments&) {
  HEARTH_ASSIGN(const Json answer, session.Ask("GET", kQueuesWithRates));
  if (session.wants_json()) {
    session.PrintJson(answer);
    return ExitCode::kOk;
  }
  TextTable table({{"QUEUE"},
                   {"VISIBLE", Align::kRight},
                   {"IN FLIGHT", Align::kRight},
                   {"DELAYED", Align::kRight},
                   {"OLDEST", Align::kRight},
                   {"SENT", Align::kRight},
                   {"RECEIVED", Align::kRight},
                   {"DEAD LETTERS TO"}});
  for (const Json& queue : answer.value("queues", Json::array())) {
    table.Add({TextOf(queue, "name"), TextOf(queue, "visible"), TextOf(queue, "in_flight"),
               TextOf(queue, "delayed"), AgeText(NumberOf(queue, "oldest_age_ms")),
               RateText(queue, "sent_per_s"), RateText(queue, "received_per_s"), DeadLettersText(queue)});
  }
  session.out() << table.Text();
  if (table.Text().empty()) session.Note("no queues; make one with: hearth queue create NAME");
  return ExitCode::kOk;
}

// The queue's numbers among those of all; an object without members when it has just been removed.
Result<Json> FiguresOf(const Session& session, const std::string& name) {
  HEARTH_ASSIGN(const Json answer, session.Ask("GET", kQueuesWithRates));
  for (const Json& queue : answer.value("queues", Json::array())) {
    if (TextOf(queue, "name") == name) return queue;
  }
  return Json::object();
}

Result<Json> Describe(const Session& session, const std::string& name) {
  const Json queue = {{"QueueUrl", name}};
  HEARTH_ASSIGN(Json out,
                session.AskSqs("GetQueueAttributes", {{"QueueUrl", name}, {"AttributeNames", {"All"}}}));
  HEARTH_ASSIGN(out["Figures"], FiguresOf(session, name));
  HEARTH_ASSIGN(const Json tags, session.AskSqs("ListQueueTags", queue));
  if (tags.contains("Tags")) out["Tags"] = tags["Tags"];
  HEARTH_ASSIGN(const std::string arn, QueueArn(session, name));
  HEARTH_ASSIGN(const Json mappings,
                session.AskPages("/2015-03-31/event-source-mappings/?EventSourceArn=" + PercentEncode(arn),
                                 "EventSourceMappings"));
  out["EventSourceMappings"] = mappings.value("EventSourceMappings", Json::array());
  HEARTH_ASSIGN(const Json sources, session.AskSqs("ListDeadLetterSourceQueues", queue));
  if (!sources.contains("queueUrls")) return out;
  out["DeadLetterSources"] = sources["queueUrls"];
  HEARTH_ASSIGN(const Json moves,
                session.AskSqs("ListMessageMoveTasks", {{"SourceArn", arn}, {"MaxResults", 10}}));
  out["MoveTasks"] = moves.value("Results", Json::array());
  return out;
}

void AddMappings(TextTable& table, const Json& mappings) {
  for (const Json& mapping : mappings) {
    const Json status = mapping.value("HearthStatus", Json::object());
    const std::string arn = TextOf(mapping, "FunctionArn");
    const std::string error = TextOf(status, "LastError");
    table.Add({"feeds " + arn.substr(arn.rfind(':') + 1),
               TextOf(mapping, "State") + ", batches of " + TextOf(mapping, "BatchSize") + ", " +
                   TextOf(status, "MessagesInFlight") + " of at most " + TextOf(status, "MaxInFlight") +
                   " messages in flight" + (error.empty() ? "" : "; " + Printable(error))});
  }
}

Result<ExitCode> PrintDescription(Session& session, const Arguments& arguments) {
  const std::string name = arguments.Word(0);
  HEARTH_ASSIGN(const Json described, Describe(session, name));
  if (session.wants_json()) {
    session.PrintJson(described);
    return ExitCode::kOk;
  }
  const Json figures = described.value("Figures", Json::object());
  TextTable table({{"QUEUE"}, {name}});
  table.Add({"messages", TextOf(figures, "visible") + " visible, " + TextOf(figures, "in_flight") +
                             " in flight, " + TextOf(figures, "delayed") + " delayed"});
  table.Add({"oldest", AgeText(NumberOf(figures, "oldest_age_ms"))});
  table.Add({"now", RateText(figures, "sent_per_s") + " sent, " + RateText(figures, "received_per_s") +
                        " received, " + RateText(figures, "deleted_per_s") + " deleted"});
  table.Add({"since start", TextOf(figures, "sent") + " sent, " + TextOf(figures, "received") +
                                " received, " + TextOf(figures, "deleted") + " deleted, " +
                                TextOf(figures, "dead_lettered") + " dead"});
  if (!DeadLettersText(figures).empty())
    table.Add({"dead letters to", DeadLettersText(figures) + " receives"});
  AddMappings(table, described.value("EventSourceMappings", Json::array()));
  for (const Json& url : described.value("DeadLetterSources", Json::array())) {
    const auto text = url.get<std::string>();
    table.Add({"dead letters of", text.substr(text.rfind('/') + 1)});
  }
  for (const Json& task : described.value("MoveTasks", Json::array()))
    table.Add({"redrive", MoveTaskText(task)});
  const Json attributes = described.value("Attributes", Json::object());
  for (const auto& [attribute, value] : attributes.items()) table.Add({attribute, value.get<std::string>()});
  const Json tags = described.value("Tags", Json::object());
  for (const auto& [key, value] : tags.items()) table.Add({"tag " + key, value.get<std::string>()});
  session.out() << table.Text();
  return ExitCode::kOk;
}

Result<ExitCode> Peek(Session& session, const Arguments& arguments) {
  HEARTH_ASSIGN(const auto most, arguments.Number("--max", 1, kPeekMax));
  HEARTH_ASSIGN(const Json answer,
                session.Ask("GET", "/_hearth/v1/queues/" + PercentEncode(arguments.Word(0)) +
                                       "/messages?max=" + std::to_string(most.value_or(1))));
  if (session.wants_json()) {
    session.PrintJson(answer);
    return ExitCode::kOk;
  }
  const Json messages = answer.value("Messages", Json::array());
  for (const Json& message : messages) session.PrintLine(Printable(TextOf(message, "Body")));
  if (messages.empty()) session.Note("no visible message");
  return ExitCode::kOk;
}

}  // namespace

std::vector<Command> QueueLookCommands() {
  return {
      {.name = "queue ls",
       .positionals = {},
       .summary = "List the queues and how full they are",
       .details =
           "Rates are of the last second, or of the time since they were last asked for, up to a minute.\n",
       .flags = {},
       .examples = {{"hearth queue ls", ""}},
       .run = List},
      {.name = "queue describe",
       .positionals = {"QUEUE"},
       .summary = "Show a queue's numbers, rates, functions, dead letters, attributes and tags",
       .details = "",
       .flags = {},
       .examples = {{"hearth queue describe orders", ""}},
       .run = PrintDescription},
      {.name = "queue peek",
       .positionals = {"QUEUE"},
       .summary = "Print messages without receiving them",
       .details = "Nothing is hidden from anybody, and no receive is counted.\n",
       .flags = {{"--max", "N", "at most so many, 1 to 100 (1)"}},
       .examples = {{"hearth queue peek orders-dead --max 10", ""}},
       .run = Peek},
  };
}

}  // namespace hearth::cli
