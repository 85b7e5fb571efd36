#include "runtime/meter/loop_attempts.h"

#include <utility>

#include "runtime/meter/record_codec.h"

namespace hearth {

Result<OpenSlots::Id> LoopAttempts::Begin(const InvocationRecord& opening) {
  RecordWriter writer;
  HEARTH_ASSIGN(const std::string_view bytes, EncodeOpening(opening, writer));
  return open_->Put(bytes);
}

// It lies in its new slot before the old one is freed: of a daemon that dies in between both are found, and the record
// is believed.
Result<AttemptBook::Recorded> LoopAttempts::Record(const InvocationRecord& record, OpenSlots::Id open) {
  const Status billing = CheckBilling(record);
  auto bytes = billing.ok() ? EncodeRecord(record) : Result<std::string>(billing.error());
  if (!bytes.ok()) {
    open_->Free(open);
    return std::move(bytes).error();
  }
  const auto kept = settled_->Put(*bytes);
  if (!kept.ok()) {
    ledger_.Take({Source::File::kOpen, open}, std::move(bytes).value());
    return Recorded::kHeld;
  }
  open_->Free(open);
  ledger_.Take({Source::File::kSettled, *kept}, std::move(bytes).value());
  return Recorded::kAppended;
}

}  // namespace hearth
