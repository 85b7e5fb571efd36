#include <initializer_list>
#include <utility>

#include <nlohmann/json.hpp>

#include "runtime/base/nearest.h"
#include "runtime/meter/account_event.h"
#include "runtime/meter/utc_text.h"

namespace hearth {
namespace {

using Json = nlohmann::json;

// --- reading: the first thing that does not fit is kept, and everything after it gives nothing -------------

class Members final {
 public:
  explicit Members(const Json& object) : object_(object) {}

  std::string Text(const char* name) {
    const Json* value = Find(name);
    if (!value) return "";
    if (!value->is_string()) return Fail(name, "is to be a string"), "";
    return value->get<std::string>();
  }
  uint64_t Count(const char* name) {
    const Json* value = Find(name);
    if (!value) return 0;
    if (!value->is_number_unsigned()) return Fail(name, "is to be a whole number"), 0;
    return value->get<uint64_t>();
  }
  uint32_t Count32(const char* name) {
    const uint64_t value = Count(name);
    if (value > UINT32_MAX) Fail(name, "is too large");
    return static_cast<uint32_t>(value);
  }
  Money Amount(const char* name) { return Parsed(name, ParseMoney, Money{}); }
  WallTime Time(const char* name) { return Parsed(name, ParseUtcText, WallTime{}); }
  Tags TagsOf(const char* name) {
    Tags tags;
    const Json* value = Find(name);
    if (!value) return tags;
    if (!value->is_object()) return Fail(name, "is to be an object"), tags;
    for (const auto& item : value->items()) {
      if (!item.value().is_string()) return Fail(name, "is to have strings"), tags;
      tags[item.key()] = item.value().get<std::string>();
    }
    return tags;
  }
  const Json& List(const char* name) {
    static const Json kNone = Json::array();
    const Json* value = Find(name);
    if (value && value->is_array()) return *value;
    Fail(name, "is to be a list");
    return kNone;
  }
  const Json& Object(const char* name) {
    static const Json kNone = Json::object();
    const Json* value = Find(name);
    if (value && value->is_object()) return *value;
    Fail(name, "is to be an object");
    return kNone;
  }
  template <class T>
  T Named(const char* name, Result<T> (*parse)(std::string_view)) {
    return Parsed(name, parse, T{});
  }
  bool Has(const char* name) const { return object_.contains(name); }
  void Fail(const std::string& name, const std::string& what) {
    if (failure_.ok()) failure_ = Error{ErrorCode::kCorrupt, "account event: \"" + name + "\" " + what};
  }
  void Take(const Status& status) {
    if (failure_.ok() && !status.ok()) failure_ = status;
  }

  // Everything that was not asked for is unknown.
  Status Finish() {
    if (!failure_.ok()) return failure_;
    for (const auto& item : object_.items()) {
      if (asked_.contains(item.key())) continue;
      return Error{ErrorCode::kUnsupported, "account event: this release does not know its member \"" +
                                                item.key() + "\": start the release that wrote it"};
    }
    return Ok();
  }

 private:
  const Json* Find(const char* name) {
    asked_[name] = true;
    const auto found = object_.find(name);
    if (found != object_.end()) return &*found;
    Fail(name, "is missing");
    return nullptr;
  }
  template <class T, class Parse>
  T Parsed(const char* name, Parse parse, T nothing) {
    const std::string text = Text(name);
    if (!failure_.ok()) return nothing;
    auto value = parse(text);
    if (value.ok()) return *value;
    Fail(name, value.error().message);
    return nothing;
  }

  const Json& object_;
  std::map<std::string, bool> asked_;
  Status failure_;
};

// --- parts -----------------------------------------------------------------------------------------------------

Json ToJson(const Commitment& c) {
  Json json = {{"id", c.id},
               {"kind", NameOf(c.kind)},
               {"function", c.function},
               {"version", c.version},
               {"workers", c.workers},
               {"memory_mib", c.memory_mib},
               {"cpus", c.cpus},
               {"from", ToUtcText(c.from)},
               {"term_hours", c.term_hours},
               {"payment", NameOf(c.payment)},
               {"upfront", ToString(c.upfront)},
               {"hourly", ToString(c.hourly)},
               {"committed_per_hour", ToString(c.committed_per_hour)},
               {"duration_per_gb_second", ToString(c.duration_per_gb_second)},
               {"capacity_list_per_gb_second", ToString(c.capacity_list_per_gb_second)},
               {"reserved_duration_per_gb_second", ToString(c.reserved_duration_per_gb_second)},
               {"tags", c.tags}};
  if (c.to != Commitment::kOpenEnd) json["to"] = ToUtcText(c.to);
  return json;
}

Commitment ReadCommitment(Members& outer) {
  Members in(outer.Object("commitment"));
  Commitment c;
  c.id = in.Text("id");
  c.kind = in.Named("kind", ParseCommitmentKind);
  c.function = in.Text("function");
  c.version = in.Text("version");
  c.workers = in.Count32("workers");
  c.memory_mib = in.Count32("memory_mib");
  c.cpus = in.Count32("cpus");
  c.from = in.Time("from");
  if (in.Has("to")) c.to = in.Time("to");
  c.term_hours = in.Count("term_hours");
  c.payment = in.Named("payment", ParsePayment);
  c.upfront = in.Amount("upfront");
  c.hourly = in.Amount("hourly");
  c.committed_per_hour = in.Amount("committed_per_hour");
  c.duration_per_gb_second = in.Amount("duration_per_gb_second");
  c.capacity_list_per_gb_second = in.Amount("capacity_list_per_gb_second");
  c.reserved_duration_per_gb_second = in.Amount("reserved_duration_per_gb_second");
  c.tags = in.TagsOf("tags");
  outer.Take(in.Finish());
  return c;
}

Json ToJson(const Budget& budget) {
  Json steps = Json::array();
  for (const Budget::Step& step : budget.steps)
    steps.push_back({{"percent", step.percent}, {"action", NameOf(step.action)}});
  return {{"name", budget.name},           {"function", budget.function},         {"tag_key", budget.tag_key},
          {"tag_value", budget.tag_value}, {"monthly", ToString(budget.monthly)}, {"steps", steps}};
}

Budget ReadBudget(Members& outer) {
  Members in(outer.Object("budget"));
  Budget budget;
  budget.name = in.Text("name");
  budget.function = in.Text("function");
  budget.tag_key = in.Text("tag_key");
  budget.tag_value = in.Text("tag_value");
  budget.monthly = in.Amount("monthly");
  for (const Json& one : in.List("steps")) {
    Members step(one);
    budget.steps.push_back({step.Count32("percent"), step.Named("action", ParseBudgetAction)});
    outer.Take(step.Finish());
  }
  outer.Take(in.Finish());
  return budget;
}

// --- one row a kind: its name, how it is written, how it is read -----------------------------------------

std::string_view Kind(const CommitmentBought&) { return "commitment.bought"; }
std::string_view Kind(const CommitmentExchanged&) { return "commitment.exchanged"; }
std::string_view Kind(const CommitmentEnded&) { return "commitment.ended"; }
std::string_view Kind(const FunctionTagged&) { return "function.tagged"; }
std::string_view Kind(const PricesInForce&) { return "prices.in-force"; }
std::string_view Kind(const BudgetSet&) { return "budget.set"; }
std::string_view Kind(const BudgetRemoved&) { return "budget.removed"; }
std::string_view Kind(const CreditGranted&) { return "credit.granted"; }
std::string_view Kind(const DiscountSet&) { return "discount.set"; }
std::string_view Kind(const SpotDiscountSet&) { return "spot-discount.set"; }
std::string_view Kind(const PeriodClosed&) { return "period.closed"; }
std::string_view Kind(const InvoiceIssued&) { return "invoice.issued"; }
std::string_view Kind(const NodeHour&) { return "node.hour"; }

Json Write(const CommitmentBought& e) { return {{"commitment", ToJson(e.commitment)}}; }
void Read(Members& in, CommitmentBought& e) { e.commitment = ReadCommitment(in); }

Json Write(const CommitmentExchanged& e) {
  return {{"old_id", e.old_id}, {"commitment", ToJson(e.commitment)}};
}
void Read(Members& in, CommitmentExchanged& e) {
  e.old_id = in.Text("old_id");
  e.commitment = ReadCommitment(in);
}

Json Write(const CommitmentEnded& e) { return {{"id", e.id}, {"at", ToUtcText(e.at)}}; }
void Read(Members& in, CommitmentEnded& e) {
  e.id = in.Text("id");
  e.at = in.Time("at");
}

Json Write(const FunctionTagged& e) { return {{"function", e.function}, {"tags", e.tags}}; }
void Read(Members& in, FunctionTagged& e) {
  e.function = in.Text("function");
  e.tags = in.TagsOf("tags");
}

Json Write(const PricesInForce& e) { return {{"book", Json::parse(e.book_json, nullptr, false, true)}}; }
void Read(Members& in, PricesInForce& e) { e.book_json = in.Object("book").dump(); }

Json Write(const BudgetSet& e) { return {{"budget", ToJson(e.budget)}}; }
void Read(Members& in, BudgetSet& e) { e.budget = ReadBudget(in); }

Json Write(const BudgetRemoved& e) { return {{"name", e.name}}; }
void Read(Members& in, BudgetRemoved& e) { e.name = in.Text("name"); }

Json Write(const CreditGranted& e) {
  return {{"id", e.id}, {"amount", ToString(e.amount)}, {"function", e.function}, {"reason", e.reason}};
}
void Read(Members& in, CreditGranted& e) {
  e.id = in.Text("id");
  e.amount = in.Amount("amount");
  e.function = in.Text("function");
  e.reason = in.Text("reason");
}

Json Write(const DiscountSet& e) { return {{"basis_points", e.basis_points}}; }
void Read(Members& in, DiscountSet& e) { e.basis_points = in.Count32("basis_points"); }

Json Write(const SpotDiscountSet& e) { return {{"basis_points", e.basis_points}}; }
void Read(Members& in, SpotDiscountSet& e) { e.basis_points = in.Count32("basis_points"); }

Json Write(const PeriodClosed& e) { return {{"through", ToUtcText(e.through)}}; }
void Read(Members& in, PeriodClosed& e) { e.through = HourOf(in.Time("through")); }

Json Write(const InvoiceIssued& e) {
  return {{"month", e.month}, {"sha256", e.sha256}, {"lines", e.lines}, {"total", ToString(e.total)}};
}
void Read(Members& in, InvoiceIssued& e) {
  e.month = in.Text("month");
  e.sha256 = in.Text("sha256");
  e.lines = in.Count("lines");
  e.total = in.Amount("total");
}

Json Write(const NodeHour& e) {
  return {{"hour", ToUtcText(e.hour)},
          {"observed_ms", e.observed_ms},
          {"capacity", e.capacity},
          {"busy", e.busy},
          {"reserved_busy", e.reserved_busy},
          {"reserved_idle", e.reserved_idle},
          {"spot", e.spot},
          {"dedicated", e.dedicated},
          {"keep_alive", e.keep_alive},
          {"platform", e.platform}};
}
void Read(Members& in, NodeHour& e) {
  e.hour = HourOf(in.Time("hour"));
  e.observed_ms = in.Count("observed_ms");
  e.capacity = in.Count("capacity");
  e.busy = in.Count("busy");
  e.reserved_busy = in.Count("reserved_busy");
  e.reserved_idle = in.Count("reserved_idle");
  e.spot = in.Count("spot");
  e.dedicated = in.Count("dedicated");
  e.keep_alive = in.Count("keep_alive");
  e.platform = in.Count("platform");
}

// Tries the variant's alternatives one after the other.
template <size_t kIndex = 0>
Result<AccountEvent> ReadAs(std::string_view kind, const Json& json) {
  if constexpr (kIndex == std::variant_size_v<AccountEvent>) {
    return Error{ErrorCode::kUnsupported,
                 "account event of kind \"" + std::string(kind) +
                     "\": this release does not know it; start the one that wrote it"};
  } else {
    std::variant_alternative_t<kIndex, AccountEvent> event{};
    if (Kind(event) != kind) return ReadAs<kIndex + 1>(kind, json);
    Members members(json);
    Read(members, event);
    HEARTH_TRY(members.Finish());
    return AccountEvent(std::move(event));
  }
}

}  // namespace

std::string_view EventKindOf(const AccountEvent& event) {
  return std::visit([](const auto& e) { return Kind(e); }, event);
}

std::string EncodeAccountEventJson(const AccountEvent& event) {
  return std::visit([](const auto& e) { return Write(e); }, event)
      .dump(-1, ' ', false, Json::error_handler_t::replace);
}

Result<AccountEvent> DecodeAccountEventJson(std::string_view kind, std::string_view text) {
  const Json json = Json::parse(text, nullptr, false);
  if (!json.is_object())
    return Error{ErrorCode::kCorrupt, "account event of kind \"" + std::string(kind) + "\": no JSON object"};
  return ReadAs(kind, json);
}

}  // namespace hearth
