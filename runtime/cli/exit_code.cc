#include "runtime/cli/exit_code.h"

namespace hearth::cli {

ExitCode ExitCodeOf(const Error& error) {
  switch (error.code) {
    case ErrorCode::kInvalidArgument:
      return ExitCode::kUsage;
    case ErrorCode::kThrottled:
      return ExitCode::kThrottled;
    case ErrorCode::kTimedOut:
      return ExitCode::kTimedOut;
    default:
      return ExitCode::kPlatform;
  }
}

}  // namespace hearth::cli
