#pragma once

#include <cstdint>
#include <vector>

#include "runtime/meter/account_state.h"
#include "runtime/meter/commitment_order.h"
#include "runtime/meter/statement.h"
#include "runtime/meter/usage_row.h"

namespace hearth {

struct AdviceCandidate {
  CommitmentOrder order;
  Money cost;  // of the same usage, commitment included, upfront payments spread over their term
  uint32_t utilisation_permille = 0;  // of what would have been bought
  // From which utilisation on it is cheaper than on demand.
  uint32_t break_even_permille = 0;
};

struct Advice {
  Money on_demand;  // duration as it was, at list prices; what runs under other plans left out
  std::vector<AdviceCandidate> candidates;  // cheapest first

  // Nothing when on demand is cheapest.
  const AdviceCandidate* cheapest() const {
    return candidates.empty() || candidates.front().cost >= on_demand ? nullptr : &candidates.front();
  }
};

inline constexpr size_t kAdviceFunctionsMax = 50;  // those that cost most
inline constexpr size_t kAdviceLevelsMax = 100;    // amounts that are tried for each offer and function

// What the usage of a period would have cost under each offer of the book, hour by hour, and under which
// amount of it the least: Azure's and AWS's method, a replay. Whole hours; prices are those in force at its
// end. Savings plans that run already are spent first.
Advice Advise(const AccountState& account, const std::vector<UsageRow>& usage, Period period);

}  // namespace hearth
