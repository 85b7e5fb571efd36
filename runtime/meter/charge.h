#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "runtime/meter/price_book.h"
#include "runtime/meter/statement.h"

namespace hearth {

enum class LineKind { kDuration, kRequests, kTierDiscount, kFreeDuration, kFreeRequests };
std::string_view NameOf(LineKind kind);

// One row of a bill. `amount` is quantity x price, rounded half-even to 1e-10 once, here.
struct LineItem {
  LineKind kind = LineKind::kDuration;
  Period period;         // within one calendar month
  std::string function;  // "" on the lines of the account: tiers and allowance
  std::string version;
  uint64_t quantity = 0;  // MB x ms (duration lines), or requests
  Money price;            // per GB-second, or per million requests; negative on what is taken off
  Money amount;
};

struct Charges {
  std::string price_book;
  std::string currency;
  std::vector<LineItem> lines;
  Money total;  // exactly the sum of the lines
};

// What the account had used since the month began, before the period that is charged: where in the tiers and
// the allowance it stands.
struct MonthToDate {
  uint64_t requests = 0;
  uint64_t memory_mb_ms = 0;
};

// A pure function of usage, prices and place in the month; `usage` is within one calendar month. Every
// function pays the first tier's price; what the account as a whole is owed for higher tiers and the
// allowance are lines of their own, so that no function's line depends on what others ran. Free usage counts
// towards the tiers.
Charges ChargeMonth(const PriceBook& book, const Statement& usage, const MonthToDate& before);

Money DurationAmount(uint64_t memory_mb_ms, Money per_gb_second);
Money RequestsAmount(uint64_t requests, Money per_million);

}  // namespace hearth
