#pragma once

#include <array>
#include <cstdint>

#include "runtime/model/invocation_record.h"

namespace hearth {

inline constexpr size_t kOutcomeKinds = static_cast<size_t>(OutcomeKind::kAborted) + 1;

// Sums over records, all integers, so that the order of adding and the split of a period never matter.
// 64 bits are enough for MB x ms: a function of 10 GB would have to run for 57,000 years.
struct UsageTotals {
  uint64_t records = 0;          // attempts, whatever became of them
  uint64_t requests = 0;         // billable ones
  uint64_t billed_ms = 0;        // of billable ones
  uint64_t memory_mb_ms = 0;     // memory x billed_ms of billable ones; 1 GB-second is 1,024,000
  uint64_t next_hour_mb_ms = 0;  // what of it lies past the end of the UTC hour in which the attempt started
  uint64_t duration_ns = 0;
  uint64_t init_ns = 0;
  uint64_t cold_starts = 0;
  uint64_t cpu_us = 0;
  std::array<uint64_t, kOutcomeKinds> by_outcome{};

  uint64_t of(OutcomeKind kind) const { return by_outcome[static_cast<size_t>(kind)]; }
  uint64_t errors() const { return records - of(OutcomeKind::kSuccess); }
  void Add(const InvocationRecord& record);
  UsageTotals& operator+=(const UsageTotals& other);
  friend bool operator==(const UsageTotals&, const UsageTotals&) = default;
};

inline constexpr uint64_t kMbMsPerGbSecond = 1'024'000;

}  // namespace hearth
