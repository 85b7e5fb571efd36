#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "runtime/base/result.h"
#include "runtime/meter/commitment.h"
#include "runtime/meter/money.h"
#include "runtime/meter/utc_hour.h"

namespace hearth {

// docs/billing.md, "The price book", has the file format.

// Prices of a calendar month. A tier's price is for the GB-seconds from the end of the tier before to its
// own.
struct PriceTier {
  uint64_t up_to_gb_seconds = 0;  // 0: no end; only the last
  Money per_gb_second;
  friend bool operator==(const PriceTier&, const PriceTier&) = default;
};

// What is free each month, taken off before anything is paid. Off unless the book says so.
struct FreeAllowance {
  bool applies = false;
  uint64_t requests = 0;
  uint64_t gb_seconds = 0;
  friend bool operator==(const FreeAllowance&, const FreeAllowance&) = default;
};

// Warm workers: what they cost while they are kept, and what runs on them.
struct ReservedPrices {
  uint64_t term_hours = 0;  // of at least so many hours; 0: no term, as Lambda's provisioned concurrency
  Payment payment = Payment::kNoUpfront;
  bool convertible = false;
  Money capacity_per_gb_second;
  Money duration_per_gb_second;
  friend bool operator==(const ReservedPrices&, const ReservedPrices&) = default;
};

struct SavingsPlanPrices {
  uint64_t term_hours = 0;
  Payment payment = Payment::kNoUpfront;
  Money duration_per_gb_second;
  Money reserved_duration_per_gb_second;
  friend bool operator==(const SavingsPlanPrices&, const SavingsPlanPrices&) = default;
};

// Off the list price of duration. Fixed is one step.
struct SpotStep {
  uint32_t utilisation_percent = 100;  // of the node's memory: up to here; ascending, the last is 100
  uint32_t basis_points = 0;           // 0 to 9,000: at least 10 % of list is paid
  friend bool operator==(const SpotStep&, const SpotStep&) = default;
};
inline constexpr uint32_t kSpotBasisPointsMax = 9'000;

// One dated list of prices.
struct PriceEdition {
  UtcDay effective_from{};
  Money per_million_requests;
  std::vector<PriceTier> duration_tiers;  // at least one, ends ascending
  FreeAllowance free_allowance;
  Money ephemeral_per_gb_second;  // of /tmp above ephemeral_free_mib
  uint32_t ephemeral_free_mib = 512;
  std::vector<ReservedPrices> reserved;
  std::vector<SavingsPlanPrices> savings_plans;
  std::vector<SpotStep> spot;  // empty: spot costs what on demand costs
  Money dedicated_per_cpu_hour;
  bool dedicated_offered = false;

  Money list_per_gb_second() const { return duration_tiers.front().per_gb_second; }
  // The offer whose term is the longest that the wanted one reaches; nullptr: none.
  const ReservedPrices* Reserved(uint64_t term_hours, Payment payment, bool convertible) const;
  const SavingsPlanPrices* SavingsPlan(uint64_t term_hours, Payment payment) const;
  uint32_t SpotBasisPoints(uint32_t utilisation_percent) const;

  friend bool operator==(const PriceEdition&, const PriceEdition&) = default;
};

// Editions by date, one currency. Bills are made with a book that is named on them.
struct PriceBook {
  std::string name;                    // "lambda-us-east-1"
  std::string version;                 // "2025-08-01", as its author counts
  std::string currency;                // ISO 4217
  std::vector<PriceEdition> editions;  // at least one, dates ascending

  // The one in force at that hour; before the first date, the first.
  const PriceEdition& At(UtcHour hour) const;
  friend bool operator==(const PriceBook&, const PriceBook&) = default;
};

inline constexpr size_t kPriceBookBytesMax = 48 * 1024;  // it is to fit into an entry of the ledger
inline constexpr size_t kPriceEditionsMax = 100;

// Unknown keys are refused by name, with the nearest known one, since a price that is silently ignored is a
// wrong bill.
Result<PriceBook> ParsePriceBookJson(std::string_view json);
// Lambda's published prices: runtime/meter/prices/lambda-us-east-1.json, compiled in.
Result<PriceBook> ShippedPriceBook();
std::string_view ShippedPriceBookJson();

}  // namespace hearth
