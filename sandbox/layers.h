#pragma once

namespace hearth {

// The layers that confine a function, by name, so that a test can take one away and see what it alone stops.
//
// There is no switch. layers.cc answers yes to every one of them, and what is installed is linked with that;
// the executables of tests/sandbox are linked with another definition (tests/sandbox/weakened_layers.cc)
// instead.
enum class Layer : unsigned {
  kNetworkNamespace,
  kIpcNamespace,  // of the sandbox and of each worker
  kHostName,
  kPrivateRoot,  // off: the host's /etc, /root and /proc are seen too
  kReadOnlyMounts,
  kTmpFlags,   // nosuid, nodev, noexec of /tmp
  kTmpLimits,  // its size and its number of files
  kPrivateTmp,
  kUid,
  kBoundingSet,
  kCapabilities,
  kNoNewPrivileges,
  kNotDumpable,
  kResourceLimits,
  kCgroup,
  kZygoteFilter,
  kWorkerFilter,
  kArchitectureCheck,
  kLandlock,
  kWorkerPidNamespace,
  kDescriptors,
};

bool IsOn(Layer layer);

}  // namespace hearth
