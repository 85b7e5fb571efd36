#include "runtime/control/hearth_commitments.h"

#include <algorithm>

#include "runtime/control/json_members.h"
#include "runtime/meter/utc_text.h"

namespace hearth {
namespace {

constexpr int64_t kBasisPointsAll = 10'000;

Result<Money> ReadAmount(const JsonMembers& members, const char* name) {
  std::string text;
  HEARTH_TRY(members.Read(name, text));
  if (text.empty()) return Money{};
  auto amount = ParseMoney(text);
  if (!amount.ok()) return amount.error().WithContext(name);
  return amount;
}

Json OfferJson(const ReservedPrices& offer) {
  return {{"kind", NameOf(offer.convertible ? CommitmentKind::kReservedConvertible
                                            : CommitmentKind::kReservedStandard)},
          {"term_hours_min", offer.term_hours},
          {"payment", NameOf(offer.payment)},
          {"capacity_per_gb_second", ToString(offer.capacity_per_gb_second)},
          {"duration_per_gb_second", ToString(offer.duration_per_gb_second)}};
}

Json OfferJson(const SavingsPlanPrices& offer) {
  return {{"kind", NameOf(CommitmentKind::kSavingsPlan)},
          {"term_hours_min", offer.term_hours},
          {"payment", NameOf(offer.payment)},
          {"duration_per_gb_second", ToString(offer.duration_per_gb_second)},
          {"reserved_duration_per_gb_second", ToString(offer.reserved_duration_per_gb_second)}};
}

}  // namespace

Json CommitmentJson(const Commitment& commitment, WallTime now, const Held& held) {
  Json json = {{"id", commitment.id},
               {"kind", NameOf(commitment.kind)},
               {"state", commitment.Runs(now)    ? "running"
                         : now < commitment.from ? "to come"
                                                 : "ended"},
               {"from", ToUtcText(commitment.from)},
               {"to", commitment.to == Commitment::kOpenEnd ? Json() : Json(ToUtcText(commitment.to))},
               {"term_hours", commitment.term_hours},
               {"payment", NameOf(commitment.payment)},
               {"upfront", ToString(commitment.upfront)},
               {"hourly", ToString(commitment.hourly)},
               {"term_price", commitment.term_hours == 0 ? Json() : Json(ToString(TermPrice(commitment)))},
               {"tags", commitment.tags}};
  if (commitment.kind == CommitmentKind::kSavingsPlan) {
    json["committed_per_hour"] = ToString(commitment.committed_per_hour);
  } else {
    json["function"] = commitment.function;
    json["version"] = commitment.version;
  }
  if (commitment.reserved()) {
    json["workers"] = commitment.workers;
    json["memory_mib"] = commitment.memory_mib;
  }
  if (commitment.kind == CommitmentKind::kDedicated) json["cpus"] = commitment.cpus;
  if (commitment.duration_per_gb_second != Money{})
    json["duration_per_gb_second"] = ToString(commitment.duration_per_gb_second);
  if (commitment.id.empty() || !commitment.Runs(now)) return json;  // a quote holds nothing
  if (commitment.reserved()) {
    json["workers_wanted"] = held.workers_wanted;
    json["workers_ready"] = held.workers_ready;
  }
  if (commitment.kind == CommitmentKind::kDedicated) json["processors"] = held.cpus;
  if (!held.problem.empty()) json["problem"] = held.problem;
  return json;
}

Result<CommitmentOrder> ReadCommitmentOrder(const Json& body) {
  static const std::vector<std::string> known = {
      "Kind",      "FunctionName", "Version",          "Workers", "MemorySize", "Cpus",
      "TermHours", "Payment",      "CommittedPerHour", "Tags",    "DryRun"};
  for (const auto& item : body.items()) {
    if (std::find(known.begin(), known.end(), item.key()) == known.end())
      return Error{ErrorCode::kInvalidArgument, "unknown member \"" + item.key() + "\" of a commitment"};
  }
  const JsonMembers members(body);
  CommitmentOrder order;
  std::string kind, payment = "none";
  int64_t workers = 0, memory = 0, cpus = 0, term = 0;
  HEARTH_TRY(members.Require("Kind"));
  HEARTH_TRY(members.Read("Kind", kind));
  HEARTH_TRY(members.Read("Payment", payment));
  HEARTH_TRY(members.Read("FunctionName", order.function));
  HEARTH_TRY(members.Read("Version", order.version));
  HEARTH_TRY(members.Read("Workers", workers, 0, INT32_MAX));
  HEARTH_TRY(members.Read("MemorySize", memory, 0, INT32_MAX));
  HEARTH_TRY(members.Read("Cpus", cpus, 0, INT32_MAX));
  HEARTH_TRY(members.Read("TermHours", term, 0, INT32_MAX));
  HEARTH_TRY(members.Read("Tags", order.tags));
  HEARTH_ASSIGN(order.kind, ParseCommitmentKind(kind));
  HEARTH_ASSIGN(order.payment, ParsePayment(payment));
  HEARTH_ASSIGN(order.committed_per_hour, ReadAmount(members, "CommittedPerHour"));
  order.workers = static_cast<uint32_t>(workers);
  order.memory_mib = static_cast<uint32_t>(memory);
  order.cpus = static_cast<uint32_t>(cpus);
  order.term_hours = static_cast<uint64_t>(term);
  const bool reserved =
      order.kind == CommitmentKind::kReservedStandard || order.kind == CommitmentKind::kReservedConvertible;
  if (reserved && order.version.empty()) order.version = "$LATEST";
  return order;
}

void HearthCommitments::List(const ApiCallPtr& call) {
  Json all = Json::array();
  for (const auto& [id, commitment] : account_.state().commitments()) all.push_back(ShownOf(commitment));
  call->AnswerJson(200, {{"commitments", std::move(all)}});
}

Json HearthCommitments::ShownOf(const Commitment& commitment) const {
  return CommitmentJson(commitment, clock_.WallNow(), account_.HeldFor(commitment));
}

void HearthCommitments::Get(const ApiCallPtr& call) {
  const std::string id = call->parameter("id");
  const Commitment* found = account_.state().Find(id);
  if (found == nullptr) return call->Fail(NoCommitment(id));
  call->AnswerJson(200, ShownOf(*found));
}

void HearthCommitments::Buy(const ApiCallPtr& call) {
  const auto body = ParseJsonObject(call->body());
  if (!body.ok()) return call->Fail(body.error());
  const auto order = ReadCommitmentOrder(*body);
  if (!order.ok()) return call->Fail(order.error());
  bool dry_run = false;
  if (const Status read = JsonMembers(*body).Read("DryRun", dry_run); !read.ok())
    return call->Fail(read.error());
  const auto bought = dry_run ? account_.Quote(*order) : account_.Buy(*order);
  if (!bought.ok()) return call->Fail(bought.error());
  call->AnswerJson(dry_run ? 200 : 201, ShownOf(*bought));
}

void HearthCommitments::Exchange(const ApiCallPtr& call) {
  const auto body = ParseJsonObject(call->body());
  if (!body.ok()) return call->Fail(body.error());
  const auto order = ReadCommitmentOrder(*body);
  if (!order.ok()) return call->Fail(order.error());
  const auto bought = account_.Exchange(call->parameter("id"), *order);
  if (!bought.ok()) return call->Fail(bought.error());
  call->AnswerJson(201, ShownOf(*bought));
}

void HearthCommitments::End(const ApiCallPtr& call) {
  const auto ended = account_.End(call->parameter("id"));
  if (!ended.ok()) return call->Fail(ended.error());
  call->AnswerJson(200, ShownOf(*ended));
}

void HearthCommitments::Offers(const ApiCallPtr& call) {
  const UtcHour hour = HourOf(clock_.WallNow());
  const PriceBook& book = account_.state().BookAt(hour);
  const PriceEdition& prices = book.At(hour);
  Json offers = Json::array();
  for (const ReservedPrices& offer : prices.reserved) offers.push_back(OfferJson(offer));
  for (const SavingsPlanPrices& offer : prices.savings_plans) offers.push_back(OfferJson(offer));
  if (prices.dedicated_offered) {
    offers.push_back({{"kind", NameOf(CommitmentKind::kDedicated)},
                      {"term_hours_min", 0},
                      {"payment", NameOf(Payment::kNoUpfront)},
                      {"per_cpu_hour", ToString(prices.dedicated_per_cpu_hour)}});
  }
  call->AnswerJson(
      200, {{"price_book", book.name + " " + book.version},
            {"currency", book.currency},
            {"on_demand_per_gb_second", ToString(prices.list_per_gb_second())},
            {"spot_discount_percent", static_cast<double>(account_.state().SpotDiscountAt(hour)) / 100},
            {"offers", std::move(offers)}});
}

void HearthCommitments::GrantCredit(const ApiCallPtr& call) {
  const auto body = ParseJsonObject(call->body());
  if (!body.ok()) return call->Fail(body.error());
  const JsonMembers members(*body);
  std::string function, reason;
  for (const Status& read : {members.Read("FunctionName", function), members.Read("Reason", reason)}) {
    if (!read.ok()) return call->Fail(read.error());
  }
  const auto amount = ReadAmount(members, "Amount");
  if (!amount.ok()) return call->Fail(amount.error());
  const auto credit = account_.GrantCredit(*amount, function, reason);
  if (!credit.ok()) return call->Fail(credit.error());
  call->AnswerJson(201, {{"id", credit->id},
                         {"amount", ToString(credit->amount)},
                         {"function", credit->function},
                         {"reason", credit->reason}});
}

void HearthCommitments::SetDiscount(const ApiCallPtr& call) {
  const auto body = ParseJsonObject(call->body());
  if (!body.ok()) return call->Fail(body.error());
  int64_t basis_points = 0;
  const JsonMembers members(*body);
  for (const Status& read :
       {members.Require("BasisPoints"), members.Read("BasisPoints", basis_points, 0, kBasisPointsAll)}) {
    if (!read.ok()) return call->Fail(read.error());
  }
  if (const Status set = account_.SetDiscount(static_cast<uint32_t>(basis_points)); !set.ok())
    return call->Fail(set.error());
  call->AnswerJson(200, {{"basis_points", basis_points}, {"in_force", "from the next UTC hour"}});
}

}  // namespace hearth
