#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "runtime/wire/launcher_frames.h"

namespace hearth {

// A folder that a function sees and cannot use as its configuration says.
struct MountWarning {
  std::string mount;  // "/mnt/buckets/photos"
  std::string text;   // what does not work, why, what to do
  bool operator==(const MountWarning&) const = default;
};

// `access` as the sandbox found it, one for each of `mounts`. `host_uid` 0: functions run as the daemon's own user.
std::vector<MountWarning> MountWarningsOf(const std::vector<BindMount>& mounts,
                                          const std::vector<MountAccess>& access, uint32_t host_uid);

}  // namespace hearth
