#include "runtime/cli/resources.h"
#include "runtime/cli/text_table.h"
#include "runtime/cli/verbs.h"

namespace hearth::cli {
namespace {

Result<std::string> TagsPath(const Session& session, const std::string& function) {
  HEARTH_ASSIGN(const Json answer, session.Ask("GET", FunctionPath(function)));
  const std::string arn = TextOf(answer.value("Configuration", Json::object()), "FunctionArn");
  return "/2017-03-31/tags/" + PercentEncode(arn);
}

Result<ExitCode> Tag(Session& session, const Arguments& arguments) {
  const std::string function = arguments.Word(0);
  HEARTH_TRY(PutTags(session, function, arguments.All("--set")));
  HEARTH_ASSIGN(const std::string path, TagsPath(session, function));
  std::string keys;
  for (const std::string& key : arguments.All("--remove"))
    keys += (keys.empty() ? "?tagKeys=" : "&tagKeys=") + PercentEncode(key);
  if (!keys.empty()) HEARTH_TRY(session.Ask("DELETE", path + keys));
  HEARTH_ASSIGN(const Json answer, session.Ask("GET", path));
  if (session.wants_json()) {
    session.PrintJson(answer);
    return ExitCode::kOk;
  }
  TextTable table({{"TAG"}, {"VALUE"}});
  const Json tags = answer.value("Tags", Json::object());
  for (const auto& [key, value] : tags.items()) table.Add({key, value.get<std::string>()});
  session.out() << Printable(table.Text());
  if (tags.empty()) session.Note("no tags; set one with: hearth tag " + function + " --set cost-center=NAME");
  return ExitCode::kOk;
}

}  // namespace

Status PutTags(const Session& session, const std::string& function, const std::vector<std::string>& pairs) {
  if (pairs.empty()) return Ok();
  Json tags = Json::object();
  for (const std::string& pair : pairs) {
    const size_t equals = pair.find('=');
    if (equals == std::string::npos || equals == 0) return UsageError("\"" + pair + "\" is not KEY=VALUE");
    tags[pair.substr(0, equals)] = pair.substr(equals + 1);
  }
  HEARTH_ASSIGN(const std::string path, TagsPath(session, function));
  HEARTH_TRY(session.Ask("POST", path, {{"Tags", tags}}));
  return Ok();
}

std::vector<Command> TagCommands() {
  return {{
      .name = "tag",
      .positionals = {"FUNCTION"},
      .summary = "Show and change the tags of a function, which bills are made by",
      .details =
          "Changes count from the UTC hour that runs; bills of hours before keep the tags of then. The cost\n"
          "centre of a function is its tag cost-center.\n",
      .flags = {{"--set", "KEY=VALUE", "add a tag, or change it", Repeat::kMany},
                {"--remove", "KEY", "remove a tag", Repeat::kMany}},
      .examples = {{"hearth tag resize --set cost-center=vision --set env=prod", ""},
                   {"hearth tag resize --remove env", ""}},
      .run = Tag,
  }};
}

}  // namespace hearth::cli
