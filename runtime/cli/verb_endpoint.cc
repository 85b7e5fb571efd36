#include "runtime/base/files.h"
#include "runtime/cli/resources.h"
#include "runtime/cli/text_table.h"
#include "runtime/cli/verbs.h"

namespace hearth::cli {
namespace {

Result<ExitCode> RemoveUrl(Session& session, const std::string& function) {
  HEARTH_ASSIGN(const Json answer,
                session.Ask("DELETE", "/2021-10-31/functions/" + PercentEncode(function) + "/url"));
  if (session.wants_json()) {
    session.PrintJson(answer);
  } else {
    session.PrintLine("function " + function + " has no URL any more");
  }
  return ExitCode::kOk;
}

Result<ExitCode> Url(Session& session, const Arguments& arguments) {
  const std::string function = arguments.Word(0);
  if (arguments.Has("--token") + arguments.Has("--public") + arguments.Has("--rm") > 1) {
    return UsageError("--token, --public and --rm exclude each other");
  }
  if (arguments.Has("--rm")) return RemoveUrl(session, function);
  const UrlAccess access = arguments.Has("--token")    ? UrlAccess::kToken
                           : arguments.Has("--public") ? UrlAccess::kPublic
                                                       : UrlAccess::kUnchanged;
  HEARTH_ASSIGN(UrlMade made, GiveUrl(session, function, access));
  if (session.wants_json()) {
    if (!made.token.empty()) made.config["Token"] = made.token;
    session.PrintJson(made.config);
    return ExitCode::kOk;
  }
  session.PrintLine(TextOf(made.config, "FunctionUrl"));
  const std::string by_path = TextOf(made.config.value("Hearth", Json::object()), "PathUrl");
  if (!by_path.empty()) session.Note("where names under localhost are not looked up: " + by_path);
  if (made.token.empty()) return ExitCode::kOk;
  session.PrintLine("token: " + made.token);
  session.Note("the token is not shown again; callers send it as: Authorization: Bearer TOKEN");
  return ExitCode::kOk;
}

Result<std::string> TokenOf(const Arguments& arguments) {
  if (!arguments.Has("--route-token-file")) return std::string();
  auto token = ReadFile(arguments.Text("--route-token-file"));
  if (!token.ok()) return UsageError("--route-token-file: " + token.error().message);
  token->erase(token->find_last_not_of(" \r\n") + 1);
  return token;
}

Result<ExitCode> AddRoute(Session& session, const Arguments& arguments) {
  HEARTH_ASSIGN(const std::string token, TokenOf(arguments));
  HEARTH_ASSIGN(const Json route,
                PutRoute(session, arguments.Word(0), arguments.Word(1), arguments.Text("--name"), token));
  if (session.wants_json()) {
    session.PrintJson(route);
  } else {
    session.PrintLine("route " + TextOf(route, "Name") + ": " + TextOf(route, "Route") + " -> " +
                      TextOf(route, "FunctionName"));
  }
  return ExitCode::kOk;
}

Result<ExitCode> ListRoutes(Session& session, const Arguments&) {
  HEARTH_ASSIGN(const Json answer, session.Ask("GET", "/_hearth/v1/routes"));
  if (session.wants_json()) {
    session.PrintJson(answer);
    return ExitCode::kOk;
  }
  TextTable table({{"NAME"}, {"ROUTE"}, {"FUNCTION"}, {"ACCESS"}});
  for (const Json& route : answer.value("Items", Json::array())) {
    table.Add({TextOf(route, "Name"), TextOf(route, "Route"), TextOf(route, "FunctionName"),
               TextOf(route, "AuthType") == "TOKEN" ? "token" : "public"});
  }
  session.out() << table.Text();
  if (table.Text().empty()) session.Note("no routes; make one with: hearth route add 'GET /hello' FUNCTION");
  return ExitCode::kOk;
}

Result<ExitCode> RemoveRoute(Session& session, const Arguments& arguments) {
  HEARTH_ASSIGN(const Json answer,
                session.Ask("DELETE", "/_hearth/v1/routes/" + PercentEncode(arguments.Word(0))));
  if (session.wants_json()) {
    session.PrintJson(answer);
  } else {
    session.PrintLine("removed route " + arguments.Word(0));
  }
  return ExitCode::kOk;
}

}  // namespace

std::vector<Command> EndpointCommands() {
  return {
      {.name = "url",
       .positionals = {"FUNCTION"},
       .summary = "Print a function's URL; give it one if it has none",
       .details = "A URL is public unless --token makes and prints a token for it.\n",
       .flags = {{"--token", "", "ask callers for a bearer token, a new one, printed once"},
                 {"--public", "", "ask callers for nothing any more"},
                 {"--rm", "", "take the URL away"}},
       .examples = {{"curl \"$(hearth url greet)?name=Ada\"", ""}, {"hearth url greet --token", ""}},
       .run = Url},
      {.name = "route add",
       .positionals = {"ROUTE", "FUNCTION"},
       .summary = "Let a path of the data port call a function",
       .details = "ROUTE is \"METHOD /path\"; a path alone takes any method. {name} stands for one part of "
                  "the path.\n",
       .flags = {{"--name", "NAME", "what the route is called (default: made from it, get-thumbs-name)"},
                 {"--route-token-file", "FILE", "ask callers for the bearer token in this file"}},
       .examples = {{"hearth route add 'GET /thumbs/{name}' thumbs", ""}},
       .run = AddRoute},
      {.name = "route ls",
       .positionals = {},
       .summary = "List the routes",
       .details = "",
       .flags = {},
       .examples = {{"hearth route ls", ""}},
       .run = ListRoutes},
      {.name = "route rm",
       .positionals = {"NAME"},
       .summary = "Remove a route",
       .details = "",
       .flags = {},
       .examples = {{"hearth route rm get-thumbs-name", ""}},
       .run = RemoveRoute},
  };
}

}  // namespace hearth::cli
