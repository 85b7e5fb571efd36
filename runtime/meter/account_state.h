#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "runtime/base/result.h"
#include "runtime/meter/account_event.h"
#include "runtime/meter/ledger_entry.h"
#include "runtime/meter/price_book.h"

namespace hearth {

// A value that changes with full UTC hours.
template <class T>
class Timeline final {
 public:
  explicit Timeline(T before) : before_(std::move(before)) {}
  // Never before what is there: a wall clock that was set back does not change the past.
  void Set(UtcHour from, T value) {
    if (!changes_.empty()) from = std::max(from, changes_.back().first);
    if (!changes_.empty() && changes_.back().first == from) changes_.pop_back();
    changes_.emplace_back(from, std::move(value));
  }
  const T& At(UtcHour hour) const {
    const T* value = &before_;
    for (const auto& [from, changed] : changes_) {
      if (from <= hour) value = &changed;
    }
    return *value;
  }
  const T& last() const { return changes_.empty() ? before_ : changes_.back().second; }

 private:
  T before_;
  std::vector<std::pair<UtcHour, T>> changes_;
};

// The account as its events in the ledger made it. A value: bills are made from it and the records alone.
//
// Thread: one.
// Limits: those of the ledger (Meter::Options::account_events_max).
class AccountState final {
 public:
  struct Exchange {
    std::string old_id;
    std::string new_id;
    WallTime at{};
    Money credit;  // what was left of the old one's upfront payment
  };
  struct Credit {
    CreditGranted granted;
    WallTime at{};
  };
  struct Closing {
    uint64_t number = 0;  // of the entry: records with a larger one came later
    UtcHour through{};
  };

  AccountState();

  // In the ledger's order. kUnsupported: an event of a newer release; kCorrupt: one that does not fit.
  Status Apply(const AccountEntry& entry);
  Status Apply(uint64_t number, WallTime recorded, const AccountEvent& event);

  // All that ever were, by id.
  const std::map<std::string, Commitment>& commitments() const { return commitments_; }
  const Commitment* Find(std::string_view id) const;
  std::vector<const Commitment*> Running(WallTime at) const;
  const std::vector<Exchange>& exchanges() const { return exchanges_; }

  const Tags& TagsAt(std::string_view function, UtcHour hour) const;
  const Tags& TagsOf(std::string_view function) const;  // as they are now
  // Book, and the edition of it, of an hour.
  const PriceBook& BookAt(UtcHour hour) const { return books_.At(hour); }
  const PriceEdition& PricesAt(UtcHour hour) const { return BookAt(hour).At(hour); }
  const std::string& book_json() const { return book_json_; }  // "" before the first was put in force
  uint32_t DiscountAt(UtcHour hour) const { return discount_.At(hour); }
  uint32_t SpotDiscountAt(UtcHour hour) const;
  const std::map<std::string, Budget>& budgets() const { return budgets_; }
  const std::vector<Credit>& credits() const { return credits_; }
  // Hours before this are final.
  UtcHour closed_through() const { return closed_through_; }
  const std::vector<Closing>& closings() const { return closings_; }
  const std::map<std::string, InvoiceIssued>& invoices() const { return invoices_; }
  const std::map<UtcHour, NodeHour>& node_hours() const { return node_hours_; }

 private:
  static constexpr uint32_t kSpotOfTheBook = UINT32_MAX;
  static constexpr UtcHour kNothingClosed = std::chrono::sys_days(std::chrono::year(1900) / 1 / 1);

  struct Place {
    uint64_t number;
    WallTime recorded;
    UtcHour this_hour;  // never in a closed period
    UtcHour next_hour;
  };
  Status Take(const Place& place, const CommitmentBought& event);
  Status Take(const Place& place, const CommitmentExchanged& event);
  Status Take(const Place& place, const CommitmentEnded& event);
  Status Take(const Place& place, const FunctionTagged& event);
  Status Take(const Place& place, const PricesInForce& event);
  Status Take(const Place& place, const BudgetSet& event);
  Status Take(const Place& place, const BudgetRemoved& event);
  Status Take(const Place& place, const CreditGranted& event);
  Status Take(const Place& place, const DiscountSet& event);
  Status Take(const Place& place, const SpotDiscountSet& event);
  Status Take(const Place& place, const PeriodClosed& event);
  Status Take(const Place& place, const InvoiceIssued& event);
  Status Take(const Place& place, const NodeHour& event);
  Status Add(const Commitment& commitment);
  Result<Commitment*> Known(const std::string& id);

  std::map<std::string, Commitment> commitments_;
  std::vector<Exchange> exchanges_;
  std::map<std::string, Timeline<Tags>, std::less<>> tags_;
  Timeline<PriceBook> books_;
  std::string book_json_;
  Timeline<uint32_t> discount_{0};
  Timeline<uint32_t> spot_discount_{kSpotOfTheBook};
  std::map<std::string, Budget> budgets_;
  std::vector<Credit> credits_;
  UtcHour closed_through_ = kNothingClosed;
  std::vector<Closing> closings_;
  std::map<std::string, InvoiceIssued> invoices_;
  std::map<UtcHour, NodeHour> node_hours_;
};

}  // namespace hearth
