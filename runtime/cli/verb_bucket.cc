#include <filesystem>

#include "runtime/cli/resources.h"
#include "runtime/cli/text_table.h"
#include "runtime/cli/verbs.h"

namespace hearth::cli {
namespace {

std::string BucketPath(const std::string& name) { return "/_hearth/v1/buckets/" + PercentEncode(name); }

Result<ExitCode> Add(Session& session, const Arguments& arguments) {
  BucketChange change{.name = arguments.Word(0)};
  if (arguments.HasWord(1))
    change.path = std::filesystem::absolute(arguments.Word(1)).lexically_normal().string();
  if (arguments.Has("--notify")) {
    change.notify.push_back({arguments.Text("--notify"), arguments.Text("--prefix"),
                             arguments.Text("--suffix"), arguments.Has("--acknowledge-loop")});
  } else if (arguments.Has("--prefix") || arguments.Has("--suffix") || arguments.Has("--acknowledge-loop")) {
    return UsageError("--prefix, --suffix and --acknowledge-loop belong to --notify FUNCTION");
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

Result<ExitCode> Replay(Session& session, const Arguments& arguments) {
  Json request = Json::object();
  if (arguments.Has("--pattern")) request["Pattern"] = arguments.Text("--pattern");
  if (arguments.Has("--function")) request["FunctionName"] = arguments.Text("--function");
  HEARTH_ASSIGN(const Json answer, session.Ask("POST", BucketPath(arguments.Word(0)) + "/replay", request));
  if (session.wants_json()) {
    session.PrintJson(answer);
  } else {
    session.PrintLine("replaying " + TextOf(answer, "Replayed") + " events");
  }
  return ExitCode::kOk;
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
       .flags = {{"--notify", "FUNCTION", "call it for each new file"},
                 {"--prefix", "TEXT", "only files whose key begins so"},
                 {"--suffix", "TEXT", "only files whose key ends so"},
                 {"--acknowledge-loop", "", "the function writes into this very bucket, and that is meant"}},
       .examples = {{"hearth bucket add photos ./photos --notify image_resize --suffix .jpg", ""},
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
       .flags = {{"--pattern", "GLOB", "only files whose key matches; * takes slashes too"},
                 {"--function", "NAME", "for this function alone"}},
       .examples = {{"hearth bucket replay photos", ""},
                    {"hearth bucket replay photos --pattern '2026/*.jpg'", ""}},
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
