#include <filesystem>

#include "runtime/base/files.h"
#include "runtime/cli/project_template.h"
#include "runtime/cli/verbs.h"

namespace hearth::cli {
namespace {

namespace fs = std::filesystem;

// Nothing is written unless all of it can be.
Status RefuseToOverwrite(const fs::path& folder, const std::vector<ProjectFile>& files) {
  for (const ProjectFile& file : files) {
    if (!PathExists((folder / file.path).string())) continue;
    return UsageError((folder / file.path).string() + " exists already; nothing was written");
  }
  return Ok();
}

Result<ExitCode> Init(Session& session, const Arguments& arguments) {
  const fs::path folder = fs::absolute(arguments.HasWord(0) ? arguments.Word(0) : ".").lexically_normal();
  const std::string last = (folder.has_filename() ? folder : folder.parent_path()).filename().string();
  HEARTH_ASSIGN(const auto files, MakeProject(arguments.Text("--template", TemplateNames().front()),
                                              arguments.Text("--name", last)));
  HEARTH_TRY(RefuseToOverwrite(folder, files));
  HEARTH_TRY(MakeFolders(folder.string()));
  Json written = Json::array();
  for (const ProjectFile& file : files) {
    HEARTH_TRY(WriteFileAtomically((folder / file.path).string(), file.text));
    written.push_back(file.path);
  }
  if (session.wants_json()) {
    session.PrintJson({{"Folder", folder.string()}, {"Files", written}});
    return ExitCode::kOk;
  }
  session.PrintLine("made " + folder.string() + ":");
  for (const ProjectFile& file : files) session.PrintLine("  " + file.path);
  session.Note("next: cd " + (arguments.HasWord(0) ? arguments.Word(0) : ".") + " && hearth up");
  return ExitCode::kOk;
}

}  // namespace

std::vector<Command> InitCommands() {
  return {{
      .name = "init",
      .positionals = {"[FOLDER]"},
      .summary = "Make a project with one function that builds, is tested and can be deployed",
      .details =
          "Writes CMakeLists.txt, the handler, its unit test, hearth-project.json and README.md into FOLDER\n"
          "(here, when left out), and overwrites nothing. Templates: json (JSON in, JSON out), http, queue,\n"
          "bucket, c (plain C).\n",
      .flags = {{"--template", "NAME", "json, http, queue, bucket or c (json)"},
                {"--name", "NAME", "the function's name (default: the folder's)"}},
      .examples = {{"hearth init greet && cd greet && hearth up", ""},
                   {"hearth init thumbs --template bucket", ""}},
      .run = Init,
  }};
}

}  // namespace hearth::cli
