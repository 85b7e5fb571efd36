#include <unistd.h>

#include "runtime/base/files.h"
#include "runtime/cli/text_table.h"
#include "runtime/cli/verbs.h"

namespace hearth::cli {
namespace {

constexpr const char* kSecretsPath = "/_hearth/v1/secrets";
constexpr uint64_t kReadMax = 100'000;  // over the daemon's limit, which it names

std::string Listed(const Json& names) {
  std::string text;
  for (const Json& name : names) text += (text.empty() ? "" : ", ") + name.get<std::string>();
  return text;
}

Result<ExitCode> Set(Session& session, const Arguments& arguments) {
  const std::string name = arguments.Word(0);
  auto value = ReadAll(STDIN_FILENO, kReadMax);
  if (!value.ok()) return value.error().WithContext("the value on stdin");
  HttpRequest request{.method = "PUT", .target = std::string(kSecretsPath) + "/" + PercentEncode(name)};
  request.headers = {{"Content-Type", "application/octet-stream"}};
  request.body = std::move(value).value();
  HEARTH_ASSIGN(const HttpAnswer answer, session.client().Ask(request));
  HEARTH_TRY(CheckAnswer(answer));
  HEARTH_ASSIGN(const Json secret, ParseJson(answer.body, "the daemon's answer"));
  if (session.wants_json()) {
    session.PrintJson(secret);
    return ExitCode::kOk;
  }
  const Json renewed = secret.value("Renewed", Json::array());
  session.PrintLine("secret " + name + ": " + TextOf(secret, "Bytes") + " bytes" +
                    (renewed.empty() ? "" : "; new workers for " + Listed(renewed)));
  for (const Json& one : secret.value("NotWarm", Json::array()))
    session.Note("warning: no worker could be made ready with it: " + one.get<std::string>());
  if (secret.value("UsedBy", Json::array()).empty())
    session.Note("next: hearth deploy ... --secret " + name + "; the function reads /run/secrets/" + name);
  return ExitCode::kOk;
}

Result<ExitCode> List(Session& session, const Arguments&) {
  HEARTH_ASSIGN(const Json answer, session.Ask("GET", kSecretsPath));
  if (session.wants_json()) {
    session.PrintJson(answer);
    return ExitCode::kOk;
  }
  TextTable table({{"SECRET"}, {"BYTES", Align::kRight}, {"SET"}, {"USED BY"}});
  for (const Json& secret : answer.value("Secrets", Json::array())) {
    table.Add({TextOf(secret, "Name"), TextOf(secret, "Bytes"), TextOf(secret, "SetAt"),
               Listed(secret.value("UsedBy", Json::array()))});
  }
  session.out() << Printable(table.Text());
  if (answer.value("Secrets", Json::array()).empty())
    session.Note("no secrets; set one with: hearth secret set NAME < FILE");
  return ExitCode::kOk;
}

Result<ExitCode> Remove(Session& session, const Arguments& arguments) {
  const std::string path = std::string(kSecretsPath) + "/" + PercentEncode(arguments.Word(0));
  HEARTH_ASSIGN(const Json answer, session.Ask("DELETE", path));
  if (session.wants_json()) {
    session.PrintJson(answer);
  } else {
    session.PrintLine("removed " + arguments.Word(0));
  }
  return ExitCode::kOk;
}

}  // namespace

std::vector<Command> SecretCommands() {
  return {
      {.name = "secret set",
       .positionals = {"NAME"},
       .summary = "Set a secret to what stands on stdin, byte by byte",
       .details =
           "Functions that name it (hearth deploy --secret) read it from /run/secrets/NAME. With a new "
           "value\n"
           "their workers are replaced as at a deploy: no request is dropped. Nothing gives the value out\n"
           "again. A line end at its end is part of it: printf '%s' keeps one out.\n",
       .flags = {},
       .examples = {{"hearth secret set db-password < password.txt", ""},
                    {"printf '%s' \"$TOKEN\" | hearth secret set token", ""}},
       .run = Set},
      {.name = "secret ls",
       .positionals = {},
       .summary = "List the secrets and who uses them, never their values",
       .details = "",
       .flags = {},
       .examples = {{"hearth secret ls", ""}},
       .run = List},
      {.name = "secret rm",
       .positionals = {"NAME"},
       .summary = "Remove a secret that no function uses any more",
       .details = "",
       .flags = {},
       .examples = {{"hearth secret rm token", ""}},
       .run = Remove},
  };
}

}  // namespace hearth::cli
