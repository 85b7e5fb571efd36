#include <algorithm>

#include "runtime/cli/text_table.h"
#include "runtime/cli/verbs.h"

namespace hearth::cli {
namespace {

// The most that the daemon waits for something to tell.
constexpr int kWaitMs = 20'000;

std::string OutcomesPath(const std::string& bucket) {
  return "/_hearth/v1/buckets/" + PercentEncode(bucket) + "/outcomes";
}

std::string LineOf(const Json& outcome) {
  std::string line = TextOf(outcome, "Time") + "  " + TextOf(outcome, "Result");
  line.resize(std::max<size_t>(line.size(), 36), ' ');
  line += "  " + TextOf(outcome, "Key") + " -> " + TextOf(outcome, "FunctionName") + "  " +
          TextOf(outcome, "DurationMs") + " ms";
  if (TextOf(outcome, "Event").starts_with("ObjectRemoved")) line += ", removal";
  if (outcome.value("Attempt", 1) > 1) line += ", attempt " + TextOf(outcome, "Attempt");
  if (outcome.contains("Error")) line += ": " + TextOf(outcome, "Error");
  return line;
}

void Print(Session& session, const Json& answer) {
  if (answer.value("Missed", uint64_t{0}) > 0) {
    session.Note(TextOf(answer, "Missed") +
                 " outcomes came faster than they were asked for, and are left out");
  }
  for (const Json& outcome : answer.value("Outcomes", Json::array()))
    session.out() << (session.wants_json() ? DumpJson(outcome) : Printable(LineOf(outcome))) << '\n';
  session.out().flush();
}

Result<ExitCode> Watch(Session& session, const Arguments& arguments) {
  const std::string path = OutcomesPath(arguments.Word(0));
  HEARTH_ASSIGN(const auto count, arguments.Number("--count", 1, 1'000'000));
  HEARTH_ASSIGN(Json answer, session.Ask("POST", path, Json::object()));
  uint64_t next = answer.value("Next", uint64_t{0});
  uint64_t left = count ? static_cast<uint64_t>(*count) : UINT64_MAX;
  if (!arguments.Has("--all")) answer["Outcomes"] = Json::array();
  answer["Missed"] = 0;  // of what was before this
  for (;;) {
    Json& outcomes = answer["Outcomes"];
    if (outcomes.size() > left)
      outcomes.erase(outcomes.begin() + static_cast<std::ptrdiff_t>(left), outcomes.end());
    left -= outcomes.size();
    Print(session, answer);
    if (left == 0) return ExitCode::kOk;
    HEARTH_ASSIGN(answer, session.Ask("POST", path, {{"After", next}, {"WaitMs", kWaitMs}}));
    next = answer.value("Next", uint64_t{0});
  }
}

}  // namespace

std::vector<Command> BucketWatchCommands() {
  return {{
      .name = "bucket watch",
      .positionals = {"NAME"},
      .summary = "Print what becomes of a bucket's objects, as it happens",
      .details = "A line is: time (UTC), Succeeded, Failed (for good), Retried, Waiting (could not run yet) "
                 "or Outdated\n"
                 "(other content by then), the key as events have it, the function, and how long it took. "
                 "With --json\n"
                 "each line is an object.\n",
      .flags = {{"--all", "", "begin with those of before, a thousand at most"},
                {"--count", "N", "end after so many lines"}},
      .examples = {{"hearth bucket watch photos", ""}},
      .run = Watch,
  }};
}

}  // namespace hearth::cli
