#pragma once

#include <cstdint>
#include <vector>

#include "runtime/meter/money.h"

namespace hearth {

// One kind of usage in an hour that a savings plan can cover.
struct PlanUsage {
  Int128 quantity = 0;
  Money list;        // price of `per` units on demand
  Money rate;        // price of `per` units under the plan
  uint64_t per = 1;  // 1,024,000 MB x ms, 1,000,000 requests
};

struct PlanCover {
  std::vector<Int128> covered;  // of each usage, in the order given
  // What they cost at the plan's rates, exactly: in 1/scale of Money's units.
  std::vector<Int128> cost;
  Int128 spent = 0;
  Int128 scale = 1;
};

// What an hour's commitment covers: usage with the highest saving (1 - rate / list) first, among equals the
// one with the lowest rate, among those the one given first; the commitment is spent at the plan's rates until
// no usage or no commitment is left (AWS Savings Plans guide, "sp-applying"; billing reference 1.4). Never
// spends more than `committed`. What the plan would make dearer is not covered.
PlanCover CoverByPlan(Money committed, const std::vector<PlanUsage>& usage);

// What ran on reserved workers in one clock hour, and of what size.
struct ReservedUsage {
  uint32_t memory_mib = 0;
  uint64_t mb_ms = 0;
};
// At most `capacity_mb_ms` is covered, 3600 worker-seconds a unit in a clock hour; smallest memory first,
// partly where it does not fit whole, nothing carried to another hour (AWS whitepaper on reservation models;
// billing reference 1.3). Of each usage, in the order given.
std::vector<uint64_t> CoverByReservation(uint64_t capacity_mb_ms, const std::vector<ReservedUsage>& usage);

}  // namespace hearth
