#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>

namespace hearth {

// How the capacity that an attempt ran on is paid for. What a savings plan covers is found when bills are
// made; it is no plan of an attempt. The numbers are in the ledger: append only.
enum class Plan : uint8_t {
  kOnDemand = 0,
  kReserved = 1,   // on one of the workers that a commitment keeps warm; spill-over is kOnDemand
  kSpot = 2,       // in slack capacity, may be interrupted
  kDedicated = 3,  // on a host of the function's own, which is paid for by the hour
};
inline constexpr size_t kPlans = static_cast<size_t>(Plan::kDedicated) + 1;
std::string_view NameOf(Plan plan);

// Where cpu time and peak memory of an attempt were read. In the ledger: append only.
enum class UsageSource : uint8_t {
  kNone = 0,    // neither is known
  kCgroup = 1,  // of the worker's own control group
  kRusage = 2,  // of its process, where the host has no control groups for us
};
std::string_view NameOf(UsageSource source);

}  // namespace hearth
