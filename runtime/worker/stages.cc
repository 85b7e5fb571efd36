#include "runtime/worker/stages.h"

#include <algorithm>
#include <cerrno>
#include <cstring>

#include "runtime/worker/crash_handler.h"

namespace hearth {

namespace {

bool IsSnapshotsStage(std::string_view stage) {
  return stage == kStageInit || stage == kStageCheckpoint || stage == kStageSnapshotThreads;
}

}  // namespace

bool IsAuthorsStage(std::string_view stage) {
  return IsSnapshotsStage(stage) || stage == kStageInspect || stage == kStageLoad || stage == kStageSymbol ||
         stage == kStageTable || stage == kStageAbi || stage == kStageThreads;
}

namespace {

constexpr int kFramesTold = 8;

std::string InOneLine(std::string_view backtrace) {
  std::string line;
  for (int i = 0; i < kFramesTold && !backtrace.empty(); ++i) {
    const size_t end = std::min(backtrace.find('\n'), backtrace.size());
    line += (i == 0 ? "; " : ", ") + std::string(backtrace.substr(0, end));
    backtrace.remove_prefix(std::min(end + 1, backtrace.size()));
  }
  return line;
}

}  // namespace

StageFailure CrashInStage(const std::string& stage, int exit_code, int signal, const std::string& violation,
                          std::string_view backtrace) {
  StageFailure failure{stage, 0, {}, static_cast<uint8_t>(IsAuthorsStage(stage) ? 1 : 0)};
  failure.detail = IsSnapshotsStage(stage)      ? "the handler ended the process that workers are copies of: "
                   : failure.authors_fault != 0 ? "the library ended the process while it was loaded: "
                                                : "the process ended without saying why: ";
  // It took too long over the names, and ended itself so.
  if (!backtrace.empty() && exit_code > kExitOfSignals) signal = exit_code - kExitOfSignals;
  if (signal != 0) {
    failure.detail += "killed by signal " + std::to_string(signal) + " (" + strsignal(signal) + ")";
  } else {
    failure.detail += "exit code " + std::to_string(exit_code);
  }
  if (!violation.empty())
    failure.detail += " for the system call " + violation + ", which no function may make";
  if (signal != 0 && violation.empty()) failure.detail += InOneLine(backtrace);
  return failure;
}

StageFailure StuckInStage(const std::string& stage, int seconds) {
  const bool authors = IsAuthorsStage(stage);
  if (IsSnapshotsStage(stage)) {
    return {stage, ETIMEDOUT,
            "it had not ended " + std::to_string(seconds) + " seconds after the start of its sandbox", 1};
  }
  return {stage, ETIMEDOUT,
          std::string(authors ? "the library was not loaded" : "the sandbox was not ready") + " within " +
              std::to_string(seconds) + " seconds" +
              (authors ? ": do long work in init, not in static constructors" : ""),
          static_cast<uint8_t>(authors ? 1 : 0)};
}

}  // namespace hearth
