#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <string_view>

#include "runtime/base/clock.h"
#include "runtime/base/result.h"
#include "runtime/meter/money.h"
#include "runtime/meter/utc_hour.h"
#include "runtime/model/plan.h"

namespace hearth {

using Tags = std::map<std::string, std::string>;  // "cost-center" -> "vision"

// In the ledger by name; see NameOf().
enum class CommitmentKind : uint8_t {
  kReservedStandard,     // N workers of one function version, always initialised
  kReservedConvertible,  // the same, but can be exchanged for another function or size
  kSavingsPlan,          // so much money an hour, spent at reduced rates; no workers
  kDedicated,            // a cpuset of a function's own
};
std::string_view NameOf(CommitmentKind kind);
Result<CommitmentKind> ParseCommitmentKind(std::string_view name);

enum class Payment : uint8_t { kNoUpfront, kPartialUpfront, kAllUpfront };
std::string_view NameOf(Payment payment);
Result<Payment> ParsePayment(std::string_view name);

inline constexpr uint32_t kCommitmentWorkersMax = 10'000;
inline constexpr uint32_t kCommitmentCpusMax = 1'024;
inline constexpr uint64_t kTermHoursMax = 5 * 8'784;  // five leap years
// $0.001 to $5000 an hour, as AWS's savings plans (billing reference 1.4).
inline constexpr Money kSavingsPlanHourlyMin{10'000'000};
inline constexpr Money kSavingsPlanHourlyMax{50'000'000'000'000};

// What somebody promised to pay for, with the prices of the day on which it was bought: later price books do
// not change it.
//
// The scheduling half reads kind, function, version, workers, memory_mib, cpus and Runs(); the rest is for
// bills.
struct Commitment {
  std::string id;  // "rsv-0123456789ab", "cnv-", "sp-", "ded-"
  CommitmentKind kind = CommitmentKind::kReservedStandard;

  std::string function;     // whose workers; "" for a savings plan
  std::string version;      // "$LATEST" or a number; "" of a dedicated host: every version
  uint32_t workers = 0;     // reserved: kept warm
  uint32_t memory_mib = 0;  // of each of them
  uint32_t cpus = 0;        // dedicated: whole cores, SMT siblings counted

  WallTime from{};          // first moment that is paid for; a full UTC hour where there is a term
  WallTime to = kOpenEnd;   // not paid for any more; kOpenEnd until it is ended
  uint64_t term_hours = 0;  // 0: no term: paid by use, ended at any time
  Payment payment = Payment::kNoUpfront;

  Money upfront;             // once, at `from`
  Money hourly;              // each hour of the term; without a term: for an hour of all of it
  Money committed_per_hour;  // savings plan: what can be spent in an hour, upfront or not
  // Reduced rate of what runs on its workers; of a savings plan: rate at which on-demand duration is covered.
  Money duration_per_gb_second;
  // Reserved: what its capacity costs where there is no term.
  Money capacity_list_per_gb_second;
  // Savings plan: rate at which duration on reserved workers is covered.
  Money reserved_duration_per_gb_second;
  Tags tags;

  static constexpr WallTime kOpenEnd = WallTime::max();

  bool reserved() const {
    return kind == CommitmentKind::kReservedStandard || kind == CommitmentKind::kReservedConvertible;
  }
  bool Runs(WallTime at) const { return from <= at && at < to; }
  uint64_t reserved_mib() const { return uint64_t{workers} * memory_mib; }
  Plan plan() const { return kind == CommitmentKind::kDedicated ? Plan::kDedicated : Plan::kReserved; }

  friend bool operator==(const Commitment&, const Commitment&) = default;
};

// kInvalidArgument names the field and its limits.
Status ValidateCommitment(const Commitment& commitment);

}  // namespace hearth
