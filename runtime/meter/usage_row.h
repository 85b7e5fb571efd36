#pragma once

#include <compare>
#include <cstdint>
#include <string>

#include "runtime/meter/usage_totals.h"
#include "runtime/meter/utc_hour.h"

namespace hearth {

// What tells usage of an hour apart when it is rated.
struct UsageKey {
  UtcHour hour{};  // in which the attempts started
  // In whose period it is billed: `hour`, or, when that was closed before the record came, the first hour that
  // was open then. Such usage is a correction.
  UtcHour booked{};
  std::string function;
  std::string version;
  Plan plan = Plan::kOnDemand;
  std::string commitment;
  uint32_t memory_mib = 0;
  uint32_t tmp_mib = 0;

  bool late() const { return booked != hour; }
  friend auto operator<=>(const UsageKey&, const UsageKey&) = default;
};

struct UsageRow {
  UsageKey key;
  UsageTotals usage;
  friend bool operator==(const UsageRow&, const UsageRow&) = default;
};

}  // namespace hearth
