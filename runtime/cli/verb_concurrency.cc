#include "runtime/cli/resources.h"
#include "runtime/cli/text_table.h"
#include "runtime/cli/verbs.h"

namespace hearth::cli {
namespace {

constexpr int64_t kReservedMax = 1'000'000;
constexpr int64_t kProvisionedMax = 10'000;

std::string ReservedPath(const std::string& function) {
  return "/functions/" + PercentEncode(function) + "/concurrency";
}

std::string ProvisionedPath(const std::string& function, const std::string& version) {
  return "/2019-09-30/functions/" + PercentEncode(function) +
         "/provisioned-concurrency?Qualifier=" + PercentEncode(version);
}

Status SetReserved(const Session& session, const Arguments& arguments, const std::string& function) {
  if (arguments.Text("--reserved") == "none") {
    HEARTH_TRY(session.Ask("DELETE", "/2017-10-31" + ReservedPath(function)));
    return Ok();
  }
  HEARTH_ASSIGN(const auto reserved, arguments.Number("--reserved", 0, kReservedMax));
  if (!reserved) return Ok();
  HEARTH_TRY(session.Ask("PUT", "/2017-10-31" + ReservedPath(function),
                         {{"ReservedConcurrentExecutions", *reserved}}));
  return Ok();
}

Status SetProvisioned(const Session& session, const Arguments& arguments, const std::string& function,
                      const std::string& version) {
  if (!arguments.Has("--provisioned")) return Ok();
  if (version.empty()) {
    return UsageError("--provisioned is of a published version: name it, as " + function +
                      ":1. Workers of $LATEST are reserved with hearth plan buy");
  }
  if (arguments.Text("--provisioned") == "none") {
    HEARTH_TRY(session.Ask("DELETE", ProvisionedPath(function, version)));
    return Ok();
  }
  HEARTH_ASSIGN(const auto provisioned, arguments.Number("--provisioned", 1, kProvisionedMax));
  HEARTH_TRY(session.Ask("PUT", ProvisionedPath(function, version),
                         {{"ProvisionedConcurrentExecutions", *provisioned}}));
  return Ok();
}

// Flag, member, and the most that it takes.
struct Kept {
  const char* flag;
  const char* member;
  int64_t most;
};
constexpr Kept kKept[] = {{"--min", "WorkersMin", 1'000},
                          {"--spare", "WorkersSpare", 100},
                          {"--idle-time-out", "IdleTimeoutS", 86'400}};

std::string ScalingPath(const std::string& function) {
  return "/_hearth/v1/functions/" + PercentEncode(function) + "/scaling";
}

Status SetKept(const Session& session, const Arguments& arguments, const std::string& function) {
  Json change = Json::object();
  for (const Kept& kept : kKept) {
    if (!arguments.Has(kept.flag)) continue;
    change[kept.member] = nullptr;
    if (arguments.Text(kept.flag) == "none") continue;
    HEARTH_ASSIGN(const auto number, arguments.Number(kept.flag, 0, kept.most));
    change[kept.member] = *number;
  }
  if (change.empty()) return Ok();
  HEARTH_TRY(session.Ask("PUT", ScalingPath(function), change));
  return Ok();
}

Result<Json> Shown(const Session& session, const std::string& function) {
  HEARTH_ASSIGN(Json shown, session.Ask("GET", "/2019-09-30" + ReservedPath(function)));
  HEARTH_ASSIGN(const Json provisioned,
                session.Ask("GET", "/2019-09-30/functions/" + PercentEncode(function) +
                                       "/provisioned-concurrency?List=ALL"));
  HEARTH_ASSIGN(const Json kept, session.Ask("GET", ScalingPath(function)));
  shown.update(kept);
  shown["ProvisionedConcurrencyConfigs"] = provisioned.value("ProvisionedConcurrencyConfigs", Json::array());
  return shown;
}

std::string ReservedText(const Json& shown) {
  if (!shown.contains("ReservedConcurrentExecutions")) return "none: it shares what nobody has reserved";
  const std::string reserved = TextOf(shown, "ReservedConcurrentExecutions");
  return reserved == "0" ? "0: switched off" : reserved;
}

Result<ExitCode> Concurrency(Session& session, const Arguments& arguments) {
  const std::string name = arguments.Word(0);
  const std::string function = name.substr(0, name.find(':'));
  const std::string version = name.find(':') == std::string::npos ? "" : name.substr(name.find(':') + 1);
  HEARTH_TRY(SetReserved(session, arguments, function));
  HEARTH_TRY(SetProvisioned(session, arguments, function, version));
  HEARTH_TRY(SetKept(session, arguments, function));
  HEARTH_ASSIGN(const Json shown, Shown(session, function));
  if (session.wants_json()) {
    session.PrintJson(shown);
    return ExitCode::kOk;
  }
  TextTable table({{"FUNCTION"}, {function}});
  table.Add({"reserved", ReservedText(shown)});
  table.Add({"at least", TextOf(shown, "WorkersMin")});
  table.Add({"spare", TextOf(shown, "WorkersSpare")});
  table.Add({"idle time-out",
             shown["IdleTimeoutS"].is_null() ? "the node's" : TextOf(shown, "IdleTimeoutS") + " s"});
  for (const Json& config : shown["ProvisionedConcurrencyConfigs"]) {
    const std::string arn = TextOf(config, "FunctionArn");
    table.Add({"provisioned, version " + arn.substr(arn.rfind(':') + 1),
               TextOf(config, "AvailableProvisionedConcurrentExecutions") + " of " +
                   TextOf(config, "RequestedProvisionedConcurrentExecutions") + " ready, " +
                   TextOf(config, "Status") +
                   (config.contains("StatusReason") ? ": " + TextOf(config, "StatusReason") : "")});
  }
  session.out() << Printable(table.Text());
  return ExitCode::kOk;
}

}  // namespace

std::vector<Command> ConcurrencyCommands() {
  return {{
      .name = "concurrency",
      .positionals = {"FUNCTION[:VERSION]"},
      .summary = "Show and set how many workers a function may have, and how many are always ready",
      .details =
          "Reserved concurrency, of all its versions, is both: no more workers than this, and so many "
          "events\n"
          "at once are admitted however busy other functions are. 0 switches the function off. It is free.\n"
          "Provisioned concurrency, of a published version, is workers that are initialised ahead of "
          "events;\n"
          "it is paid for, used or not. --min and --spare workers are initialised ahead, too, but nobody "
          "pays:\n"
          "they go when others need their memory.\n",
      .flags = {{"--reserved", "N", "at most, and at least, so many at once; 0: off; none: as others"},
                {"--provisioned", "N", "always initialised; none: none any more"},
                {"--min", "N", "so many are kept while memory is free"},
                {"--spare", "N", "so many idle ones beside those that are busy"},
                {"--idle-time-out", "SECONDS",
                 "an idle worker ends after this; 0: at once; none: the node's"}},
      .examples = {{"hearth concurrency resize --reserved 20", ""},
                   {"hearth concurrency resize --reserved 0", "switched off; --reserved none: on again"},
                   {"hearth concurrency resize:3 --provisioned 2", ""}},
      .run = Concurrency,
  }};
}

}  // namespace hearth::cli
