#include "runtime/base/base64.h"
#include "runtime/cli/package.h"
#include "runtime/cli/resources.h"
#include "runtime/cli/text_table.h"
#include "runtime/cli/verbs.h"

namespace hearth::cli {
namespace {

constexpr const char* kLayersPath = "/2018-10-31/layers";

std::string VersionsPath(const std::string& name) {
  return std::string(kLayersPath) + "/" + PercentEncode(name) + "/versions";
}

// "fonts:2" -> {"fonts", "2"}
std::pair<std::string, std::string> NameAndVersion(const std::string& text) {
  const size_t colon = text.rfind(':');
  if (colon == std::string::npos) return {text, ""};
  return {text.substr(0, colon), text.substr(colon + 1)};
}

Result<ExitCode> Publish(Session& session, const Arguments& arguments) {
  const std::string name = arguments.Word(0);
  HEARTH_ASSIGN(const Package package, ReadPackage(arguments.Word(1)));
  Json request = {{"Content", {{"ZipFile", Base64Encode(package.bytes)}}}};
  if (arguments.Has("--description")) request["Description"] = arguments.Text("--description");
  HEARTH_ASSIGN(const Json layer, session.Ask("POST", VersionsPath(name), request));
  if (session.wants_json()) {
    session.PrintJson(layer);
    return ExitCode::kOk;
  }
  const std::string version = name + ":" + TextOf(layer, "Version");
  session.PrintLine("published " + version + ": " + SizeText(package.bytes.size()));
  session.Note("next: hearth deploy ... --layer " + version);
  return ExitCode::kOk;
}

Result<ExitCode> ListVersions(Session& session, const std::string& name) {
  HEARTH_ASSIGN(const Json answer, session.AskPages(VersionsPath(name), "LayerVersions"));
  if (session.wants_json()) {
    session.PrintJson(answer);
    return ExitCode::kOk;
  }
  TextTable table({{"LAYER"}, {"CREATED"}, {"DESCRIPTION"}});
  for (const Json& version : answer["LayerVersions"]) {
    table.Add({name + ":" + TextOf(version, "Version"), TextOf(version, "CreatedDate"),
               TextOf(version, "Description")});
  }
  session.out() << Printable(table.Text());
  if (answer["LayerVersions"].empty()) session.Note("no version of a layer " + name);
  return ExitCode::kOk;
}

Result<ExitCode> List(Session& session, const Arguments& arguments) {
  if (!arguments.Word(0).empty()) return ListVersions(session, arguments.Word(0));
  HEARTH_ASSIGN(const Json answer, session.AskPages(kLayersPath, "Layers"));
  if (session.wants_json()) {
    session.PrintJson(answer);
    return ExitCode::kOk;
  }
  TextTable table({{"LAYER"}, {"CREATED"}, {"DESCRIPTION"}});
  for (const Json& layer : answer["Layers"]) {
    const Json newest = layer.value("LatestMatchingVersion", Json::object());
    table.Add({TextOf(layer, "LayerName") + ":" + TextOf(newest, "Version"), TextOf(newest, "CreatedDate"),
               TextOf(newest, "Description")});
  }
  session.out() << Printable(table.Text());
  if (answer["Layers"].empty()) session.Note("no layers; publish one with: hearth layer publish NAME ZIP");
  return ExitCode::kOk;
}

Result<ExitCode> Remove(Session& session, const Arguments& arguments) {
  const auto [name, version] = NameAndVersion(arguments.Word(0));
  if (version.empty()) return UsageError("which version of " + name + "? say " + name + ":NUMBER");
  const std::string path = VersionsPath(name) + "/" + PercentEncode(version);
  HEARTH_TRY(session.Ask("GET", path));  // Lambda's own removal says nothing of what is not there
  HEARTH_ASSIGN(const Json answer, session.Ask("DELETE", path));
  if (session.wants_json()) {
    session.PrintJson(answer);
  } else {
    session.PrintLine("removed " + arguments.Word(0) + "; functions that have it keep it");
  }
  return ExitCode::kOk;
}

}  // namespace

Result<std::string> LayerArn(const Session& session, const std::string& word) {
  if (word.starts_with("arn:")) return word;
  const auto [name, version] = NameAndVersion(word);
  if (!version.empty()) {
    HEARTH_ASSIGN(const Json layer, session.Ask("GET", VersionsPath(name) + "/" + PercentEncode(version)));
    return TextOf(layer, "LayerVersionArn");
  }
  HEARTH_ASSIGN(const Json all, session.Ask("GET", VersionsPath(name)));
  const Json versions = all.value("LayerVersions", Json::array());
  if (versions.empty()) {
    return Error{ErrorCode::kNotFound,
                 "there is no layer " + name + "; publish it with: hearth layer publish " + name + " ZIP"};
  }
  return TextOf(versions[0], "LayerVersionArn");
}

std::vector<Command> LayerCommands() {
  return {
      {.name = "layer publish",
       .positionals = {"NAME", "WHAT"},
       .summary = "Publish the next version of a layer: files that functions see at /opt",
       .details =
           "WHAT is a zip, or a folder (zipped by the program zip). Libraries in its lib/ are found when a\n"
           "function's own library needs them.\n",
       .flags = {{"--description", "TEXT", "a line about it"}},
       .examples = {{"hearth layer publish fonts fonts.zip", ""},
                    {"hearth layer publish vips build/vips-layer --description 'libvips 8.14'", ""}},
       .run = Publish},
      {.name = "layer ls",
       .positionals = {"[NAME]"},
       .summary = "List the layers, or the versions of one",
       .details = "",
       .flags = {},
       .examples = {{"hearth layer ls", ""}, {"hearth layer ls fonts", ""}},
       .run = List},
      {.name = "layer rm",
       .positionals = {"NAME:VERSION"},
       .summary = "Remove a version of a layer",
       .details = "Functions that have it go on with it; nobody else can name it any more.\n",
       .flags = {},
       .examples = {{"hearth layer rm fonts:1", ""}},
       .run = Remove},
  };
}

}  // namespace hearth::cli
