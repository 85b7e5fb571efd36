#pragma once

#include <functional>
#include <random>
#include <string>
#include <vector>

#include <catch2/catch.hpp>

#include "runtime/base/random.h"
#include "runtime/meter/billed_duration.h"
#include "runtime/meter/meter.h"
#include "runtime/meter/record_codec.h"

namespace hearth {

// A ledger in memory that can be full.
class FakeLedger final : public LedgerLog {
 public:
  Result<uint64_t> Append(std::string_view record) override {
    if (full) return Error{ErrorCode::kUnavailable, "full"};
    records.emplace_back(record);
    return records.size() - 1;
  }
  bool writable() const override { return !full; }
  void Sync(std::function<void(Status)>) override {}
  Status Read(uint64_t from, const std::function<bool(uint64_t, std::string_view)>& visit) const override {
    for (uint64_t i = from; i < records.size(); ++i) {
      ++records_read;
      if (!visit(i, records[i])) break;
    }
    return Ok();
  }
  uint64_t size() const override { return records.size(); }
  Status Verify() const override { return Ok(); }
  void Check(Visit visit, std::function<void(Checked)> done) const override {
    if (!holds_checks) return LedgerLog::Check(std::move(visit), std::move(done));
    held_checks.push_back([this, visit, done] { LedgerLog::Check(visit, done); });
  }

  bool holds_checks = false;
  mutable std::vector<std::function<void()>> held_checks;
  bool full = false;
  std::vector<std::string> records;
  mutable uint64_t records_read = 0;
};

inline constexpr WallTime kNoon{std::chrono::sys_days(std::chrono::year(2026) / 11 / 23) +
                                std::chrono::hours(12)};

// Billing filled in from init and duration.
inline InvocationRecord Billed(InvocationRecord record) {
  record.billable = IsBillable(record.outcome);
  record.billed_ms =
      record.billable ? BilledMs(nanoseconds(record.init_ns), nanoseconds(record.duration_ns)) : 0;
  return record;
}

inline InvocationRecord SomeRecord() {
  InvocationRecord record;
  record.request_id = "6bc28136-xmpl-4365-b021-0ce6b2e64ab0";
  record.function = "resize";
  record.version = "$LATEST";
  record.trigger = TriggerKind::kBucket;
  record.started = kNoon;
  record.duration_ns = 38'660'000;
  record.memory_mib = 128;
  record.memory_peak_kib = 54 * 1024;
  return Billed(record);
}

// Anything that the router could write.
class RandomRecords final {
 public:
  explicit RandomRecords(uint64_t seed) : engine_(seed), ids_(seed) {}
  InvocationRecord Next() {
    InvocationRecord record;
    record.request_id = MakeUuid(ids_);
    record.attempt = 1 + Below(3);
    record.function = Below(2) ? "resize" : "hello";
    record.version = Below(3) ? "$LATEST" : "7";
    record.trigger = static_cast<TriggerKind>(Below(6));
    record.outcome = Below(2) ? OutcomeKind::kSuccess : static_cast<OutcomeKind>(Below(kOutcomeKinds));
    record.started = kNoon + microseconds(Below(uint64_t{3} * 86'400'000'000));
    record.cold = Below(4) == 0;
    record.init_ns = record.cold ? Below(500'000'000) : 0;
    record.duration_ns = Below(5'000'000'000);
    record.queued_ns = Below(1'000'000);
    record.memory_mib = static_cast<uint32_t>(16 + Below(10'000));
    record.memory_peak_kib = Below(1 << 20);
    record.cpu_us = Below(1 << 20);
    record.bytes_in = Below(1 << 22);
    record.bytes_out = Below(1 << 22);
    record.worker = engine_();
    record.plan = static_cast<Plan>(Below(kPlans));
    record.commitment = record.plan == Plan::kOnDemand ? "" : "cm-1";
    record.tmp_mib = Below(10'240);
    record.idle_cpu_us = Below(1'000);
    record.usage_source = static_cast<UsageSource>(Below(3));
    record.boot_id = engine_();
    return Billed(record);
  }
  std::vector<InvocationRecord> Many(size_t count) {
    std::vector<InvocationRecord> records;
    while (records.size() < count) records.push_back(Next());
    return records;
  }
  uint64_t Below(uint64_t bound) { return engine_() % bound; }
  std::mt19937_64& engine() { return engine_; }

 private:
  std::mt19937_64 engine_;
  SeededRandom ids_;
};

}  // namespace hearth
