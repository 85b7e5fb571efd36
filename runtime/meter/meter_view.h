#pragma once

#include <atomic>
#include <functional>
#include <memory>
#include <vector>

#include "runtime/base/result.h"
#include "runtime/meter/roll_up_sums.h"
#include "runtime/meter/statement.h"
#include "runtime/meter/usage_view.h"
#include "runtime/model/invocation_record.h"
#include "runtime/store/ledger_log.h"

namespace hearth {

class UsageTable;

// The records of a meter, and their sums, as they were at one moment.
//
// Thread:  any; a copy is a pointer for each hour.
// Promise: never changes, but for records that are removed from the ledger meanwhile (ledger_keep_days).
class MeterView final {
 public:
  MeterView(UsageView usage, std::shared_ptr<const LedgerView> ledger)
      : usage_(std::move(usage)), ledger_(std::move(ledger)) {}
  // From then on, when it turns true, reading the ledger ends with kCancelled.
  void StopOn(std::shared_ptr<const std::atomic<bool>> stop) { stop_ = std::move(stop); }

  // Whole hours come from the sums, the rest of the period is read from the ledger.
  Result<Statement> StatementOf(Period period) const;
  // What bills of whole hours are made from, in the order of keys.
  std::vector<UsageRow> RowsBookedIn(UtcHour from, UtcHour to) const { return usage_.RowsBookedIn(from, to); }
  // The same, from the ledger's records (and from the sums where no records are kept) instead of the sums in
  // memory. Blocks while it reads all.
  Result<std::vector<UsageRow>> ReadRowsBookedIn(UtcHour from, UtcHour to) const;

  // The records of a period, in the ledger's order, until `visit` returns false. kPrecondition: they are kept
  // no longer.
  Status Visit(Period period, const std::function<bool(const InvocationRecord&)>& visit) const;
  // The same with the record's number in the ledger: the order in which records were appended, which is not
  // that of their starts.
  Status VisitNumbered(Period period,
                       const std::function<bool(uint64_t number, const InvocationRecord&)>& visit) const;
  // The records of a function that are kept, the newest first - by when they were appended within an hour, by hours
  // of their starts - until `visit` returns false, `since` is reached, or `read_max` entries have been read: then false.
  Result<bool> VisitNewest(std::string_view function, WallTime since, uint64_t read_max,
                           const std::function<bool(uint64_t number, const InvocationRecord&)>& visit) const;

 private:
  Status Read(uint64_t from, const LedgerView::Visit& visit) const;
  Status ReadUsage(uint64_t from, uint64_t to, UsageTable& usage) const;
  Status AddSums(const LedgerPart& part, UsageTable& usage) const;

  UsageView usage_;
  std::shared_ptr<const LedgerView> ledger_;
  std::shared_ptr<const std::atomic<bool>> stop_;  // may be null
};

// Sums of a ledger's part, from its roll-up.
Result<RollUpSums> SumsOfPart(const LedgerView& ledger, const LedgerPart& part);

}  // namespace hearth
