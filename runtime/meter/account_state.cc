#include "runtime/meter/account_state.h"

#include <algorithm>

#include "runtime/meter/commitment_order.h"

namespace hearth {
namespace {

const Tags kNoTags;

Error Corrupt(const std::string& what) { return {ErrorCode::kCorrupt, "account event: " + what}; }

}  // namespace

AccountState::AccountState() : books_(std::move(ShippedPriceBook()).value()) {}

Status AccountState::Apply(const AccountEntry& entry) {
  HEARTH_ASSIGN(const AccountEvent event, DecodeAccountEventJson(entry.kind, entry.json));
  return Apply(entry.number, entry.recorded, event);
}

Status AccountState::Apply(uint64_t number, WallTime recorded, const AccountEvent& event) {
  Place place{number, recorded, HourOf(recorded), std::chrono::ceil<std::chrono::hours>(recorded)};
  place.this_hour = std::max(place.this_hour, closed_through_);
  place.next_hour = std::max(place.next_hour, closed_through_);
  return std::visit([&](const auto& one) { return Take(place, one); }, event);
}

const Commitment* AccountState::Find(std::string_view id) const {
  const auto found = commitments_.find(std::string(id));
  return found == commitments_.end() ? nullptr : &found->second;
}

std::vector<const Commitment*> AccountState::Running(WallTime at) const {
  std::vector<const Commitment*> running;
  for (const auto& [id, commitment] : commitments_) {
    if (commitment.Runs(at)) running.push_back(&commitment);
  }
  return running;
}

const Tags& AccountState::TagsAt(std::string_view function, UtcHour hour) const {
  const auto found = tags_.find(function);
  return found == tags_.end() ? kNoTags : found->second.At(hour);
}

const Tags& AccountState::TagsOf(std::string_view function) const {
  const auto found = tags_.find(function);
  return found == tags_.end() ? kNoTags : found->second.last();
}

// The steps of the book follow the node's load, which bills do not know: who watches it writes an event. Until
// then it is the step of a full node, the dearest.
uint32_t AccountState::SpotDiscountAt(UtcHour hour) const {
  const uint32_t set = spot_discount_.At(hour);
  return set == kSpotOfTheBook ? PricesAt(hour).SpotBasisPoints(100) : set;
}

Status AccountState::Add(const Commitment& commitment) {
  if (commitment.id.empty() || !commitments_.emplace(commitment.id, commitment).second)
    return Corrupt("commitment \"" + commitment.id + "\" was bought already");
  return Ok();
}

Result<Commitment*> AccountState::Known(const std::string& id) {
  const auto found = commitments_.find(id);
  if (found == commitments_.end()) return Corrupt("no commitment \"" + id + "\" was bought");
  return &found->second;
}

Status AccountState::Take(const Place&, const CommitmentBought& event) { return Add(event.commitment); }

Status AccountState::Take(const Place&, const CommitmentExchanged& event) {
  HEARTH_ASSIGN(Commitment * old, Known(event.old_id));
  const WallTime at = event.commitment.from;
  exchanges_.push_back({event.old_id, event.commitment.id, at, old->upfront - AmortisedUntil(*old, at)});
  old->to = std::min(old->to, at);
  return Add(event.commitment);
}

Status AccountState::Take(const Place&, const CommitmentEnded& event) {
  HEARTH_ASSIGN(Commitment * ended, Known(event.id));
  ended->to = std::min(ended->to, event.at);
  return Ok();
}

Status AccountState::Take(const Place& place, const FunctionTagged& event) {
  tags_.try_emplace(event.function, Tags()).first->second.Set(place.this_hour, event.tags);
  return Ok();
}

Status AccountState::Take(const Place& place, const PricesInForce& event) {
  HEARTH_ASSIGN(PriceBook book, ParsePriceBookJson(event.book_json));
  if (book_json_.empty()) {
    books_ = Timeline<PriceBook>(std::move(book));
  } else {
    books_.Set(place.next_hour, std::move(book));
  }
  book_json_ = event.book_json;
  return Ok();
}

Status AccountState::Take(const Place&, const BudgetSet& event) {
  budgets_[event.budget.name] = event.budget;
  return Ok();
}

Status AccountState::Take(const Place&, const BudgetRemoved& event) {
  budgets_.erase(event.name);
  return Ok();
}

Status AccountState::Take(const Place& place, const CreditGranted& event) {
  credits_.push_back({event, std::max(place.recorded, WallTime(closed_through_))});
  return Ok();
}

Status AccountState::Take(const Place& place, const DiscountSet& event) {
  discount_.Set(place.next_hour, event.basis_points);
  return Ok();
}

Status AccountState::Take(const Place& place, const SpotDiscountSet& event) {
  spot_discount_.Set(place.next_hour, event.basis_points);
  return Ok();
}

Status AccountState::Take(const Place& place, const PeriodClosed& event) {
  if (event.through <= closed_through_) return Ok();
  closed_through_ = event.through;
  closings_.push_back({place.number, event.through});
  return Ok();
}

Status AccountState::Take(const Place&, const InvoiceIssued& event) {
  if (!invoices_.emplace(event.month, event).second)
    return Corrupt("the bill of " + event.month + " was issued already");
  return Ok();
}

Status AccountState::Take(const Place&, const NodeHour& event) {
  NodeHour& sum = node_hours_[event.hour];
  sum.hour = event.hour;
  sum.observed_ms += event.observed_ms;
  sum.capacity += event.capacity;
  sum.busy += event.busy;
  sum.reserved_busy += event.reserved_busy;
  sum.reserved_idle += event.reserved_idle;
  sum.spot += event.spot;
  sum.dedicated += event.dedicated;
  sum.keep_alive += event.keep_alive;
  sum.platform += event.platform;
  return Ok();
}

}  // namespace hearth
