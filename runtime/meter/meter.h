#pragma once

#include <array>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "runtime/base/ids.h"
#include "runtime/base/result.h"
#include "runtime/meter/attempt_book.h"
#include "runtime/meter/ledger_entry.h"
#include "runtime/meter/meter_view.h"
#include "runtime/meter/recent_window.h"
#include "runtime/meter/roll_up_sums.h"
#include "runtime/meter/usage_table.h"
#include "runtime/model/invocation_record.h"
#include "runtime/model/observers.h"
#include "runtime/store/ledger_log.h"
#include "runtime/store/open_slots.h"

namespace hearth {

// Keeps the account: every attempt is recorded here before anybody hears how it ended.
//
// Owns:    sums by hour, a window of recent identities, the open slots. Owned by main.
// Borrows: LedgerLog&, the observers - all outlive the meter.
// Thread:  loop thread. Record() makes no system call.
// Limits:  identities and successes are remembered for the last 262,144 records each (settings), also over a
//          restart (there, those among that many last records); account events: 262,144, each
//          60 KiB.
// Failure: a record that the ledger does not take is an error to the caller and in no sum; observers do not
//          hear of it.
// Promise: one record for each (request id, attempt) within the window. What could not be recorded is not
//          billed.
class Meter final : public AttemptBook {
 public:
  struct Options {
    size_t identities_max = size_t{1} << 18;
    size_t successes_max =
        size_t{1} << 18;  // of events that did not come by HTTP: those have nobody to run them again
    size_t account_events_max = size_t{1} << 18;
    uint64_t boot_id = 0;  // of this life of the daemon, random; the router puts it into its records
  };
  struct OpenReport {
    uint64_t records = 0;  // of invocations
    uint64_t account_events = 0;
    uint64_t settled = 0;      // were on their way from other loops when the last life ended
    uint64_t interrupted = 0;  // were open when the last life ended; each has a record now
    uint64_t not_known = 0;    // were open, and what it was cannot be read
    uint64_t unreadable = 0;   // in the ledger, valid there, but no entry of the meter's
    std::string detail;        // of the first unreadable or unknown one
  };
  struct Opened;

  // Reads the whole ledger once. kUnsupported when it has records of a newer version.
  // What is left over in the slots becomes interrupted records. Without slots no attempt is known to be open. `of_loops`:
  // slots of other loops (LoopAttempts), whose records that were on their way are taken first; all that are dealt with
  // are free then.
  static Result<Opened> Open(LedgerLog& ledger, Options options, OpenSlots::Opened slots,
                             const std::vector<OpenSlots::Opened*>& of_loops = {});
  static Result<Opened> Open(LedgerLog& ledger, Options options);
  static Result<Opened> Open(LedgerLog& ledger);

  void AddObserver(InvocationObserver& observer) { observers_.push_back(&observer); }

  Result<OpenSlots::Id> Begin(const InvocationRecord& opening) override;
  void Withdraw(OpenSlots::Id open) override;
  Result<Recorded> Record(const InvocationRecord& record, OpenSlots::Id open) override;

  // Appends, then tells the observers. The same record again is kAlreadyThere and changes nothing; another
  // record under the same identity is refused with kConflict and counted. kUnavailable: the ledger is full.
  Result<Recorded> Record(const InvocationRecord& record);
  // Appends what happened to the account: a commitment was bought, a tag set. The payload is the rater's,
  // JSON, and not looked into here; `now` is the wall clock's, for people. The number of the entry: records
  // with a smaller one were there before it. kInvalidArgument, kTooLarge, kUnavailable (ledger full);
  // kThrottled: account_events_max.
  Result<uint64_t> RecordAccountEvent(std::string_view kind, std::string_view json, WallTime now);
  // In the ledger's order, also those of earlier lives. Reads nothing: they are kept in memory.
  const std::vector<AccountEntry>& account_events() const { return account_events_; }
  uint64_t boot_id() const override { return options_.boot_id; }

  void Sync(std::function<void(Status)> done) override { ledger_.Sync(std::move(done)); }
  bool writable() const override { return ledger_.writable(); }
  // Ran to success, whichever attempt; for events found open after a crash. Asks the window.
  bool HasSuccess(const RequestId& request_id) const;
  // How it ended, if it ran; kInterrupted if only a crash ended it. Asks the window.
  std::optional<OutcomeKind> OutcomeOf(const RequestId& request_id, uint32_t attempt) const;
  const LedgerLog& ledger() const { return ledger_; }
  uint64_t conflicts() const { return conflicts_; }

  // What was recorded so far, for another thread: what statements and bills are made from.
  MeterView View() const { return {usage_.View(), ledger_.View()}; }
  // What of the hours was closed before the ledger's entry `number`.
  UtcHour ClosedBefore(uint64_t number) const;
  // Segments before this one have a roll-up whose hash is in the ledger, as far as the ledger was read.
  uint64_t roll_ups_anchored() const { return roll_ups_anchored_; }

 private:
  // 16 bytes of a request id: a UUID's own, else the first of its SHA-256.
  struct RequestKey {
    uint64_t high = 0;
    uint64_t low = 0;
    friend bool operator==(const RequestKey&, const RequestKey&) = default;
  };
  struct Identity {
    RequestKey request;
    uint32_t attempt = 0;
    friend bool operator==(const Identity&, const Identity&) = default;
  };
  struct Hasher {
    uint64_t operator()(const RequestKey& key) const { return key.high ^ key.low; }
    uint64_t operator()(const Identity& identity) const {
      return (*this)(identity.request) + identity.attempt;
    }
  };
  struct Nothing {};
  // What is kept of a record.
  struct Seen {
    uint64_t hash : 56;  // of its bytes
    uint64_t outcome : 8;
    friend bool operator==(const Seen&, const Seen&) = default;
  };

  // Attempts that were open when the last life ended, or whose record was on its way, until it is seen in the ledger.
  struct Leftover {
    OpenSlots* slots = nullptr;
    OpenSlots::Id slot;
    Identity identity;
    InvocationRecord record;
  };

  Meter(LedgerLog& ledger, const Options& options)
      : options_(options),
        ledger_(ledger),
        identities_(options.identities_max),
        successes_(options.successes_max) {}

  static RequestKey KeyOf(std::string_view request_id);
  static Seen SeenAs(const InvocationRecord& record, std::string_view bytes);
  Status TakeLeftovers(OpenSlots::Opened& opened, OpenReport& report);
  void RecordLeftovers(OpenReport& report);
  Status Rebuild(OpenReport& report);
  // Whether an entry that is read counts for the sums, or had been summed up before.
  enum class UsageFrom { kRecords, kSums };
  Status ReadRange(uint64_t first, uint64_t end, UsageFrom usage, OpenReport& report);
  Status TakeEntry(uint64_t number, std::string_view bytes, UsageFrom usage, OpenReport& report);
  void TakeAccountEntry(AccountEntry entry);
  void RememberIdentity(const InvocationRecord& record, const Identity& identity, std::string_view bytes);
  void TakeSums(const RollUpSums& sums);
  bool MayHoldLeftovers(const RollUpSums& sums) const;

  const Options options_;
  // Borrowed.
  LedgerLog& ledger_;
  std::vector<InvocationObserver*> observers_;

  RecentWindow<Identity, Seen, Hasher> identities_;
  RecentWindow<RequestKey, Nothing, Hasher> successes_;
  UsageTable usage_;
  std::vector<AccountEntry> account_events_;
  std::unique_ptr<OpenSlots> slots_;  // may be null
  std::vector<Leftover> leftovers_;   // while opening
  uint64_t roll_ups_anchored_ = 0;    // segments before this one; by what was read
  uint64_t conflicts_ = 0;
};

struct Meter::Opened {
  std::unique_ptr<Meter> meter;
  OpenReport report;
};

}  // namespace hearth
