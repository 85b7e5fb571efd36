#pragma once

#include <cstdint>
#include <string>

#include "runtime/base/result.h"
#include "sandbox/egress_probe.h"

namespace hearth {

// Levels of isolation, as `hearth doctor` and --min-isolation name them.
inline constexpr uint32_t kIsolationProcess =
    1;  // seccomp and rlimits only: sandboxes are refused at this level
inline constexpr uint32_t kIsolationRootless = 2;  // every namespace, but no hard limit of memory and threads
inline constexpr uint32_t kIsolationRootlessCgroups = 3;
inline constexpr uint32_t kIsolationRootV1 = 4;  // and a uid of its own for each function
inline constexpr uint32_t kIsolationRootV2 = 5;

struct HostProbe {
  uint32_t level = 0;
  bool user_namespaces = true;  // that whoever made one of the sandbox's processes may make
  bool forks_workers = true;    // no: a worker cannot have namespaces of its own, so each needs a sandbox
  std::string report;           // lines "layer: ok" or "layer: missing (why; what to do)"
  // Why no sandbox gets a way out of its network namespace, and what to do; "": it can.
  std::string egress_missing;
};

// Finds out by trying each layer in a child that is thrown away. Takes some milliseconds. Single-threaded
// callers only.
HostProbe ProbeHost(EgressProbe& egress);

}  // namespace hearth
