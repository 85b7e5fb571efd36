#include "runtime/meter/account.h"

#include <algorithm>

#include "runtime/base/ids.h"
#include "runtime/model/function.h"

namespace hearth {
namespace {

constexpr uint32_t kBasisPointsAll = 10'000;
constexpr size_t kReasonBytesMax = 1'000;

std::string_view PrefixOf(CommitmentKind kind) {
  switch (kind) {
    case CommitmentKind::kReservedStandard:
      return "rsv-";
    case CommitmentKind::kReservedConvertible:
      return "cnv-";
    case CommitmentKind::kSavingsPlan:
      return "sp-";
    case CommitmentKind::kDedicated:
      return "ded-";
  }
  return "";
}

// Of UTF-8: all bytes but those that continue a character.
size_t Characters(std::string_view text) {
  return static_cast<size_t>(std::count_if(
      text.begin(), text.end(), [](char c) { return (static_cast<unsigned char>(c) & 0xC0U) != 0x80U; }));
}

}  // namespace

Error NoCommitment(const std::string& id) {
  return {ErrorCode::kNotFound, "there is no commitment \"" + id + "\"; `hearth plan ls` lists them"};
}

Status ValidateTags(const Tags& tags) {
  const auto refuse = [](const std::string& why) {
    return Error{ErrorCode::kInvalidArgument, "tags: " + why};
  };
  if (tags.size() > kTagsMax)
    return refuse(std::to_string(tags.size()) + " of them, at most " + std::to_string(kTagsMax));
  for (const auto& [key, value] : tags) {
    if (key.empty() || Characters(key) > kTagKeyCharactersMax) {
      return refuse("the key \"" + key.substr(0, kTagKeyCharactersMax) + "\" has " +
                    std::to_string(Characters(key)) + " characters; it is to have 1 to " +
                    std::to_string(kTagKeyCharactersMax));
    }
    if (Characters(value) > kTagValueCharactersMax) {
      return refuse("the value of \"" + key + "\" has " + std::to_string(Characters(value)) +
                    " characters, at most " + std::to_string(kTagValueCharactersMax));
    }
    if (key.starts_with("aws:")) return refuse("keys with aws: in front are not for users: \"" + key + "\"");
  }
  return Ok();
}

Result<std::unique_ptr<Account>> Account::Open(Meter& meter, const Clock& clock, Random& random) {
  std::unique_ptr<Account> account(new Account(meter, clock, random));
  for (const AccountEntry& entry : meter.account_events()) {
    if (Status applied = account->state_.Apply(entry); !applied.ok())
      return applied.error().WithContext("ledger record " + std::to_string(entry.number));
  }
  return account;
}

Status Account::Write(const AccountEvent& event) {
  const WallTime now = clock_.WallNow();
  HEARTH_ASSIGN(const uint64_t number,
                meter_.RecordAccountEvent(EventKindOf(event), EncodeAccountEventJson(event), now));
  snapshot_.reset();
  return state_.Apply(number, now, event);
}

Status Account::CheckPlaceable(const Commitment& wanted, const std::string& instead_of) const {
  return placement_ ? placement_->CheckPlaceable(wanted, instead_of) : Ok();
}

void Account::Changed() {
  if (placement_) placement_->OnCommitmentsChanged();
}

std::string Account::NewId(CommitmentKind kind) { return std::string(PrefixOf(kind)) + MakeHex(random_, 12); }

Result<Commitment> Account::Quote(const CommitmentOrder& order) const {
  HEARTH_TRY(ValidateTags(order.tags));
  const WallTime now = clock_.WallNow();
  return QuoteCommitment(state_.PricesAt(HourOf(now)), order, now);
}

Result<Commitment> Account::Buy(const CommitmentOrder& order) {
  HEARTH_ASSIGN(Commitment commitment, Quote(order));
  HEARTH_TRY(CheckPlaceable(commitment, ""));
  commitment.id = NewId(order.kind);
  HEARTH_TRY(Write(CommitmentBought{commitment}));
  Changed();
  return commitment;
}

Result<Commitment> Account::Exchange(const std::string& old_id, const CommitmentOrder& order) {
  const Commitment* old = state_.Find(old_id);
  if (!old) return NoCommitment(old_id);
  HEARTH_ASSIGN(Commitment commitment, Quote(order));
  HEARTH_TRY(CheckExchange(*old, commitment));
  HEARTH_TRY(CheckPlaceable(commitment, old_id));
  commitment.id = NewId(order.kind);
  HEARTH_TRY(Write(CommitmentExchanged{old_id, commitment}));
  Changed();
  return commitment;
}

Result<Commitment> Account::End(const std::string& id) {
  const Commitment* found = state_.Find(id);
  if (!found) return NoCommitment(id);
  const WallTime now = clock_.WallNow();
  if (!found->Runs(now)) return Error{ErrorCode::kConflict, "commitment " + id + " has ended already"};
  if (found->term_hours > 0) {
    return Error{ErrorCode::kConflict,
                 "commitment " + id + " is promised, and paid, until " + ToIso8601Millis(found->to) +
                     ": it ends by itself then" +
                     (found->kind == CommitmentKind::kReservedConvertible ? "; it can be exchanged" : "")};
  }
  HEARTH_TRY(Write(CommitmentEnded{id, now}));
  Changed();
  return *state_.Find(id);
}

Status Account::EndOpenOf(const std::string& function, const std::string& version) {
  std::vector<std::string> open;
  for (const Commitment* one : state_.Running(clock_.WallNow())) {
    const bool its = one->function == function && (version.empty() || one->version == version);
    if (its && one->term_hours == 0) open.push_back(one->id);
  }
  for (const std::string& id : open) HEARTH_TRY(End(id));
  return Ok();
}

Status Account::SetTags(const std::string& function, const Tags& tags) {
  HEARTH_TRY(ValidateFunctionName(function));
  HEARTH_TRY(ValidateTags(tags));
  if (state_.TagsOf(function) == tags) return Ok();
  return Write(FunctionTagged{function, tags});
}

Status Account::SetBudget(const Budget& budget) {
  HEARTH_TRY(ValidateBudget(budget));
  if (!state_.budgets().contains(budget.name) && state_.budgets().size() >= kBudgetsMax) {
    return Error{ErrorCode::kThrottled, "there are " + std::to_string(kBudgetsMax) +
                                            " budgets already: remove one first (hearth budget rm)"};
  }
  return Write(BudgetSet{budget});
}

Status Account::RemoveBudget(const std::string& name) {
  if (!state_.budgets().contains(name))
    return Error{ErrorCode::kNotFound, "there is no budget \"" + name + "\"; `hearth budget ls` lists them"};
  return Write(BudgetRemoved{name});
}

Result<CreditGranted> Account::GrantCredit(Money amount, const std::string& function,
                                           const std::string& reason) {
  if (amount.units <= 0)
    return Error{ErrorCode::kInvalidArgument, "credit: its amount is to be over 0, not " + ToString(amount)};
  if (reason.empty() || reason.size() > kReasonBytesMax)
    return Error{ErrorCode::kInvalidArgument, "credit: it needs a reason of at most 1000 bytes"};
  if (!function.empty()) HEARTH_TRY(ValidateFunctionName(function));
  CreditGranted credit{"crd-" + MakeHex(random_, 12), amount, function, reason};
  HEARTH_TRY(Write(credit));
  return credit;
}

Status Account::SetDiscount(uint32_t basis_points) {
  if (basis_points > kBasisPointsAll)
    return Error{ErrorCode::kInvalidArgument, "discount: at most 100 per cent can be taken off"};
  return Write(DiscountSet{basis_points});
}

Status Account::SetSpotDiscount(uint32_t basis_points) {
  if (basis_points > kSpotBasisPointsMax)
    return Error{ErrorCode::kInvalidArgument, "spot discount: at most 90 per cent can be taken off"};
  return Write(SpotDiscountSet{basis_points});
}

Status Account::UsePrices(std::string_view book_json) {
  HEARTH_ASSIGN(const PriceBook book, ParsePriceBookJson(book_json));
  if (!state_.book_json().empty()) {
    HEARTH_ASSIGN(const PriceBook in_force, ParsePriceBookJson(state_.book_json()));
    if (in_force == book) return Ok();
  }
  return Write(PricesInForce{std::string(book_json)});
}

Status Account::CloseThrough(UtcHour through) {
  return through <= state_.closed_through() ? Ok() : Write(PeriodClosed{through});
}

Status Account::IssueInvoice(const InvoiceIssued& invoice) { return Write(invoice); }
Status Account::AddNodeHour(const NodeHour& hour) { return Write(hour); }

}  // namespace hearth
