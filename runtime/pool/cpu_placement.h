#pragma once

#include <cstddef>
#include <string>
#include <vector>

#include "runtime/base/result.h"
#include "sandbox/cpu_sets.h"

namespace hearth {

// One core: the threads of it that the kernel numbers as processors.
using CpuCore = CpuList;

// Cores of this machine whose processors are all of `cpus`, by their lowest number. `sys` is for tests.
std::vector<CpuCore> CoresOf(const CpuList& cpus, const std::string& sys = "/sys/devices/system/cpu");

struct CpuWish {
  size_t cpus = 0;
  CpuList had{};  // where it is now; {}: it is new
};

struct CpuPlacement {
  CpuList shared;              // what is left for everybody; never empty
  std::vector<CpuList> hosts;  // as they were asked for
};

// Whole cores. What has its place keeps it; the others, in their order, get the last ones that are free.
// kPrecondition says with figures what does not fit: at least one core is everybody's.
Result<CpuPlacement> PlaceCpus(const std::vector<CpuCore>& cores, const std::vector<CpuWish>& wanted);

}  // namespace hearth
