#include "runtime/meter/charge.h"

#include <algorithm>
#include <utility>

namespace hearth {
namespace {

constexpr uint64_t kMillion = 1'000'000;

// How much of [start, start + quantity) lies in [from, to).
uint64_t Overlap(uint64_t start, uint64_t quantity, uint64_t from, uint64_t to) {
  const uint64_t low = std::max(start, from);
  const uint64_t high = std::min(start + quantity, to);
  return high > low ? high - low : 0;
}

class Bill final {
 public:
  Bill(const PriceBook& book, Period period)
      : book_(book.At(std::chrono::floor<std::chrono::hours>(period.from))), period_(period) {
    charges_.price_book = book.name;
    charges_.currency = book.currency;
  }

  void AddFunction(const StatementRow& row) {
    AddDuration(LineKind::kDuration, row.function, row.version, row.usage.memory_mb_ms, ListPrice());
    AddRequests(LineKind::kRequests, row.function, row.version, row.usage.requests,
                book_.per_million_requests);
  }

  void AddTierDiscounts(uint64_t before, uint64_t quantity) {
    uint64_t from = 0;
    for (const PriceTier& tier : book_.duration_tiers) {
      const uint64_t to = tier.up_to_gb_seconds == 0 ? UINT64_MAX : tier.up_to_gb_seconds * kMbMsPerGbSecond;
      if (tier.per_gb_second != ListPrice()) {
        AddDuration(LineKind::kTierDiscount, "", "", Overlap(before, quantity, from, to),
                    tier.per_gb_second - ListPrice());
      }
      from = to;
    }
  }

  void AddFreeAllowance(const MonthToDate& before, const UsageTotals& total) {
    const FreeAllowance& free = book_.free_allowance;
    if (!free.applies) return;
    AddDuration(LineKind::kFreeDuration, "", "",
                Overlap(before.memory_mb_ms, total.memory_mb_ms, 0, free.gb_seconds * kMbMsPerGbSecond),
                Money{} - ListPrice());
    AddRequests(LineKind::kFreeRequests, "", "", Overlap(before.requests, total.requests, 0, free.requests),
                Money{} - book_.per_million_requests);
  }

  Charges Take() && { return std::move(charges_); }

 private:
  Money ListPrice() const { return book_.duration_tiers.front().per_gb_second; }

  void AddDuration(LineKind kind, std::string function, std::string version, uint64_t quantity, Money price) {
    Add({kind, period_, std::move(function), std::move(version), quantity, price,
         DurationAmount(quantity, price)});
  }
  void AddRequests(LineKind kind, std::string function, std::string version, uint64_t quantity, Money price) {
    Add({kind, period_, std::move(function), std::move(version), quantity, price,
         RequestsAmount(quantity, price)});
  }
  void Add(LineItem line) {
    if (line.quantity == 0) return;
    charges_.total += line.amount;
    charges_.lines.push_back(std::move(line));
  }

  const PriceEdition& book_;
  const Period period_;
  Charges charges_;
};

}  // namespace

std::string_view NameOf(LineKind kind) {
  switch (kind) {
    case LineKind::kDuration:
      return "duration";
    case LineKind::kRequests:
      return "requests";
    case LineKind::kTierDiscount:
      return "tier discount";
    case LineKind::kFreeDuration:
      return "free duration";
    case LineKind::kFreeRequests:
      return "free requests";
  }
  return "duration";
}

Money DurationAmount(uint64_t memory_mb_ms, Money per_gb_second) {
  return {DivideHalfEven(Int128{memory_mb_ms} * per_gb_second.units, kMbMsPerGbSecond)};
}

Money RequestsAmount(uint64_t requests, Money per_million) {
  return {DivideHalfEven(Int128{requests} * per_million.units, kMillion)};
}

Charges ChargeMonth(const PriceBook& book, const Statement& usage, const MonthToDate& before) {
  Bill bill(book, usage.period);
  for (const StatementRow& row : usage.rows) bill.AddFunction(row);
  const UsageTotals total = usage.Total();
  bill.AddTierDiscounts(before.memory_mb_ms, total.memory_mb_ms);
  bill.AddFreeAllowance(before, total);
  return std::move(bill).Take();
}

}  // namespace hearth
