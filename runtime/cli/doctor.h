#pragma once

#include <chrono>
#include <optional>
#include <string>
#include <vector>

#include "runtime/base/result.h"

namespace hearth::cli {

// What the launcher found of this host, one layer of confinement each.
struct Finding {
  std::string layer;   // "seccomp"
  std::string state;   // "ok", "degraded", "missing"
  std::string detail;  // which one; or why not, with the errno, and what to do
};

struct Diagnosis {
  uint32_t level = 0;
  std::vector<Finding> findings;
  // Of a function that does nothing, in a sandbox of its own; none where the host confines nothing.
  std::optional<std::chrono::microseconds> first_start;  // sandbox, zygote, library
  std::vector<std::chrono::microseconds> next_starts;    // each a worker more, sorted: from asked to ready
  std::string start_failure;                             // why there are none
};

// Starts the launcher beside this executable, asks it what it found, and starts a function that does nothing,
// `workers` times. Without a daemon; needs some hundredths of a second. Everything is gone when it returns.
Result<Diagnosis> Diagnose(size_t workers);

// "seccomp: missing (…)" as a finding; a line without a state is "ok".
std::vector<Finding> FindingsOf(const std::string& report);
std::string LevelText(uint32_t level);

}  // namespace hearth::cli
