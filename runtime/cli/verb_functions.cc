#include "runtime/cli/deployment.h"
#include "runtime/cli/resources.h"
#include "runtime/cli/text_table.h"
#include "runtime/cli/verbs.h"

namespace hearth::cli {
namespace {

// "2026-11-23T09:11:50.911+0000" -> "2026-11-23 09:11:50"
std::string ShortTime(std::string time) {
  if (time.size() < 19) return time;
  time[10] = ' ';
  return time.substr(0, 19);
}

Result<ExitCode> List(Session& session, const Arguments&) {
  HEARTH_ASSIGN(const Json page, session.AskPages("/2015-03-31/functions/", "Functions"));
  if (session.wants_json()) {
    session.PrintJson(page);
    return ExitCode::kOk;
  }
  TextTable table({{"NAME"},
                   {"HANDLER"},
                   {"MEMORY", Align::kRight},
                   {"TIMEOUT", Align::kRight},
                   {"CODE", Align::kRight},
                   {"MODIFIED (UTC)"}});
  for (const Json& function : page["Functions"]) {
    table.Add({TextOf(function, "FunctionName"), TextOf(function, "Handler"),
               TextOf(function, "MemorySize") + " MB", TextOf(function, "Timeout") + " s",
               SizeText(static_cast<uint64_t>(NumberOf(function, "CodeSize"))),
               ShortTime(TextOf(function, "LastModified"))});
  }
  session.out() << table.Text();
  if (page["Functions"].empty()) session.Note("no functions yet; make one with: hearth init NAME");
  return ExitCode::kOk;
}

void AddMembers(TextTable& table, const Json& configuration) {
  for (const auto& [label, member] :
       {std::pair("name", "FunctionName"), std::pair("arn", "FunctionArn"), std::pair("state", "State"),
        std::pair("handler", "Handler"), std::pair("version", "Version"),
        std::pair("description", "Description"), std::pair("code sha256", "CodeSha256"),
        std::pair("modified", "LastModified")}) {
    if (const std::string text = TextOf(configuration, member); !text.empty()) table.Add({label, text});
  }
  table.Add({"memory", TextOf(configuration, "MemorySize") + " MB"});
  table.Add({"timeout", TextOf(configuration, "Timeout") + " s"});
  table.Add({"code size", SizeText(static_cast<uint64_t>(NumberOf(configuration, "CodeSize")))});
}

void AddHearthMembers(TextTable& table, const Json& configuration) {
  const Json variables =
      configuration.value("Environment", Json::object()).value("Variables", Json::object());
  for (const auto& [name, value] : variables.items()) {
    table.Add({"env " + name, value.is_string() ? value.get<std::string>() : DumpJson(value)});
  }
  const Json hearth = configuration.value("Hearth", Json::object());
  for (const Json& bucket : hearth.value("Buckets", Json::array())) {
    table.Add(
        {"bucket " + TextOf(bucket, "Bucket"), bucket.value("Writable", false) ? "read and write" : "read"});
  }
  for (const Json& layer : configuration.value("Layers", Json::array())) {
    const std::string arn = TextOf(layer, "Arn");
    table.Add({"layer", arn.substr(arn.find(":layer:") + 7)});
  }
  for (const Json& use : hearth.value("Secrets", Json::array()))
    table.Add({"secret", use.get<std::string>()});
  table.Add({"isolation", hearth.value("Isolation", "instance")});
  const Json snap_start = configuration.value("SnapStart", Json::object());
  if (snap_start.value("ApplyOn", "None") != "None") {
    const bool is_on = snap_start.value("OptimizationStatus", "Off") == "On";
    table.Add({"snap start",
               is_on ? "on: workers are copies of one that is initialised" : "of published versions"});
  }
  const Json logging = configuration.value("LoggingConfig", Json::object());
  std::string format = TextOf(logging, "LogFormat");
  if (const std::string level = TextOf(logging, "ApplicationLogLevel"); !level.empty())
    format += ", from " + level + "; the platform's from " + TextOf(logging, "SystemLogLevel");
  table.Add({"log format", format});
  table.Add({"network", NetworkOf(configuration)});
}

// URL and queues of the function; an error here leaves them out, since the function itself was found.
void AddTriggers(TextTable& table, const Session& session, const std::string& name) {
  const auto url = session.Ask("GET", "/2021-10-31/functions/" + PercentEncode(name) + "/url");
  if (url.ok()) table.Add({"url", TextOf(*url, "FunctionUrl") + "  (" + TextOf(*url, "AuthType") + ")"});
  const auto mappings = session.AskPages(
      "/2015-03-31/event-source-mappings/?FunctionName=" + PercentEncode(name), "EventSourceMappings");
  if (!mappings.ok()) return;
  for (const Json& mapping : (*mappings)["EventSourceMappings"]) {
    const std::string arn = TextOf(mapping, "EventSourceArn");
    table.Add({"queue " + arn.substr(arn.rfind(':') + 1),
               TextOf(mapping, "State") + ", batches of " + TextOf(mapping, "BatchSize")});
  }
}

// Its workers, and what commitments keep of them.
void AddWorkers(TextTable& table, const Session& session, const std::string& name) {
  const auto answer = session.Ask("GET", "/_hearth/v1/workers");
  if (!answer.ok()) return;
  for (const Json& pool : answer->value("versions", Json::array())) {
    if (TextOf(pool, "function") != name || pool.value("draining", false)) continue;
    std::string plan = TextOf(pool, "plan");
    if (!TextOf(pool, "cpus").empty()) plan += " on processors " + TextOf(pool, "cpus");
    if (NumberOf(pool, "reserved") > 0) plan += ", " + TextOf(pool, "reserved") + " reserved";
    for (const Json& commitment : pool.value("commitments", Json::array()))
      plan += ", " + commitment.get<std::string>();
    table.Add({"plan of " + TextOf(pool, "version"), plan});
    table.Add({"workers of " + TextOf(pool, "version"), TextOf(pool, "busy") + " busy, " +
                                                            TextOf(pool, "idle") + " idle (" +
                                                            TextOf(pool, "frozen") + " frozen)"});
  }
  for (const Json& chosen : answer->value("chosen_isolations", Json::array())) {
    if (TextOf(chosen, "function") == name)
      table.Add({"isolation is", TextOf(chosen, "isolation") + ": " + TextOf(chosen, "why")});
  }
  for (const std::string& warning : MountWarningsOf(*answer, name)) table.Add({"warning", warning});
}

Result<ExitCode> Describe(Session& session, const Arguments& arguments) {
  const std::string name = arguments.Word(0);
  HEARTH_ASSIGN(const Json answer, session.Ask("GET", FunctionPath(name)));
  if (session.wants_json()) {
    session.PrintJson(answer);
    return ExitCode::kOk;
  }
  const Json configuration = answer.value("Configuration", Json::object());
  TextTable table({{"FUNCTION"}, {name}});
  AddMembers(table, configuration);
  AddHearthMembers(table, configuration);
  const Json tags = answer.value("Tags", Json::object());
  for (const auto& [key, value] : tags.items()) table.Add({"tag " + key, value.get<std::string>()});
  AddTriggers(table, session, name);
  AddWorkers(table, session, name);
  table.Add({"code", TextOf(answer.value("Code", Json::object()), "Location")});
  session.out() << Printable(table.Text());
  return ExitCode::kOk;
}

Result<ExitCode> Remove(Session& session, const Arguments& arguments) {
  HEARTH_ASSIGN(const Json answer, session.Ask("DELETE", FunctionPath(arguments.Word(0))));
  if (session.wants_json()) {
    session.PrintJson(answer);
  } else {
    session.PrintLine("removed " + arguments.Word(0));
  }
  return ExitCode::kOk;
}

}  // namespace

std::vector<Command> FunctionCommands() {
  return {
      {.name = "ls",
       .positionals = {},
       .summary = "List the functions",
       .details = "",
       .flags = {},
       .examples = {{"hearth ls", ""}, {"hearth ls --json | jq '.Functions[].FunctionName'", ""}},
       .run = List},
      {.name = "describe",
       .positionals = {"NAME"},
       .summary = "Show a function's settings, code, URL and queues",
       .details = "",
       .flags = {},
       .examples = {{"hearth describe greet", ""}},
       .run = Describe},
      {.name = "rm",
       .positionals = {"NAME"},
       .summary = "Remove a function, its versions, URL, routes and queue connections",
       .details = "NAME:2 removes the published version 2 alone. What it was billed stays in the ledger.\n",
       .flags = {},
       .examples = {{"hearth rm greet", ""}},
       .run = Remove},
  };
}

}  // namespace hearth::cli
