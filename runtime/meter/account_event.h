#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <variant>

#include "runtime/base/result.h"
#include "runtime/meter/budget.h"
#include "runtime/meter/commitment.h"

namespace hearth {

// What happened to the account and bills depend on, in the ledger's order among the records
// (docs/ledger-format.md has the envelope, docs/billing.md the payloads). Each has a kind by name and a JSON
// object; unknown members are refused, since an ignored one is a wrong bill.

struct CommitmentBought {
  Commitment commitment;
  friend bool operator==(const CommitmentBought&, const CommitmentBought&) = default;
};
// The old one ends where the new one begins; what of its upfront payment is not used up yet is credited.
struct CommitmentExchanged {
  std::string old_id;
  Commitment commitment;
  friend bool operator==(const CommitmentExchanged&, const CommitmentExchanged&) = default;
};
struct CommitmentEnded {
  std::string id;
  WallTime at{};
  friend bool operator==(const CommitmentEnded&, const CommitmentEnded&) = default;
};
// All tags of the function from this hour on; none when it is deleted.
struct FunctionTagged {
  std::string function;
  Tags tags;
  friend bool operator==(const FunctionTagged&, const FunctionTagged&) = default;
};
// The book as it was given, whole, so that bills need no file to be made again. In force from the next UTC
// hour on; the first one also for everything before.
struct PricesInForce {
  std::string book_json;
  friend bool operator==(const PricesInForce&, const PricesInForce&) = default;
};
struct BudgetSet {
  Budget budget;
  friend bool operator==(const BudgetSet&, const BudgetSet&) = default;
};
struct BudgetRemoved {
  std::string name;
  friend bool operator==(const BudgetRemoved&, const BudgetRemoved&) = default;
};
// Money given back: for a fault of the platform, or as a courtesy.
struct CreditGranted {
  std::string id;  // "crd-0123456789ab"
  Money amount;    // over 0
  std::string function;
  std::string reason;
  friend bool operator==(const CreditGranted&, const CreditGranted&) = default;
};
// Negotiated: off every list price from the next UTC hour on.
struct DiscountSet {
  uint32_t basis_points = 0;  // 100 is 1 %
  friend bool operator==(const DiscountSet&, const DiscountSet&) = default;
};
// Off the list price for spot, for what is admitted from the next UTC hour on; of the steps in the book, or
// set by hand.
struct SpotDiscountSet {
  uint32_t basis_points = 0;
  friend bool operator==(const SpotDiscountSet&, const SpotDiscountSet&) = default;
};
// Hours before `through` are final: what the ledger gets of them after this entry becomes a correction.
struct PeriodClosed {
  UtcHour through{};
  friend bool operator==(const PeriodClosed&, const PeriodClosed&) = default;
};
// A closed month's bill, so that making it again can be held against it.
struct InvoiceIssued {
  std::string month;  // "2026-11"
  std::string sha256;
  uint64_t lines = 0;
  Money total;
  friend bool operator==(const InvoiceIssued&, const InvoiceIssued&) = default;
};
// Where the node's memory was in an hour, in MB x ms (MB is MiB), measured with the monotonic clock; several
// entries of one hour add up.
struct NodeHour {
  UtcHour hour{};
  uint64_t observed_ms = 0;  // of the hour; the rest the daemon did not run
  uint64_t capacity = 0;
  uint64_t busy = 0;           // on demand, init and invoke
  uint64_t reserved_busy = 0;  // on workers that a commitment keeps warm
  uint64_t reserved_idle = 0;
  uint64_t spot = 0;
  uint64_t dedicated = 0;
  uint64_t keep_alive = 0;  // warm and idle, nobody's commitment
  uint64_t platform = 0;    // zygotes, workers that start or end
  friend bool operator==(const NodeHour&, const NodeHour&) = default;
};

using AccountEvent = std::variant<CommitmentBought, CommitmentExchanged, CommitmentEnded, FunctionTagged,
                                  PricesInForce, BudgetSet, BudgetRemoved, CreditGranted, DiscountSet,
                                  SpotDiscountSet, PeriodClosed, InvoiceIssued, NodeHour>;

// "commitment.bought"
std::string_view EventKindOf(const AccountEvent& event);
// The payload.
std::string EncodeAccountEventJson(const AccountEvent& event);
// kUnsupported: a kind or member that this release does not know; kCorrupt: what it knows but cannot read.
Result<AccountEvent> DecodeAccountEventJson(std::string_view kind, std::string_view json);

}  // namespace hearth
