#include <algorithm>
#include <charconv>
#include <filesystem>

#include "runtime/base/clock.h"
#include "runtime/cli/resources.h"
#include "runtime/cli/text_table.h"
#include "runtime/cli/verbs.h"

namespace hearth::cli {
namespace {

std::string BucketPath(const std::string& name) { return "/_hearth/v1/buckets/" + PercentEncode(name); }

// What belongs to one function of a bucket.
const std::vector<Flag>& NotifyFlags() {
  static const std::vector<Flag> flags = {
      {"--prefix", "TEXT", "only files whose key begins so"},
      {"--suffix", "TEXT", "only files whose key ends so"},
      {"--event", "NAME", "created, removed; may be given twice (created)", Repeat::kMany},
      {"--start-from", "WHERE", "beginning, now, or checkpoint: what no other function has done"},
      {"--format", "FORM", "s3 or cloudevents (s3)"},
      {"--retries", "N", "0 to 2 after an error of the function (2)"},
      {"--on-failure", "WHERE",
       "who is told of what failed for good: queue:NAME, function:NAME, an ARN, none"},
      {"--acknowledge-loop", "", "the function writes into this very bucket, and that is meant"},
      {"--dry-run", "", "only count the files that it would run for at once"}};
  return flags;
}

// The daemon's spelling of a flag's word; a word that is not listed goes as it is, for the daemon to refuse.
std::string Spelled(const std::string& word,
                    const std::vector<std::pair<std::string, std::string>>& spellings) {
  for (const auto& [ours, theirs] : spellings) {
    if (word == ours) return theirs;
  }
  return word;
}

Result<BucketNotify> NotifyOf(const Session& session, const Arguments& arguments) {
  BucketNotify notify{arguments.Text("--notify"), arguments.Text("--prefix"), arguments.Text("--suffix"),
                      arguments.Has("--acknowledge-loop")};
  for (const std::string& event : arguments.All("--event")) {
    notify.more["Events"].push_back(
        Spelled(event, {{"created", "s3:ObjectCreated:*"}, {"removed", "s3:ObjectRemoved:*"}}));
  }
  if (arguments.Has("--start-from")) {
    notify.more["StartFrom"] =
        Spelled(arguments.Text("--start-from"),
                {{"beginning", "Beginning"}, {"now", "Now"}, {"checkpoint", "Checkpoint"}});
  }
  if (arguments.Has("--format")) {
    notify.more["EventFormat"] =
        Spelled(arguments.Text("--format"), {{"s3", "S3"}, {"cloudevents", "CloudEvents"}});
  }
  HEARTH_ASSIGN(const auto retries, arguments.Number("--retries", 0, 2));
  if (retries) notify.more["MaximumRetryAttempts"] = *retries;
  if (arguments.Has("--on-failure")) {
    HEARTH_ASSIGN(const std::string arn,
                  DestinationArn(session, "--on-failure", arguments.Text("--on-failure")));
    notify.more["OnFailure"] = arn;
  }
  return notify;
}

Result<ExitCode> CountFirst(Session& session, const std::string& bucket, const BucketNotify& notify) {
  const Json request = {{"DryRun", true}, {"Notification", NotificationOf(notify)}};
  HEARTH_ASSIGN(const Json answer, session.Ask("POST", BucketPath(bucket) + "/replay", request));
  if (session.wants_json()) {
    session.PrintJson(answer);
  } else {
    session.PrintLine(notify.function + " would run for " + TextOf(answer, "WouldRun") +
                      " files that are there; nothing was changed");
  }
  return ExitCode::kOk;
}

Result<BucketChange> ChangeOf(const Arguments& arguments) {
  BucketChange change{.name = arguments.Word(0)};
  if (arguments.HasWord(1))
    change.path = std::filesystem::absolute(arguments.Word(1)).lexically_normal().string();
  if (arguments.Has("--finish")) change.more["Finish"] = arguments.Text("--finish");
  for (const std::string& pattern : arguments.All("--ignore")) change.more["IgnoreNames"].push_back(pattern);
  if (arguments.Has("--http")) {
    const std::string open = arguments.Text("--http");
    if (open != "off" && open != "read" && open != "write" && open != "read,write") {
      return UsageError("--http is off, read, write or read,write, not " + open);
    }
    change.more["Http"] = {{"Read", open.starts_with("read")}, {"Write", open.ends_with("write")}};
    if (arguments.Has("--bucket-token")) change.more["Http"]["Token"] = arguments.Text("--bucket-token");
  } else if (arguments.Has("--bucket-token")) {
    return UsageError("--bucket-token belongs to --http");
  }
  if (arguments.Has("--content-hash")) {
    const std::string wanted = arguments.Text("--content-hash");
    if (wanted != "on" && wanted != "off") return UsageError("--content-hash is on or off, not " + wanted);
    change.more["ContentHash"] = wanted == "on";
  }
  HEARTH_ASSIGN(const auto rate, arguments.Number("--catch-up", 0, 1'000'000));
  if (rate) change.more["CatchUpPerSecond"] = *rate;
  return change;
}

Result<ExitCode> Add(Session& session, const Arguments& arguments) {
  HEARTH_ASSIGN(BucketChange change, ChangeOf(arguments));
  if (arguments.Has("--notify")) {
    HEARTH_ASSIGN(BucketNotify notify, NotifyOf(session, arguments));
    if (arguments.Has("--dry-run")) return CountFirst(session, change.name, notify);
    change.notify.push_back(std::move(notify));
  }
  for (const Flag& flag : NotifyFlags()) {
    if (arguments.Has(flag.name) && !arguments.Has("--notify")) {
      return UsageError(flag.name + " belongs to --notify FUNCTION");
    }
  }
  HEARTH_ASSIGN(const Json bucket, PutBucket(session, change));
  if (session.wants_json()) {
    session.PrintJson(bucket);
    return ExitCode::kOk;
  }
  session.PrintLine("bucket " + change.name + ": " + TextOf(bucket, "Path"));
  for (const Json& one : bucket.value("Notifications", Json::array())) {
    session.PrintLine("  " + TextOf(one, "Prefix") + "*" + TextOf(one, "Suffix") + " -> " +
                      TextOf(one, "FunctionName"));
  }
  return ExitCode::kOk;
}

std::string FunctionsOf(const Json& bucket) {
  std::string functions;
  for (const Json& one : bucket.value("Notifications", Json::array())) {
    functions += (functions.empty() ? "" : ", ") + TextOf(one, "FunctionName");
  }
  return functions;
}

Result<ExitCode> List(Session& session, const Arguments&) {
  HEARTH_ASSIGN(const Json answer, session.Ask("GET", "/_hearth/v1/buckets"));
  if (session.wants_json()) {
    session.PrintJson(answer);
    return ExitCode::kOk;
  }
  TextTable table(
      {{"BUCKET"}, {"STATE"}, {"DONE", Align::kRight}, {"FAILED", Align::kRight}, {"NOTIFIES"}, {"FOLDER"}});
  for (const Json& bucket : answer.value("Items", Json::array())) {
    const Json status = bucket.value("Status", Json::object());
    table.Add({TextOf(bucket, "Name"), TextOf(status, "State"), TextOf(status, "Succeeded"),
               TextOf(status, "Failed"), FunctionsOf(bucket), TextOf(bucket, "Path")});
  }
  session.out() << table.Text();
  if (table.Text().empty()) session.Note("no buckets; make one with: hearth bucket add NAME FOLDER");
  return ExitCode::kOk;
}

Result<ExitCode> Show(Session& session, const Arguments& arguments) {
  HEARTH_ASSIGN(const Json bucket, session.Ask("GET", BucketPath(arguments.Word(0))));
  if (session.wants_json()) {
    session.PrintJson(bucket);
    return ExitCode::kOk;
  }
  TextTable table({{"BUCKET"}, {TextOf(bucket, "Name")}});
  table.Add({"Path", TextOf(bucket, "Path")});
  for (const Json& one : bucket.value("Notifications", Json::array())) {
    table.Add({"Notify " + TextOf(one, "FunctionName"), TextOf(one, "Prefix") + "*" + TextOf(one, "Suffix")});
  }
  const Json status = bucket.value("Status", Json::object());
  for (const auto& [name, value] : status.items()) {
    if (!value.is_array()) table.Add({name, value.is_string() ? value.get<std::string>() : DumpJson(value)});
  }
  for (const Json& failed : status.value("FailedObjects", Json::array())) {
    table.Add(
        {"failed " + TextOf(failed, "Key"), TextOf(failed, "FunctionName") + ": " + TextOf(failed, "Error")});
  }
  session.out() << Printable(table.Text());
  return ExitCode::kOk;
}

Result<ExitCode> Remove(Session& session, const Arguments& arguments) {
  HEARTH_ASSIGN(const Json answer, session.Ask("DELETE", BucketPath(arguments.Word(0))));
  if (session.wants_json()) {
    session.PrintJson(answer);
  } else {
    session.PrintLine("removed bucket " + arguments.Word(0) + "; its files stay");
  }
  return ExitCode::kOk;
}

// "90s", "5m", "2h", "7d": so long ago. In milliseconds since 1970.
Result<int64_t> SinceMs(const std::string& text) {
  const std::string units = "smhd";
  const int64_t seconds_of[] = {1, 60, 3600, 86400};
  const size_t unit = text.empty() ? std::string::npos : units.find(text.back());
  int64_t count = 0;
  const char* end = text.data() + text.size() - (text.empty() ? 0 : 1);
  const auto [stopped, failure] = std::from_chars(text.data(), end, count);
  if (unit == std::string::npos || failure != std::errc() || stopped != end || count < 0 || count > 100'000) {
    return UsageError("--since is a time ago like 90s, 5m, 2h or 7d, not " + text);
  }
  const WallTime since = SystemClock().WallNow() - std::chrono::seconds(count * seconds_of[unit]);
  return std::max<int64_t>(0, std::chrono::duration_cast<milliseconds>(since.time_since_epoch()).count());
}

Result<ExitCode> Replay(Session& session, const Arguments& arguments) {
  Json request = Json::object();
  if (arguments.Has("--path")) request["Pattern"] = arguments.Text("--path");
  if (arguments.Has("--function")) request["FunctionName"] = arguments.Text("--function");
  if (arguments.Has("--since")) {
    HEARTH_ASSIGN(request["SinceMs"], SinceMs(arguments.Text("--since")));
  }
  if (arguments.Has("--dry-run")) request["DryRun"] = true;
  HEARTH_ASSIGN(const Json answer, session.Ask("POST", BucketPath(arguments.Word(0)) + "/replay", request));
  if (session.wants_json()) {
    session.PrintJson(answer);
  } else if (arguments.Has("--dry-run")) {
    session.PrintLine("would replay " + TextOf(answer, "WouldRun") + " events");
  } else {
    session.PrintLine("replaying " + TextOf(answer, "Replayed") + " events");
  }
  return ExitCode::kOk;
}

// The bucket's own flags, then those of a function of it.
std::vector<Flag> AddFlags() {
  std::vector<Flag> flags = {
      {"--finish", "RULE", "when a file is finished: close_write, rename_only, marker:.done, stable:5s"},
      {"--ignore", "GLOB", "names that are no objects, in place of the usual; may be given again",
       Repeat::kMany},
      {"--catch-up", "N", "objects a second of those that only a scan finds; 0: no limit"},
      {"--content-hash", "on|off", "do not run again what was touched, with the same bytes (off)"},
      {"--http", "WHAT", "open it on the data port: read, write, read,write, or off"},
      {"--bucket-token", "TOKEN", "what requests there must bear, 16 characters or more"},
      {"--notify", "FUNCTION", "call it for each new file"}};
  flags.insert(flags.end(), NotifyFlags().begin(), NotifyFlags().end());
  return flags;
}

}  // namespace

std::vector<Command> BucketCommands() {
  return {
      {.name = "bucket add",
       .positionals = {"NAME", "[FOLDER]"},
       .summary = "Make a folder of the daemon's machine a bucket, or change it",
       .details =
           "Without FOLDER the daemon keeps the files itself. With --notify each finished file becomes an "
           "event\n"
           "for the function; asked again, more are added. The function sees the bucket once it is deployed\n"
           "with --bucket NAME.\n",
       .flags = AddFlags(),
       .examples = {{"hearth bucket add photos ./photos --notify image_resize --suffix .jpg", ""},
                    {"hearth bucket add photos --notify index --start-from now",
                     "not for what is there already"},
                    {"hearth bucket add thumbs ./thumbs", ""}},
       .run = Add},
      {.name = "bucket ls",
       .positionals = {},
       .summary = "List the buckets",
       .details = "",
       .flags = {},
       .examples = {{"hearth bucket ls", ""}},
       .run = List},
      {.name = "bucket status",
       .positionals = {"NAME"},
       .summary = "Show a bucket: what it notifies, what was done, what failed",
       .details = "",
       .flags = {},
       .examples = {{"hearth bucket status photos", ""}},
       .run = Show},
      {.name = "bucket replay",
       .positionals = {"NAME"},
       .summary = "Send the events of files again",
       .details = "A function runs again for files that it has done already: all of them, unless a flag says "
                  "which.\n",
       .flags = {{"--path", "GLOB", "only files whose key matches; * takes slashes too"},
                 {"--since", "TIME", "only files that have changed since: 90s, 5m, 2h, 7d ago"},
                 {"--function", "NAME", "for this function alone"},
                 {"--dry-run", "", "only count them"}},
       .examples = {{"hearth bucket replay photos", ""},
                    {"hearth bucket replay photos --path '2026/*.jpg' --since 2h", ""}},
       .run = Replay},
      {.name = "bucket rm",
       .positionals = {"NAME"},
       .summary = "Forget a bucket; its files stay",
       .details = "",
       .flags = {},
       .examples = {{"hearth bucket rm photos", ""}},
       .run = Remove},
  };
}

}  // namespace hearth::cli
