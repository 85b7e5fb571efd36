#pragma once

#include <vector>

#include "runtime/meter/account_state.h"
#include "runtime/meter/bill_line.h"
#include "runtime/meter/usage_row.h"

namespace hearth {

// What is billed in [month, until): `month` is a calendar month's first moment (UTC), `until` in it or its
// end. `usage` has what is booked there, and what started in the hour before, in any order.
//
// A pure function; docs/billing.md has its rules. Order: dedicated hosts and reserved capacity, spot, the free
// allowance, savings plans, on demand with its tiers, negotiated discount, credits (billing reference 1.7).
// Hours are rated one after the other, and no hour depends on a later one: what is closed stays as it is.
//
// Lines end at each of `cuts`, which are full hours. The free allowance and tiers are of the whole month, so a
// bill of a part of it is cut out of the month's.
std::vector<BillLine> RateMonth(const AccountState& account, const std::vector<UsageRow>& usage,
                                WallTime month, WallTime until, const std::vector<WallTime>& cuts = {});

// When a commitment is paid for: by the hour where it has a term; else of `until` at the latest, a reservation
// in steps of 5 minutes, a dedicated host by the second and for 60 s at least.
Period PaidPeriod(const Commitment& commitment, WallTime until);

}  // namespace hearth
