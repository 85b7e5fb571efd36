#include "runtime/meter/usage_totals.h"

namespace hearth {

void UsageTotals::Add(const InvocationRecord& record) {
  ++records;
  ++by_outcome[static_cast<size_t>(record.outcome)];
  duration_ns += record.duration_ns;
  init_ns += record.init_ns;
  if (record.cold) ++cold_starts;
  if (!record.billable) return;
  ++requests;
  billed_ms += record.billed_ms;
  memory_mb_ms += record.billed_ms * record.memory_mib;
}

UsageTotals& UsageTotals::operator+=(const UsageTotals& other) {
  records += other.records;
  requests += other.requests;
  billed_ms += other.billed_ms;
  memory_mb_ms += other.memory_mb_ms;
  duration_ns += other.duration_ns;
  init_ns += other.init_ns;
  cold_starts += other.cold_starts;
  for (size_t i = 0; i < kOutcomeKinds; ++i) by_outcome[i] += other.by_outcome[i];
  return *this;
}

}  // namespace hearth
