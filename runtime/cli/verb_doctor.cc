#include "runtime/cli/doctor.h"
#include "runtime/cli/text_table.h"
#include "runtime/cli/verbs.h"

namespace hearth::cli {
namespace {

constexpr size_t kWorkers = 30;

std::string Ms(std::chrono::microseconds time) {
  return Decimals(static_cast<double>(time.count()) / 1'000, 2) + " ms";
}

std::chrono::microseconds At(const std::vector<std::chrono::microseconds>& sorted, size_t percent) {
  return sorted[(sorted.size() - 1) * percent / 100];
}

Json AsJson(const Diagnosis& diagnosis) {
  Json layers = Json::array();
  for (const Finding& each : diagnosis.findings)
    layers.push_back({{"layer", each.layer}, {"state", each.state}, {"detail", each.detail}});
  Json starts;
  if (diagnosis.first_start) starts["first_us"] = diagnosis.first_start->count();
  if (!diagnosis.next_starts.empty()) {
    starts["next_us_median"] = At(diagnosis.next_starts, 50).count();
    starts["next_us_p95"] = At(diagnosis.next_starts, 95).count();
  }
  if (!diagnosis.start_failure.empty()) starts["failure"] = diagnosis.start_failure;
  return {{"isolation_level", diagnosis.level},
          {"meaning", LevelText(diagnosis.level)},
          {"layers", layers},
          {"cold_start", starts}};
}

std::string AsText(const Diagnosis& diagnosis) {
  TextTable table({{"LAYER"}, {"STATE"}, {"WHICH, OR WHY AND WHAT TO DO"}});
  for (const Finding& each : diagnosis.findings) table.Add({each.layer, each.state, each.detail});
  std::string text = table.Text() + "\nisolation level " + std::to_string(diagnosis.level) + ": " +
                     LevelText(diagnosis.level) + "\n";
  if (diagnosis.first_start)
    text += "first start of a function that does nothing: " + Ms(*diagnosis.first_start) + "\n";
  if (!diagnosis.next_starts.empty()) {
    text += "each worker more: " + Ms(At(diagnosis.next_starts, 50)) + ", p95 " +
            Ms(At(diagnosis.next_starts, 95)) + " (of " + std::to_string(diagnosis.next_starts.size()) +
            ", one after the other, without cgroups)\n";
  }
  if (!diagnosis.start_failure.empty())
    text += "a function could not be started: " + diagnosis.start_failure + "\n";
  return text;
}

Result<ExitCode> Doctor(Session& session, const Arguments&) {
  HEARTH_ASSIGN(const Diagnosis diagnosis, Diagnose(kWorkers));
  if (session.wants_json()) {
    session.PrintJson(AsJson(diagnosis));
  } else {
    session.out() << Printable(AsText(diagnosis));
  }
  return diagnosis.start_failure.empty() ? ExitCode::kOk : ExitCode::kPlatform;
}

}  // namespace

std::vector<Command> DoctorCommands() {
  return {
      {.name = "doctor",
       .positionals = {},
       .summary = "Show how well this machine confines functions, and how fast it starts one",
       .details =
           "Needs no daemon: tries each layer by itself, as the user that runs it, and starts a function\n"
           "that does nothing. The exit code is 3 when it could not be started.\n",
       .flags = {},
       .examples = {{"hearth doctor", ""},
                    {"sudo hearth doctor --json", "as a daemon of root would find it"}},
       .run = Doctor},
  };
}

}  // namespace hearth::cli
