#include "runtime/cli/log_line.h"
#include "runtime/cli/verbs.h"

namespace hearth::cli {
namespace {

// A function that nobody calls says nothing for days.
constexpr seconds kFollowQuietMax{366L * 24 * 3600};

std::string TargetOf(const Arguments& arguments) {
  std::string target = "/_hearth/v1/logs/" + PercentEncode(arguments.Word(0));
  char mark = '?';
  const auto add = [&](const std::string& name, const std::string& value) {
    target += mark + name + "=" + PercentEncode(value);
    mark = '&';
  };
  if (arguments.Has("--since")) add("since", arguments.Text("--since"));
  if (arguments.Has("--request-id")) add("request-id", arguments.Text("--request-id"));
  if (arguments.Has("--lines")) add("lines", arguments.Text("--lines"));
  if (arguments.Has("--follow")) add("follow", "1");
  return target;
}

Result<ExitCode> Logs(Session& session, const Arguments& arguments) {
  HttpRequest request{.target = TargetOf(arguments)};
  if (arguments.Has("--follow")) request.quiet_max = kFollowQuietMax;
  LineCutter cutter([&session](const std::string& line) {
    session.out() << (session.wants_json() ? line : LogLineText(line)) << '\n';
    session.out().flush();
  });
  HEARTH_ASSIGN(const HttpAnswer answer,
                session.client().Stream(request, [&cutter](std::string_view piece) { cutter.Add(piece); }));
  HEARTH_TRY(CheckAnswer(answer));
  return ExitCode::kOk;
}

}  // namespace

std::vector<Command> LogsCommands() {
  return {{
      .name = "logs",
      .positionals = {"NAME"},
      .summary = "Print what a function logged, with the START, END and REPORT lines",
      .details =
          "A line is: time (UTC), the request's first eight digits, level or source, message, fields.\n"
          "With --json each line is the object that the API sends.\n",
      .flags = {{"--follow", "", "go on with what comes, until ^C", Repeat::kOnce, "-f"},
                {"--since", "TIME", "only lines since then: 90s, 5m, 2h, 7d ago, or 2026-11-23T09:00:00Z"},
                {"--request-id", "ID", "only the lines of this request"},
                {"--lines", "N", "the newest N lines, 10000 at most (10000)", Repeat::kOnce, "-n"}},
      .examples = {{"hearth logs greet --since 5m", ""}, {"hearth logs greet -f", ""}},
      .run = Logs,
  }};
}

}  // namespace hearth::cli
