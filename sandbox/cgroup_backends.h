#pragma once

#include <memory>

#include "sandbox/cgroup.h"
#include "sandbox/cgroup_paths.h"

// Inside of the folder: what DiscoverCgroups() chooses from.

namespace hearth {

Result<std::unique_ptr<CgroupBackend>> MakeCgroupV1Backend(const CgroupPaths& paths);
Result<std::unique_ptr<CgroupBackend>> MakeCgroupV2Backend(const CgroupPaths& paths);

// Into the files of a group of version 2. A limit that cannot be written is an error that names its file; swap is
// refused where the kernel accounts it.
Status WriteCgroupV2Limits(const std::string& folder, const CgroupLimits& limits);

// Processor time is handed out in slices of this: short, so that a small function waits 20 ms for its next
// share and not the kernel's default 100.
inline constexpr uint64_t kCpuPeriodUs = 20'000;
// Of one period; at least the kernel's minimum of 1 ms.
uint64_t CpuQuotaUs(double cpus);

}  // namespace hearth
