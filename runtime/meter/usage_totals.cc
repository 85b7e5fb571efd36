#include "runtime/meter/usage_totals.h"

#include "runtime/meter/utc_hour.h"

namespace hearth {
namespace {

// No attempt is longer than 15 minutes and its init, so that it ends in the hour after at the latest.
uint64_t MsPastTheHour(const InvocationRecord& record) {
  const WallTime end = HourOf(record.started) + std::chrono::hours(1);
  const auto left =
      static_cast<uint64_t>(std::chrono::ceil<std::chrono::milliseconds>(end - record.started).count());
  return record.billed_ms > left ? record.billed_ms - left : 0;
}

}  // namespace

void UsageTotals::Add(const InvocationRecord& record) {
  const bool attempted = record.init != InitKind::kSnapshot;
  if (attempted) {
    ++records;
    ++by_outcome[static_cast<size_t>(record.outcome)];
  }
  duration_ns += record.duration_ns;
  init_ns += record.init_ns;
  if (record.cold) ++cold_starts;
  cpu_us += record.cpu_us;
  if (!record.billable) return;
  if (attempted) ++requests;
  billed_ms += record.billed_ms;
  memory_mb_ms += record.billed_ms * record.memory_mib;
  next_hour_mb_ms += MsPastTheHour(record) * record.memory_mib;
}

UsageTotals& UsageTotals::operator+=(const UsageTotals& other) {
  records += other.records;
  requests += other.requests;
  billed_ms += other.billed_ms;
  memory_mb_ms += other.memory_mb_ms;
  next_hour_mb_ms += other.next_hour_mb_ms;
  duration_ns += other.duration_ns;
  init_ns += other.init_ns;
  cold_starts += other.cold_starts;
  cpu_us += other.cpu_us;
  for (size_t i = 0; i < kOutcomeKinds; ++i) by_outcome[i] += other.by_outcome[i];
  return *this;
}

}  // namespace hearth
