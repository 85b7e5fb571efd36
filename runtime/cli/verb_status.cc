#include <utility>

#include "runtime/cli/text_table.h"
#include "runtime/cli/verbs.h"

namespace hearth::cli {
namespace {

// "on-demand", "dedicated rsv-1,ded-1".
std::string PlanOf(const Json& version) {
  std::string text = TextOf(version, "plan");
  char before = ' ';
  for (const Json& commitment : version.value("commitments", Json::array())) {
    text += std::exchange(before, ',') + commitment.get<std::string>();
  }
  return text;
}

// "3 ms", "41 s".
std::string AgeOf(const Json& worker) {
  constexpr int64_t kMsPerS = 1'000;
  const auto ms = static_cast<int64_t>(NumberOf(worker, "for_ms"));
  return ms < 10 * kMsPerS ? std::to_string(ms) + " ms" : std::to_string(ms / kMsPerS) + " s";
}

// Of the idle ones; "hot" where one is kept because the function needs new ones again and again.
std::string SpareOf(const Json& version) {
  return TextOf(version, "spare") + (version.value("hot", false) ? " hot" : "");
}

std::string EachText(const Json& answer) {
  TextTable table(
      {{"FUNCTION"}, {"VERSION"}, {"WORKER", Align::kRight}, {"STATE"}, {"FOR", Align::kRight}, {"WHY"}});
  for (const Json& version : answer.value("versions", Json::array())) {
    for (const Json& worker : version.value("workers", Json::array())) {
      table.Add({TextOf(version, "function"), TextOf(version, "version"), TextOf(worker, "id"),
                 TextOf(worker, "state"), AgeOf(worker), TextOf(worker, "why")});
    }
  }
  return table.Text();
}

Result<ExitCode> Workers(Session& session, const Arguments& arguments) {
  const bool each = arguments.Has("--each");
  HEARTH_ASSIGN(const Json answer,
                session.Ask("GET", std::string("/_hearth/v1/workers") + (each ? "?each=1" : "")));
  if (session.wants_json()) {
    session.PrintJson(answer);
    return ExitCode::kOk;
  }
  if (each) {
    session.out() << Printable(EachText(answer));
    return ExitCode::kOk;
  }
  TextTable table({{"FUNCTION"},
                   {"VERSION"},
                   {"STARTING", Align::kRight},
                   {"IDLE", Align::kRight},
                   {"SPARE", Align::kRight},
                   {"FROZEN", Align::kRight},
                   {"BUSY", Align::kRight},
                   {"WAITING", Align::kRight},
                   {"MAX", Align::kRight},
                   {"RESERVED", Align::kRight},
                   {"PLAN"},
                   {"STATE"}});
  for (const Json& version : answer.value("versions", Json::array())) {
    table.Add({TextOf(version, "function"), TextOf(version, "version"), TextOf(version, "starting"),
               TextOf(version, "idle"), SpareOf(version), TextOf(version, "frozen"), TextOf(version, "busy"),
               TextOf(version, "waiting"), TextOf(version, "workers_max"), TextOf(version, "reserved"),
               PlanOf(version), version.value("draining", false) ? "draining" : "serving"});
  }
  session.out() << table.Text();
  if (table.Text().empty()) session.Note("no workers; the first invocation starts one");
  const Json blanks = answer.value("blank_sandboxes", Json::object());
  if (NumberOf(blanks, "wanted") > 0) {
    session.Note("blank sandboxes: " + TextOf(blanks, "ready") + " of " + TextOf(blanks, "wanted") +
                 " ready, " + TextOf(blanks, "memory_mib") + " MiB (the platform's, not billed)");
  }
  return ExitCode::kOk;
}

std::string IsolationNotes(const Json& info) {
  const Json missing = info.value("isolation_missing", Json());
  if (missing.is_string()) return missing.get<std::string>();
  if (!missing.is_array()) return "";
  std::string text;
  for (const Json& one : missing) {
    text += (text.empty() ? "" : "; ") + (one.is_string() ? one.get<std::string>() : DumpJson(one));
  }
  return text;
}

// Ready or not is said after what is known, so that a daemon in trouble can still be looked at.
Result<ExitCode> Info(Session& session, const Arguments&) {
  HEARTH_ASSIGN(Json info, session.Ask("GET", "/_hearth/v1/info"));
  const auto ready = session.client().Ask({.target = "/readyz"});
  if (!ready.ok()) return ready.error();
  const bool is_ready = ready->status == 200;
  const Json reason = Json::parse(ready->body, nullptr, /*allow_exceptions=*/false);
  if (session.wants_json()) {
    info["ready"] = is_ready;
    session.PrintJson(info);
    return is_ready ? ExitCode::kOk : ExitCode::kPlatform;
  }
  TextTable table({{"HEARTHD"}, {TextOf(info, "version")}});
  table.Add({"ready", is_ready ? "yes" : "no: " + TextOf(reason, "reason")});
  table.Add({"functions at", "http://" + TextOf(info, "data_address")});
  table.Add({"control at", "http://" + TextOf(info, "control_address")});
  table.Add({"data folder", TextOf(info, "data_folder")});
  table.Add({"account, region", TextOf(info, "account") + ", " + TextOf(info, "region")});
  table.Add({"isolation level", TextOf(info, "isolation_level")});
  table.Add({"isolation notes", IsolationNotes(info)});
  const Json limits = info.value("limits", Json::object());
  for (const auto& [name, value] : limits.items()) {
    table.Add({"limit " + name, DumpJson(value)});
  }
  session.out() << table.Text();
  return is_ready ? ExitCode::kOk : ExitCode::kPlatform;
}

}  // namespace

std::vector<Command> StatusCommands() {
  return {
      {.name = "ps",
       .positionals = {},
       .summary = "Show the workers of each function version",
       .details =
           "Frozen ones are counted among the idle: none of their threads runs until their next event.\n",
       .flags = {{"--each", "", "each worker: its state, for how long, and what brought it there"}},
       .examples = {{"hearth ps", ""}, {"hearth ps --each", ""}},
       .run = Workers},
      {.name = "info",
       .positionals = {},
       .summary = "Show the daemon: version, addresses, isolation of workers, limits",
       .details = "The isolation level is what this host gives; the notes name what it does not give.\n"
                  "The exit code is 3 when the daemon is not ready.\n",
       .flags = {},
       .examples = {{"hearth info", ""}},
       .run = Info},
  };
}

}  // namespace hearth::cli
