#pragma once

#include <string>
#include <string_view>

#include "runtime/wire/launcher_frames.h"

namespace hearth {

// Stages of the zygote in which it is the author's artefact that is looked at or run.
inline constexpr std::string_view kStageInspect = "inspect library";
inline constexpr std::string_view kStageLoad = "load library";
inline constexpr std::string_view kStageSymbol = "find handler";
inline constexpr std::string_view kStageTable = "ask library for its functions";
inline constexpr std::string_view kStageAbi = "check ABI version";
inline constexpr std::string_view kStageThreads = "look for threads";

// Of a zygote that runs init.
inline constexpr std::string_view kStageInit = "run init";
inline constexpr std::string_view kStageCheckpoint = "run before_checkpoint";
inline constexpr std::string_view kStageSnapshotThreads = "look for threads after before_checkpoint";

bool IsAuthorsStage(std::string_view stage);

// A process died in a stage without a word.
// `violation`: the system call that it was killed for, or empty. `backtrace`: its lines, of which the first are told where
// a signal ended it.
StageFailure CrashInStage(const std::string& stage, int exit_code, int signal,
                          const std::string& violation = {}, std::string_view backtrace = {});
// It did not come to an end in time.
StageFailure StuckInStage(const std::string& stage, int seconds);

}  // namespace hearth
