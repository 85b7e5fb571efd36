#include "runtime/base/log_levels.h"
#include "runtime/cli/deployment.h"
#include "runtime/cli/resources.h"
#include "runtime/cli/verbs.h"

namespace hearth::cli {
namespace {

// Lambda's own ranges.
constexpr int64_t kMemoryMin = 128, kMemoryMax = 10'240, kTimeoutMax = 900;

Status ReadEnvironment(const Arguments& arguments, FunctionWish& wish) {
  for (const std::string& pair : arguments.All("--env")) {
    const size_t equals = pair.find('=');
    if (equals == std::string::npos || equals == 0)
      return UsageError("--env \"" + pair + "\" is not NAME=VALUE");
    wish.environment[pair.substr(0, equals)] = pair.substr(equals + 1);
  }
  wish.environment_removed = arguments.All("--unset-env");
  return Ok();
}

Result<std::string> ReadLevel(const Arguments& arguments, const std::string& flag, uint8_t least,
                              uint8_t most) {
  const std::string name = arguments.Text(flag);
  if (name.empty()) return name;
  const auto level = ParseLogLevel(name);
  if (level && *level >= least && *level <= most) return std::string(LogLevelName(*level));
  std::string names;
  for (uint8_t each = least; each <= most; ++each)
    names.append(names.empty() ? "" : ", ").append(LogLevelName(each));
  return UsageError(flag + " \"" + name + "\" is none of " + names);
}

Result<FunctionWish> ReadLogging(const Arguments& arguments, FunctionWish wish) {
  wish.log_format = arguments.Text("--log-format");
  if (!wish.log_format.empty() && wish.log_format != "text" && wish.log_format != "json")
    return UsageError("--log-format \"" + wish.log_format + "\" is neither text nor json");
  HEARTH_ASSIGN(wish.log_level, ReadLevel(arguments, "--log-level", kLogTrace, kLogFatal));
  HEARTH_ASSIGN(wish.system_log_level, ReadLevel(arguments, "--system-log-level", kLogDebug, kLogWarn));
  return wish;
}

Result<FunctionWish> ReadWish(const Arguments& arguments) {
  FunctionWish wish{.name = arguments.Text("--name"), .handler = arguments.Text("--handler")};
  HEARTH_ASSIGN(wish.memory_mib, arguments.Number("--memory", kMemoryMin, kMemoryMax));
  HEARTH_ASSIGN(wish.timeout_s, arguments.Number("--timeout", 1, kTimeoutMax));
  HEARTH_TRY(ReadEnvironment(arguments, wish));
  for (const std::string& bucket : arguments.All("--bucket")) {
    HEARTH_ASSIGN(auto mount, ParseBucketMount(bucket));
    wish.buckets.push_back(std::move(mount));
  }
  if (arguments.Has("--layer")) wish.layers = arguments.All("--layer");
  wish.secrets = arguments.All("--secret");
  wish.secrets_removed = arguments.All("--unset-secret");
  wish.isolation = arguments.Text("--isolation");
  if (!wish.isolation.empty() && wish.isolation != "instance" && wish.isolation != "invocation" &&
      wish.isolation != "strict") {
    return UsageError("--isolation \"" + wish.isolation + "\" is none of instance, invocation and strict");
  }
  if (arguments.Has("--network")) {
    HEARTH_ASSIGN(wish.network, ParseNetwork(arguments.Text("--network")));
  }
  wish.snap_start = arguments.Text("--snap-start");
  if (!wish.snap_start.empty() && wish.snap_start != "published" && wish.snap_start != "none")
    return UsageError("--snap-start \"" + wish.snap_start + "\" is neither published nor none");
  return ReadLogging(arguments, wish);
}

Result<ExitCode> Deploy(Session& session, const Arguments& arguments) {
  HEARTH_ASSIGN(FunctionWish wish, ReadWish(arguments));
  HEARTH_ASSIGN(const Package package, ReadPackage(arguments.Word(0)));
  HEARTH_ASSIGN(Deployed deployed, DeployFunction(session, package, std::move(wish)));
  const std::string name = TextOf(deployed.configuration, "FunctionName");
  HEARTH_TRY(PutTags(session, name, arguments.All("--tag")));
  std::string url;
  if (arguments.Has("--url")) {
    HEARTH_ASSIGN(const UrlMade made, GiveUrl(session, name, UrlAccess::kUnchanged));
    url = TextOf(made.config, "FunctionUrl");
    deployed.configuration["FunctionUrl"] = url;
  }
  NoteMountWarnings(session, name);
  if (session.wants_json()) {
    session.PrintJson(deployed.configuration);
    return ExitCode::kOk;
  }
  session.PrintLine(deployed.summary);
  if (!url.empty()) session.PrintLine("url: " + url);
  if (deployed.created) session.Note("next: hearth invoke " + name + " '{}'");
  return ExitCode::kOk;
}

}  // namespace

std::vector<Command> DeployCommands() {
  return {{
      .name = "deploy",
      .positionals = {"WHAT"},
      .summary = "Create a function, or update its code and settings",
      .details =
          "WHAT is NAME.function.json, which hearth_add_function() writes beside the library that it builds, "
          "a\n"
          "shared object, a zip, or a folder (zipped by the program zip). A flag that is not given changes\n"
          "nothing. The code is checked and loaded on trial; what fails is refused with the reason, and the\n"
          "old code keeps serving.\n",
      .flags = {{"--name", "NAME", "the function's name (default: as built, or from the file's name)"},
                {"--handler", "LIB[:SYMBOL]", "library in the package, and its exported function"},
                {"--memory", "MIB", "memory limit, 128 to 10240"},
                {"--timeout", "S", "longest time of one invocation, 1 to 900"},
                {"--env", "NAME=VALUE", "set an environment variable", Repeat::kMany},
                {"--unset-env", "NAME", "remove an environment variable", Repeat::kMany},
                {"--bucket", "NAME[:rw]",
                 "show the bucket to the function; :rw to write too, :off to take it away", Repeat::kMany},
                {"--layer", "NAME[:VERSION]",
                 "files at /opt, of hearth layer publish; of several the later wins; all that there are,\n"
                 "in their order, or none",
                 Repeat::kMany},
                {"--secret", "NAME[:FILE]", "show a secret as the file /run/secrets/FILE (default: NAME)",
                 Repeat::kMany},
                {"--unset-secret", "NAME", "take a secret away", Repeat::kMany},
                {"--isolation", "KIND",
                 "instance: workers are reused; invocation: a fresh process each time;\n"
                 "strict: reused, each in a sandbox of its own"},
                {"--snap-start", "WHEN",
                 "published: init runs once, when a version is published, and its workers are copies;\n"
                 "none: init runs in each worker"},
                {"--log-format", "FORMAT",
                 "text, or json: a line is an object, and has a level that is kept or not"},
                {"--log-level", "LEVEL",
                 "with json: keep what the handler logs from this level on,\nTRACE to FATAL (INFO)"},
                {"--system-log-level", "LEVEL",
                 "with json: DEBUG, INFO or WARN, of the platform's lines (INFO)"},
                {"--network", "KIND",
                 "none; egress: out of a network namespace of its own, to each TCP port;\n"
                 "egress:443,5432: to these"},
                {"--tag", "KEY=VALUE", "add a tag, for bills", Repeat::kMany},
                {"--url", "", "give it a function URL too, and print that"}},
      .examples = {{"hearth deploy build/greet.function.json", "as hearth_add_function() built it"},
                   {"hearth deploy libgreet.so --name greet --timeout 5 --env LOG=debug --url", ""},
                   {"hearth deploy libreport.so --layer fonts:2 --secret db-password", ""},
                   {"hearth deploy build/resize.function.json --bucket photos --bucket thumbs:rw", ""}},
      .run = Deploy,
  }};
}

}  // namespace hearth::cli
