#pragma once

#include "runtime/base/result.h"

namespace hearth::cli {

// What a script may rely on; docs/cli.md lists them.
enum class ExitCode : int {
  kOk = 0,
  kFunctionError = 1,  // the function ran and failed
  kUsage = 2,          // the command line, or a file that it names, is wrong
  kPlatform = 3,       // the daemon refused or could not be reached, or this machine failed
  kDamaged = 4,        // what was checked is not what was written
  kThrottled = 75,     // EX_TEMPFAIL of sysexits.h: try again later
  kTimedOut = 124,     // as timeout(1): the function's time, or the wait for the daemon, was over
};

// In this folder kInvalidArgument means usage and nothing else: what the daemon refuses comes with other
// codes.
ExitCode ExitCodeOf(const Error& error);

inline Error UsageError(std::string message) { return {ErrorCode::kInvalidArgument, std::move(message)}; }

}  // namespace hearth::cli
