#include "runtime/cli/payload.h"
#include "runtime/cli/resources.h"
#include "runtime/cli/verbs.h"

namespace hearth::cli {
namespace {

// SQS's own ranges.
constexpr int64_t kVisibilityMax = 43'200, kDelayMax = 900, kRetentionMin = 60, kRetentionMax = 1'209'600;
constexpr int64_t kBytesMin = 1'024, kBytesMax = 1'048'576;
constexpr int64_t kReceiveMax = 10, kWaitMax = 20, kBatchMax = 10'000, kWindowMax = 300;

// Prints the API's answer, or the line for people.
Result<ExitCode> Done(Session& session, const Json& answer, const std::string& line) {
  if (session.wants_json()) {
    session.PrintJson(answer);
  } else {
    session.PrintLine(line);
  }
  return ExitCode::kOk;
}

Json QueueNamed(const std::string& name) { return {{"QueueUrl", name}}; }  // the API reads a URL's last part

Status AddAttribute(const Arguments& arguments, const std::string& flag, const char* attribute, int64_t least,
                    int64_t most, Json& attributes) {
  HEARTH_ASSIGN(const auto value, arguments.Number(flag, least, most));
  if (value) attributes[attribute] = std::to_string(*value);
  return Ok();
}

Status AddFifo(const Arguments& arguments, Json& attributes) {
  const bool named_so = arguments.Word(0).ends_with(".fifo");
  if (arguments.Has("--fifo") != named_so) {
    return UsageError("a FIFO queue has --fifo and a name that ends in .fifo, and no other queue has");
  }
  if (arguments.Has("--deduplicate-content") && !named_so)
    return UsageError("--deduplicate-content is for FIFO queues: --fifo");
  if (named_so) attributes["FifoQueue"] = "true";
  if (arguments.Has("--deduplicate-content")) attributes["ContentBasedDeduplication"] = "true";
  return Ok();
}

Result<Json> AttributesFor(const Session& session, const Arguments& arguments) {
  Json attributes = Json::object();
  HEARTH_TRY(AddAttribute(arguments, "--visibility", "VisibilityTimeout", 0, kVisibilityMax, attributes));
  HEARTH_TRY(AddAttribute(arguments, "--delay", "DelaySeconds", 0, kDelayMax, attributes));
  HEARTH_TRY(AddAttribute(arguments, "--retention", "MessageRetentionPeriod", kRetentionMin, kRetentionMax,
                          attributes));
  HEARTH_TRY(AddAttribute(arguments, "--max-bytes", "MaximumMessageSize", kBytesMin, kBytesMax, attributes));
  HEARTH_TRY(AddFifo(arguments, attributes));
  HEARTH_ASSIGN(const auto receives, arguments.Number("--receives", 1, 1000));
  if (arguments.Has("--dead-letter") != receives.has_value()) {
    return UsageError(
        "--dead-letter and --receives come together: where messages go, and after how many receives");
  }
  if (!receives) return attributes;
  HEARTH_ASSIGN(const std::string arn, QueueArn(session, arguments.Text("--dead-letter")));
  attributes["RedrivePolicy"] =
      DumpJson({{"deadLetterTargetArn", arn}, {"maxReceiveCount", std::to_string(*receives)}});
  return attributes;
}

Result<ExitCode> Create(Session& session, const Arguments& arguments) {
  const std::string name = arguments.Word(0);
  HEARTH_ASSIGN(const Json attributes, AttributesFor(session, arguments));
  HEARTH_ASSIGN(const Json made,
                session.AskSqs("CreateQueue", {{"QueueName", name}, {"Attributes", attributes}}));
  return Done(session, made, "queue " + name + ": " + TextOf(made, "QueueUrl"));
}

Result<ExitCode> Send(Session& session, const Arguments& arguments) {
  HEARTH_ASSIGN(const std::string body, ReadPayload(arguments.Word(1)));
  HEARTH_ASSIGN(const auto delay, arguments.Number("--delay", 0, kDelayMax));
  Json request = QueueNamed(arguments.Word(0));
  request["MessageBody"] = body;
  if (delay) request["DelaySeconds"] = *delay;
  if (arguments.Has("--group")) request["MessageGroupId"] = arguments.Text("--group");
  if (arguments.Has("--deduplication-id"))
    request["MessageDeduplicationId"] = arguments.Text("--deduplication-id");
  for (const std::string& pair : arguments.All("--attribute")) {
    const size_t equals = pair.find('=');
    if (equals == std::string::npos || equals == 0)
      return UsageError("--attribute " + pair + ": give NAME=VALUE");
    request["MessageAttributes"][pair.substr(0, equals)] = {{"DataType", "String"},
                                                            {"StringValue", pair.substr(equals + 1)}};
  }
  HEARTH_ASSIGN(const Json sent, session.AskSqs("SendMessage", request));
  return Done(session, sent, "sent " + TextOf(sent, "MessageId"));
}

Result<ExitCode> Receive(Session& session, const Arguments& arguments) {
  HEARTH_ASSIGN(const auto count, arguments.Number("--max", 1, kReceiveMax));
  HEARTH_ASSIGN(const auto wait, arguments.Number("--wait", 0, kWaitMax));
  HEARTH_ASSIGN(const auto visibility, arguments.Number("--visibility", 0, kVisibilityMax));
  const std::string name = arguments.Word(0);
  Json request = QueueNamed(name);
  request["MaxNumberOfMessages"] = count.value_or(1);
  request["MessageSystemAttributeNames"] = {"All"};
  request["MessageAttributeNames"] = {"All"};
  if (wait) request["WaitTimeSeconds"] = *wait;
  if (visibility) request["VisibilityTimeout"] = *visibility;
  HEARTH_ASSIGN(const Json received, session.AskSqs("ReceiveMessage", request));
  if (session.wants_json()) session.PrintJson(received);
  for (const Json& message : received.value("Messages", Json::array())) {
    if (!session.wants_json()) session.PrintLine(TextOf(message, "Body"));
    if (!arguments.Has("--delete")) continue;
    Json done = QueueNamed(name);
    done["ReceiptHandle"] = TextOf(message, "ReceiptHandle");
    HEARTH_TRY(session.AskSqs("DeleteMessage", done));
  }
  if (!received.contains("Messages")) session.Note("no message");
  return ExitCode::kOk;
}

Result<ExitCode> Purge(Session& session, const Arguments& arguments) {
  HEARTH_ASSIGN(const Json answer, session.AskSqs("PurgeQueue", QueueNamed(arguments.Word(0))));
  return Done(session, answer, "queue " + arguments.Word(0) + " is empty");
}

Result<ExitCode> Remove(Session& session, const Arguments& arguments) {
  HEARTH_ASSIGN(const Json answer, session.AskSqs("DeleteQueue", QueueNamed(arguments.Word(0))));
  return Done(session, answer, "removed queue " + arguments.Word(0));
}

Result<ExitCode> Connect(Session& session, const Arguments& arguments) {
  QueueConnection connection{.queue = arguments.Word(0), .function = arguments.Word(1)};
  HEARTH_ASSIGN(connection.batch_size, arguments.Number("--batch", 1, kBatchMax));
  HEARTH_ASSIGN(connection.window_s, arguments.Number("--window", 0, kWindowMax));
  HEARTH_ASSIGN(connection.workers_max, arguments.Number("--workers", 2, 1000));
  connection.whole_batch = arguments.Has("--whole-batch");
  connection.bisect = arguments.Has("--bisect");
  connection.filters = arguments.All("--filter");
  HEARTH_ASSIGN(const Json mapping, ConnectQueue(session, connection));
  return Done(session, mapping,
              "queue " + connection.queue + " -> function " + connection.function + ", batches of " +
                  TextOf(mapping, "BatchSize") + " (" + TextOf(mapping, "UUID") + ")");
}

Result<ExitCode> Disconnect(Session& session, const Arguments& arguments) {
  HEARTH_ASSIGN(const Json mapping, FindMapping(session, arguments.Word(0), arguments.Word(1)));
  HEARTH_ASSIGN(const Json answer,
                session.Ask("DELETE", "/2015-03-31/event-source-mappings/" + TextOf(mapping, "UUID")));
  return Done(session, answer,
              "queue " + arguments.Word(0) + " no longer feeds function " + arguments.Word(1));
}

Command QueueCreate() {
  return {.name = "queue create",
          .positionals = {"QUEUE"},
          .summary = "Make a queue",
          .details =
              "A queue that exists with the same settings is left as it is; with others, that is refused.\n",
          .flags = {{"--visibility", "S", "a message that was received comes back after this (30)"},
                    {"--delay", "S", "a message can be received only after this (0)"},
                    {"--retention", "S", "a message is dropped after this (345600, four days)"},
                    {"--max-bytes", "N", "a message may have so many, attributes included (1048576)"},
                    {"--fifo", "", "keep the order of each message group; the name ends in .fifo"},
                    {"--deduplicate-content", "",
                     "FIFO: the same body within 5 minutes is one message, without an id"},
                    {"--dead-letter", "QUEUE", "where messages go that were received too often"},
                    {"--receives", "N", "how often that is"}},
          .examples = {{"hearth queue create orders --visibility 60", ""},
                       {"hearth queue create orders --dead-letter orders-dead --receives 5", ""},
                       {"hearth queue create payments.fifo --fifo", ""}},
          .run = Create};
}

Command QueueConnect() {
  return {
      .name = "queue connect",
      .positionals = {"QUEUE", "FUNCTION"},
      .summary = "Feed a queue's messages to a function, in batches",
      .details =
          "The function may name the messages that failed (SqsBatchResponse): they alone come back. Asked\n"
          "again, it changes the connection that there is.\n",
      .flags = {{"--batch", "N", "messages in a batch, at most (10)"},
                {"--window", "S", "wait so long for a batch to fill (0)"},
                {"--workers", "N", "workers at a time, at most"},
                {"--filter", "PATTERN", "only messages that match; others are deleted", Repeat::kMany},
                {"--bisect", "", "run a batch that failed again in halves, which is billed again"},
                {"--whole-batch", "",
                 "one failure brings the whole batch back; what the function names is ignored"}},
      .examples = {{"hearth queue connect orders queue_orders --batch 100 --window 1", ""}},
      .run = Connect};
}

}  // namespace

std::vector<Command> QueueCommands() {
  std::vector<Command> commands = {
      QueueCreate(),
      {.name = "queue send",
       .positionals = {"QUEUE", "MESSAGE"},
       .summary = "Send a message",
       .details = "MESSAGE is text, @FILE, or - for stdin.\n",
       .flags = {{"--delay", "S", "it can be received only after this"},
                 {"--attribute", "NAME=VALUE", "a text that travels beside it", Repeat::kMany},
                 {"--group", "ID", "its message group, which a FIFO queue keeps in order"},
                 {"--deduplication-id", "ID", "FIFO: the same id within 5 minutes is one message"}},
       .examples = {{"hearth queue send orders '{\"order\":\"A-17\",\"item\":\"teapot\",\"quantity\":2}'",
                     ""}},
       .run = Send},
      {.name = "queue receive",
       .positionals = {"QUEUE"},
       .summary = "Receive messages and print their bodies",
       .details = "What is received and not deleted comes back after the queue's visibility timeout.\n",
       .flags = {{"--max", "N", "at most so many, 1 to 10 (1)"},
                 {"--wait", "S", "wait so long for one, up to 20"},
                 {"--visibility", "S", "hide them for so long from others (the queue's)"},
                 {"--delete", "", "delete what was printed"}},
       .examples = {{"hearth queue receive orders-dead --max 10 --delete", ""}},
       .run = Receive},
      QueueConnect(),
      {.name = "queue disconnect",
       .positionals = {"QUEUE", "FUNCTION"},
       .summary = "Stop feeding a queue to a function",
       .details = "",
       .flags = {},
       .examples = {{"hearth queue disconnect orders queue_orders", ""}},
       .run = Disconnect},
      {.name = "queue purge",
       .positionals = {"QUEUE"},
       .summary = "Delete all messages of a queue",
       .details = "",
       .flags = {},
       .examples = {{"hearth queue purge orders", ""}},
       .run = Purge},
      {.name = "queue rm",
       .positionals = {"QUEUE"},
       .summary = "Remove a queue and its messages",
       .details = "",
       .flags = {},
       .examples = {{"hearth queue rm orders", ""}},
       .run = Remove},
  };
  for (const auto& more : {QueueMappingCommands(), QueueLookCommands(), QueueRedriveCommands()})
    commands.insert(commands.end(), more.begin(), more.end());
  return commands;
}

}  // namespace hearth::cli
