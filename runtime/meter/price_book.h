#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "runtime/base/result.h"
#include "runtime/meter/money.h"

namespace hearth {

// Prices of a calendar month. A tier's price is for the GB-seconds from the end of the tier before to its
// own.
struct PriceTier {
  uint64_t up_to_gb_seconds = 0;  // 0: no end; only the last
  Money per_gb_second;
};

// What is free each month, taken off before anything is paid. Off unless the book says so.
struct FreeAllowance {
  bool applies = false;
  uint64_t requests = 0;
  uint64_t gb_seconds = 0;
};

// One dated list of prices. Bills are made with a book that is named on them.
struct PriceBook {
  std::string name;            // "lambda-us-east-1"
  std::string effective_from;  // date, "2025-08-01"
  std::string currency;        // ISO 4217
  Money per_million_requests;
  std::vector<PriceTier> duration_tiers;  // at least one, ends ascending
  FreeAllowance free_allowance;
};

// Unknown keys are refused by name, since a price that is silently ignored is a wrong bill.
Result<PriceBook> ParsePriceBookJson(std::string_view json);
// Lambda's published on-demand prices: runtime/meter/prices/lambda-us-east-1.json, compiled in.
Result<PriceBook> ShippedPriceBook();

}  // namespace hearth
