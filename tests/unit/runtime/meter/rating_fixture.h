#pragma once

#include <algorithm>
#include <map>
#include <random>
#include <string>
#include <vector>

#include <catch2/catch.hpp>

#include "runtime/meter/account_state.h"
#include "runtime/meter/commitment_order.h"
#include "runtime/meter/rating.h"
#include "runtime/meter/usage_table.h"
#include "runtime/meter/utc_text.h"
#include "tests/unit/runtime/meter/meter_fixture.h"

namespace hearth {

inline WallTime At(std::string_view text) { return ParseUtcText(text).value(); }
inline Money Of(std::string_view text) { return ParseMoney(text).value(); }
inline const WallTime kNovember = At("2026-11-01");
inline const WallTime kDecember = At("2026-12-01");

// An account with what is said of it, and what ran.
struct RatingFixture {
  AccountState account;
  UsageTable usage;
  uint64_t number = 0;
  uint64_t ids = 0;

  void Happens(WallTime when, const AccountEvent& event) {
    const Status applied = account.Apply(number++, when, event);
    INFO((applied.ok() ? "" : applied.error().message));
    REQUIRE(applied.ok());
    if (const auto* closed = std::get_if<PeriodClosed>(&event)) usage.CloseThrough(closed->through);
  }
  void UseBook(const std::string& edition, const std::string& currency = "USD") {
    Happens(At("2026-01-01"), PricesInForce{R"({"format":2,"name":"test","version":"1","currency":")" +
                                            currency + R"(","editions":[)" + edition + "]}"});
  }
  // Duration at `per_gb_second`, requests for nothing, and `more`.
  void UsePrices(const std::string& per_gb_second, const std::string& more = "",
                 const std::string& per_million = "0") {
    UseBook(R"({"effective_from":"2026-01-01","per_million_requests":")" + per_million +
            R"(","duration_tiers":[{"per_gb_second":")" + per_gb_second + "\"}]" +
            (more.empty() ? "" : "," + more) + "}");
  }
  Commitment Buys(WallTime when, CommitmentOrder order) {
    Commitment commitment = QuoteCommitment(account.PricesAt(HourOf(when)), order, when).value();
    commitment.id = std::string(NameOf(order.kind)) + "-" + std::to_string(++ids);
    Happens(when, CommitmentBought{commitment});
    return commitment;
  }
  CommitmentOrder Reserve(const std::string& function, uint32_t workers, uint32_t memory_mib,
                          uint64_t term_hours, Payment payment = Payment::kNoUpfront) {
    CommitmentOrder order;
    order.function = function;
    order.version = "$LATEST";
    order.workers = workers;
    order.memory_mib = memory_mib;
    order.term_hours = term_hours;
    order.payment = payment;
    return order;
  }
  CommitmentOrder SavingsPlan(const std::string& committed, uint64_t term_hours,
                              Payment payment = Payment::kNoUpfront) {
    CommitmentOrder order;
    order.kind = CommitmentKind::kSavingsPlan;
    order.committed_per_hour = Of(committed);
    order.term_hours = term_hours;
    order.payment = payment;
    return order;
  }
  CommitmentOrder Host(const std::string& function, uint32_t cpus) {
    CommitmentOrder order;
    order.kind = CommitmentKind::kDedicated;
    order.function = function;
    order.cpus = cpus;
    return order;
  }

  struct Run {
    std::string function = "resize";
    uint64_t ms = 1'000;
    uint32_t memory_mib = 1'024;
    Plan plan = Plan::kOnDemand;
    std::string commitment = "";
    uint32_t tmp_mib = 512;
    OutcomeKind outcome = OutcomeKind::kSuccess;
    uint64_t cpu_us = 0;
    std::string version = "$LATEST";
  };
  InvocationRecord RecordOf(WallTime started, const Run& run) {
    InvocationRecord record;
    record.request_id = "id-" + std::to_string(number);
    record.function = run.function;
    record.version = run.version;
    record.started = started;
    record.duration_ns = run.ms * 1'000'000;
    record.memory_mib = run.memory_mib;
    record.plan = run.plan;
    record.commitment = run.commitment;
    record.tmp_mib = run.tmp_mib;
    record.outcome = run.outcome;
    record.cpu_us = run.cpu_us;
    return Billed(record);
  }
  void Ran(WallTime started, const Run& run) { usage.Add(number++, RecordOf(started, run)); }

  std::vector<BillLine> Rate(WallTime until = kDecember, WallTime month = kNovember,
                             const std::vector<WallTime>& cuts = {}) const {
    return RateMonth(account,
                     usage.RowsBookedIn(HourOf(month) - std::chrono::hours(1),
                                        std::chrono::ceil<std::chrono::hours>(until)),
                     month, until, cuts);
  }
};

// Sums over lines.
struct Lines {
  std::vector<BillLine> lines;

  static bool Any(const BillLine&) { return true; }
  template <class Where = bool(const BillLine&)>
  Money Billed(Where where = Any) const {
    Money sum;
    for (const BillLine& line : lines) sum += where(line) ? line.billed : Money{};
    return sum;
  }
  Money Billed(LineKind kind) const {
    return Billed([=](const BillLine& line) { return line.kind == kind; });
  }
  Money Effective(LineKind kind) const {
    Money sum;
    for (const BillLine& line : lines) sum += line.kind == kind ? line.effective : Money{};
    return sum;
  }
  Int128 Quantity(LineKind kind) const {
    Int128 sum = 0;
    for (const BillLine& line : lines) sum += line.kind == kind ? line.quantity : 0;
    return sum;
  }
  size_t Count(LineKind kind) const {
    return static_cast<size_t>(
        std::count_if(lines.begin(), lines.end(), [=](const BillLine& line) { return line.kind == kind; }));
  }
  const BillLine& One(LineKind kind) const {
    REQUIRE(Count(kind) == 1);
    return *std::find_if(lines.begin(), lines.end(), [=](const BillLine& line) { return line.kind == kind; });
  }
};

inline bool operator==(const BillLine& a, const BillLine& b) {
  return a.id == b.id && a.kind == b.kind && a.period == b.period && a.booked == b.booked &&
         a.late == b.late && a.function == b.function && a.version == b.version &&
         a.commitment == b.commitment && a.plan == b.plan && a.tags == b.tags && a.quantity == b.quantity &&
         a.list_price == b.list_price && a.list == b.list && a.contracted == b.contracted &&
         a.billed == b.billed && a.effective == b.effective && a.note == b.note;
}

}  // namespace hearth
