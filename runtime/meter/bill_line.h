#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "runtime/meter/commitment.h"
#include "runtime/meter/money.h"
#include "runtime/meter/statement.h"
#include "runtime/model/plan.h"

namespace hearth {

enum class LineKind : uint8_t {
  // Usage, billed at a price.
  kRequests,
  kDuration,          // on demand
  kSpotDuration,      // at the discount that held at admission
  kReservedDuration,  // on workers that a commitment keeps warm
  kTmpStorage,        // of /tmp above what is free
  kDedicatedUsed,     // cpuset-hours in which something ran
  kDedicatedUnused,
  kReservedUsed,  // capacity without a term, as Lambda's provisioned concurrency
  kReservedUnused,
  kDedicatedDuration,  // ran on a dedicated host: shown, not billed
  // Usage that a commitment has paid for: not billed, but effective.
  kCommittedUsed,
  kCommittedUnused,
  kCoveredRequests,  // by a savings plan
  kCoveredDuration,
  kCoveredReservedDuration,
  kPlanUnused,  // what an hour's commitment was not spent on
  // Paid for to commit.
  kUpfrontFee,
  kHourlyFee,
  // Taken off.
  kExchange,      // what was left of an upfront payment
  kFreeRequests,  // the monthly allowance
  kFreeDuration,
  kVolumeDiscount,  // higher tiers of the month
  kCredit,
  kRounding,  // to whole cents
};
inline constexpr size_t kLineKinds = static_cast<size_t>(LineKind::kRounding) + 1;
std::string_view NameOf(LineKind kind);

enum class LineClass : uint8_t { kUsage, kCovered, kPurchase, kReduction };
LineClass ClassOf(LineKind kind);

// What prices are for.
enum class PriceUnit : uint8_t {
  kGbSecond,  // quantity in MB x ms (MB is MiB): 1,024,000 to one
  kMillionRequests,
  kCpuHour,  // quantity in cpu ms
  kHour,     // quantity in hours
  kMoney,    // quantity in 1e-10 of the currency, price 1
  kOnce,     // quantity 1
};
uint64_t PerUnit(PriceUnit unit);
std::string_view NameOf(PriceUnit unit);
PriceUnit UnitOf(LineKind kind);

// One row of a bill, of one day (UTC) at most. Each amount is rounded half-even to 1e-10 once, from the exact
// quantity; money is never computed from rounded money.
struct BillLine {
  std::string id;  // "2026-11-0123456789ab": the same for as long as nothing but its quantity changes
  LineKind kind = LineKind::kDuration;
  Period period;         // when it was used
  WallTime booked{};     // the day in whose month it is billed; `period.from` unless it is late
  bool late = false;     // a record that came after its hour was closed
  bool final = false;    // its day is closed: it will not change any more
  std::string function;  // "" where it concerns the account
  std::string version;
  std::string commitment;  // that it is paid by, or ran on
  Plan plan = Plan::kOnDemand;
  Tags tags;  // of the function, or of the commitment
  Int128 quantity = 0;
  Money list_price;       // per unit; list
  uint32_t spot_off = 0;  // basis points
  uint32_t contract_off = 0;
  Money list;        // quantity x list price
  Money contracted;  // after spot and negotiated discount
  Money billed;      // on the invoice
  Money effective;   // with commitments spread over what they cover
  std::string note;  // of a credit: its reason

  PriceUnit unit() const { return UnitOf(kind); }
};

// quantity x price / per unit, less discounts in basis points, half-even; rounded once.
Money AmountOf(Int128 quantity, Money price, PriceUnit unit, uint32_t spot_off, uint32_t contract_off);
// "12.5": quantity in units, exactly, without trailing zeros.
std::string QuantityText(Int128 quantity, PriceUnit unit);
// The price less discounts, exactly: at most 18 decimals, without trailing zeros.
std::string PriceText(Money price, uint32_t spot_off, uint32_t contract_off);
// Whole and decimal digits without trailing zeros: value / 10^decimals.
std::string DecimalText(Int128 value, int decimals);

}  // namespace hearth
