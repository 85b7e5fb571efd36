#include <algorithm>
#include <filesystem>

#include "runtime/base/files.h"
#include "runtime/cli/programs.h"
#include "runtime/cli/project.h"
#include "runtime/cli/verbs.h"

namespace hearth::cli {
namespace {

namespace fs = std::filesystem;

Status RunTool(const std::vector<std::string>& words, const std::string& what) {
  HEARTH_ASSIGN(const int ended, RunProgram(words));
  if (ended == 0) return Ok();
  if (ended == kProgramMissing) {
    return Error{ErrorCode::kMisconfigured, words.front() + " is not installed; it " + what + " the project"};
  }
  return UsageError(words.front() + " could not " + what + " the project (it ended with " +
                    std::to_string(ended) + "); what it said stands above");
}

// Where this program was installed, so that find_package(Hearth) finds the SDK beside it.
std::string InstallPrefix() {
  std::error_code failure;
  const fs::path self = fs::read_symlink("/proc/self/exe", failure);
  return failure ? "" : self.parent_path().parent_path().string();
}

Status Build(const fs::path& folder, const fs::path& build, const Arguments& arguments) {
  if (!PathExists((folder / "CMakeLists.txt").string())) {
    return UsageError("no CMakeLists.txt in " + folder.string() + "; hearth init makes a project");
  }
  if (!PathExists((build / "CMakeCache.txt").string())) {
    HEARTH_TRY(RunTool({"cmake", "-S", folder.string(), "-B", build.string(), "-DCMAKE_BUILD_TYPE=Release",
                        "-DCMAKE_PREFIX_PATH=" + arguments.Text("--prefix", InstallPrefix())},
                       "configure"));
  }
  return RunTool({"cmake", "--build", build.string()}, "build");
}

Result<std::vector<std::string>> BuiltFunctions(const fs::path& build) {
  std::vector<std::string> found;
  std::error_code failure;
  for (fs::recursive_directory_iterator at(build, failure), end; !failure && at != end;
       at.increment(failure)) {
    if (at->path().string().ends_with(".function.json")) found.push_back(at->path().string());
  }
  if (failure) return Error{ErrorCode::kIo, "look through " + build.string() + ": " + failure.message()};
  std::sort(found.begin(), found.end());
  if (found.empty()) {
    return UsageError("no function was built in " + build.string() +
                      ": has CMakeLists.txt a hearth_add_function()?");
  }
  return found;
}

Result<Project> ReadProject(const fs::path& folder) {
  const std::string path = (folder / kProjectFile).string();
  if (!PathExists(path)) return Project{};
  HEARTH_ASSIGN(const std::string text, ReadFile(path));
  auto project = ParseProject(text, folder.string());
  if (!project.ok()) return UsageError(path + ": " + project.error().message);
  return project;
}

// What was made or changed, told as it happens and kept for --json.
struct Report {
  Session& session;
  Json done = {{"Functions", Json::array()}, {"Urls", Json::array()}};

  void Line(const std::string& line) const {
    if (!session.wants_json()) session.PrintLine(line);
  }
};

Status DeployAll(const std::vector<std::string>& files, const Project& project, Report& report) {
  for (const std::string& file : files) {
    HEARTH_ASSIGN(const Package package, ReadPackage(file));
    const auto wished = project.functions.find(package.name);
    const bool named = wished != project.functions.end();
    HEARTH_ASSIGN(const Deployed deployed,
                  DeployFunction(report.session, package, named ? wished->second.wish : FunctionWish{}));
    report.Line(deployed.summary);
    NoteMountWarnings(report.session, package.name);
    report.done["Functions"].push_back(deployed.configuration);
    if (!named || !wished->second.url) continue;
    HEARTH_ASSIGN(const UrlMade made, GiveUrl(report.session, package.name, UrlAccess::kUnchanged));
    report.Line("url of " + package.name + ": " + TextOf(made.config, "FunctionUrl"));
    report.done["Urls"].push_back(made.config);
  }
  return Ok();
}

// Buckets before the functions that see them; their notifications, which name functions, after those.
Status MakeBuckets(const Project& project, Report& report) {
  for (BucketChange bucket : project.buckets) {
    if (!bucket.path.empty()) HEARTH_TRY(MakeFolders(bucket.path));
    bucket.notify.clear();
    HEARTH_ASSIGN(const Json made, PutBucket(report.session, bucket));
    report.Line("bucket " + bucket.name + ": " + TextOf(made, "Path"));
  }
  return Ok();
}

Status ConnectAll(const Project& project, Report& report) {
  for (const BucketChange& bucket : project.buckets) {
    if (!bucket.notify.empty()) HEARTH_TRY(PutBucket(report.session, bucket));
    for (const BucketNotify& one : bucket.notify) {
      report.Line("bucket " + bucket.name + " " + one.prefix + "*" + one.suffix + " -> " + one.function);
    }
  }
  for (const QueueConnection& connection : project.connections) {
    HEARTH_TRY(ConnectQueue(report.session, connection));
    report.Line("queue " + connection.queue + " -> " + connection.function);
  }
  for (const auto& [route, function] : project.routes) {
    HEARTH_TRY(PutRoute(report.session, route, function, "", ""));
    report.Line("route " + route + " -> " + function);
  }
  return Ok();
}

Result<ExitCode> Up(Session& session, const Arguments& arguments) {
  const fs::path folder = arguments.HasWord(0) ? arguments.Word(0) : ".";
  const fs::path build = arguments.Text("--build-dir", (folder / "build").string());
  HEARTH_ASSIGN(const Project project, ReadProject(folder));
  HEARTH_TRY(session.Ask("GET", "/_hearth/v1/info"));  // said now, and not after a long build
  HEARTH_TRY(Build(folder, build, arguments));
  HEARTH_ASSIGN(const auto files, BuiltFunctions(build));
  Report report{session};
  for (const std::string& queue : project.queues) {
    HEARTH_TRY(session.AskSqs("CreateQueue", {{"QueueName", queue}}));
    report.Line("queue " + queue);
  }
  HEARTH_TRY(MakeBuckets(project, report));
  HEARTH_TRY(DeployAll(files, project, report));
  HEARTH_TRY(ConnectAll(project, report));
  if (session.wants_json()) session.PrintJson(report.done);
  return ExitCode::kOk;
}

}  // namespace

std::vector<Command> UpCommands() {
  return {{
      .name = "up",
      .positionals = {"[FOLDER]"},
      .summary = "Build a project, deploy its functions, set up what is around them",
      .details =
          "Configures and builds the CMake project in FOLDER (here, when left out) in FOLDER/build, "
          "deploys each\n"
          "function that hearth_add_function() built there, and applies hearth-project.json, if there "
          "is one:\n"
          "  {\"functions\": {\"thumbs\": {\"environment\": {\"LONG_EDGE\": \"320\"}, \"buckets\": "
          "[\"photos\", "
          "\"small:rw\"],\n"
          "                            \"layers\": [\"fonts:1\"], \"secrets\": [\"api-token:token\"],\n"
          "                            \"isolation\": \"instance\", \"network\": \"egress:443\", \"url\": "
          "true}},\n"
          "   \"buckets\": {\"photos\": {\"path\": \"photos\", \"notify\": [{\"function\": "
          "\"thumbs\", \"suffix\": "
          "\".jpg\"}]},\n"
          "               \"small\": {}},\n"
          "   \"queues\": {\"orders\": {\"function\": \"take_orders\", \"batch_size\": 10}},\n"
          "   \"routes\": {\"GET /thumbs/{name}\": \"thumbs\"}}\n"
          "Done again, it changes only what differs; it removes nothing.\n",
      .flags = {{"--build-dir", "DIR", "build there instead"},
                {"--prefix", "DIR",
                 "where Hearth's CMake package is installed (default: beside this program)"}},
      .examples = {{"hearth init greet && cd greet && hearth up", ""}},
      .run = Up,
  }};
}

}  // namespace hearth::cli
