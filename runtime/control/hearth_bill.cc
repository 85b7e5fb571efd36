#include "runtime/control/hearth_bill.h"

#include <algorithm>

#include "runtime/base/digest.h"
#include "runtime/meter/advisor.h"
#include "runtime/meter/bill_page.h"
#include "runtime/meter/cloud_events.h"
#include "runtime/meter/utc_text.h"

namespace hearth {
namespace {

constexpr uint64_t kExplainDefault = 100;
constexpr uint64_t kExplainMax = 1'000;
constexpr uint64_t kAdviceDaysMax = 366;
constexpr std::string_view kFormats[] = {"json", "csv", "focus", "html", "cloudevents", "lago"};

std::string Digest(const std::string& text) {
  const Sha256Digest digest = Sha256(text);
  return ToHex({reinterpret_cast<const char*>(digest.data()), digest.size()});
}

Json RecordJson(uint64_t number, const InvocationRecord& record) {
  return {{"ledger_number", number},
          {"request_id", record.request_id},
          {"attempt", record.attempt},
          {"function", record.function},
          {"version", record.version},
          {"plan", NameOf(record.plan)},
          {"commitment", record.commitment},
          {"outcome", NameOf(record.outcome)},
          {"started", ToUtcText(record.started)},
          {"init_kind", NameOf(record.init)},
          {"init_ms", static_cast<double>(record.init_ns) / 1e6},
          {"duration_ms", static_cast<double>(record.duration_ns) / 1e6},
          {"billed_ms", record.billed_ms},
          {"memory_mib", record.memory_mib}};
}

// The first line in which two texts differ; "" when they do not.
std::string FirstDifference(std::string_view a, std::string_view b) {
  size_t at = 0;
  while (at < a.size() && at < b.size() && a[at] == b[at]) ++at;
  if (at == a.size() && at == b.size()) return "";
  const size_t begin = a.substr(0, at).rfind('\n') == std::string_view::npos ? 0 : a.rfind('\n', at) + 1;
  const auto line = [&](std::string_view text) {
    return begin < text.size() ? std::string(text.substr(begin, text.find('\n', begin) - begin))
                               : std::string();
  };
  return "\"" + line(a) + "\" is now \"" + line(b) + "\"";
}

Result<Json> Rerated(const BillBasis& basis, WallTime month) {
  const AccountState& account = *basis.account;
  const auto bill_from = [&](const RowSource& usage) {
    return MakeBill(account, usage, MonthOf(month), basis.now);
  };
  HEARTH_ASSIGN(const Bill kept, bill_from(KeptUsage(basis.usage)));
  HEARTH_ASSIGN(const Bill again, bill_from(LedgerUsage(basis.usage)));
  const std::string before = CanonicalText(kept), after = CanonicalText(again);
  const std::string digest = Digest(after);
  std::string difference = FirstDifference(before, after);
  Json json = {{"month", ToMonthText(month)},
               {"lines", again.lines.size()},
               {"bytes", after.size()},
               {"sha256", digest},
               {"total", ToString(again.total)}};
  const auto issued = account.invoices().find(ToMonthText(month));
  if (issued != account.invoices().end()) {
    json["issued_sha256"] = issued->second.sha256;
    if (difference.empty() && issued->second.sha256 != digest) {
      difference = "the bill that was issued had " + std::to_string(issued->second.lines) + " lines and " +
                   ToString(issued->second.total) + " in total";
    }
  }
  json["same"] = difference.empty();
  if (!difference.empty()) json["difference"] = difference;
  return json;
}

Json AdviceJson(const BillBasis& basis, uint64_t days) {
  const AccountState& account = *basis.account;
  const UtcHour to = HourOf(basis.now);
  const UtcHour from = to - std::chrono::hours(24 * days);
  const Advice advice = Advise(account, basis.usage.RowsBookedIn(from, to), {from, to});
  Json candidates = Json::array();
  for (const AdviceCandidate& candidate : advice.candidates) {
    Json one = {{"kind", NameOf(candidate.order.kind)},
                {"payment", NameOf(candidate.order.payment)},
                {"term_hours", candidate.order.term_hours},
                {"cost", ToString(candidate.cost)},
                {"saving", ToString(advice.on_demand - candidate.cost)},
                {"utilisation_percent", static_cast<double>(candidate.utilisation_permille) / 10},
                {"break_even_percent", static_cast<double>(candidate.break_even_permille) / 10},
                {"cheapest", &candidate == advice.cheapest()}};
    if (candidate.order.kind == CommitmentKind::kSavingsPlan) {
      one["committed_per_hour"] = ToString(candidate.order.committed_per_hour);
    } else {
      one["function"] = candidate.order.function;
      one["version"] = candidate.order.version;
      one["workers"] = candidate.order.workers;
      one["memory_mib"] = candidate.order.memory_mib;
    }
    candidates.push_back(std::move(one));
  }
  return {{"from", ToIso8601Millis(from)},
          {"to", ToIso8601Millis(to)},
          {"currency", account.BookAt(to).currency},
          {"on_demand", ToString(advice.on_demand)},
          {"candidates", std::move(candidates)}};
}

// Lambda's words for "too many" would not say what there are too many of.
void Refuse(const ApiCallPtr& call, const Error& error) {
  if (error.code != ErrorCode::kThrottled) return call->Fail(error);
  call->Fail(LambdaError{429, "TooManyRequestsException", error.message, ""});
}

}  // namespace

Result<WallTime> ParseUtcTime(std::string_view text) { return ParseUtcText(text); }

// Without `from`, since the month of `to` began; without `to`, until now.
Result<Period> HearthBill::ReadPeriod(const ApiCall& call) const {
  const std::string month = call.query("month");
  const std::string from = call.query("from");
  const std::string to = call.query("to");
  if (!month.empty()) {
    if (!from.empty() || !to.empty())
      return Error{ErrorCode::kInvalidArgument, "month says it all: give it, or from and to"};
    HEARTH_ASSIGN(const WallTime start, ParseMonthText(month));
    return MonthOf(start);
  }
  Period period;
  period.to = clock_.WallNow();
  if (!to.empty()) {
    HEARTH_ASSIGN(period.to, ParseUtcText(to));
  }
  period.from = StartOfMonth(period.to);
  if (!from.empty()) {
    HEARTH_ASSIGN(period.from, ParseUtcText(from));
  }
  if (period.from <= period.to) return period;
  return Error{ErrorCode::kInvalidArgument, "the bill's period ends (" + ToIso8601Millis(period.to) +
                                                ") before it begins (" + ToIso8601Millis(period.from) + ")"};
}

void HearthBill::Get(const ApiCallPtr& call) {
  if (const Status ordered = OrderBill(call); !ordered.ok()) Refuse(call, ordered.error());
}

void HearthBill::Explain(const ApiCallPtr& call) {
  if (const Status ordered = OrderExplained(call); !ordered.ok()) Refuse(call, ordered.error());
}

void HearthBill::Rerate(const ApiCallPtr& call) {
  if (const Status ordered = OrderRerated(call); !ordered.ok()) Refuse(call, ordered.error());
}

void HearthBill::Advise(const ApiCallPtr& call) {
  if (const Status ordered = OrderAdvice(call); !ordered.ok()) Refuse(call, ordered.error());
}

Status HearthBill::Order(const ApiCallPtr& call, MakePage make) {
  return bills_.Make<Result<Page>>(std::move(make), [call](Result<Page> page) {
    if (!page.ok()) return call->Fail(page.error());
    call->Answer(200, {{"content-type", page->content_type}}, std::move(page->body));
  });
}

Status HearthBill::OrderBill(const ApiCallPtr& call) {
  HEARTH_ASSIGN(const Period period, ReadPeriod(*call));
  HEARTH_ASSIGN(const BillBy by, BillBy::Parse(call->query("by")));
  const std::string format = call->query("format").empty() ? "json" : call->query("format");
  if (std::find(std::begin(kFormats), std::end(kFormats), format) == std::end(kFormats)) {
    return Error{ErrorCode::kInvalidArgument,
                 "format=" + format + " is none of json, csv, focus, html, cloudevents, lago"};
  }
  const BillLines lines = call->query("lines") == "0" ? BillLines::kLeftOut : BillLines::kShown;
  return Order(call, [period, by, format, lines, issuer = issuer_](const BillBasis& basis) -> Result<Page> {
    HEARTH_ASSIGN(const Bill bill, MakeBill(*basis.account, KeptUsage(basis.usage), period, basis.now));
    return PageOf(basis, bill, format, by, lines, issuer);
  });
}

Result<HearthBill::Page> HearthBill::PageOf(const BillBasis& basis, const Bill& bill,
                                            const std::string& format, const BillBy& by, BillLines lines,
                                            const FocusIssuer& issuer) {
  const AccountState& account = *basis.account;
  if (format == "csv") return Page{"text/csv; charset=utf-8", BillCsv(bill)};
  if (format == "focus") return Page{"text/csv; charset=utf-8", FocusCsv(bill, account, issuer)};
  if (format == "html") return Page{"text/html; charset=utf-8", BillPage(bill, account, basis.now)};
  if (format == "cloudevents") {
    return Page{"application/cloudevents-batch+json",
                CloudEventsJson(bill, account, "hearth/" + issuer.account, basis.now)};
  }
  if (format == "lago") return Page{"application/json", LagoEventsJson(bill, account, basis.now)};
  return Page{"application/json", DumpJson(BillJson(bill, account, by, lines))};
}

// Pages go by the ledger's numbers, so that new records do not move what is on them.
Status HearthBill::OrderExplained(const ApiCallPtr& call) {
  HEARTH_ASSIGN(const uint64_t limit, call->query_number("limit", kExplainDefault, 1, kExplainMax));
  HEARTH_ASSIGN(const uint64_t from, call->query_number("from_number", 0, 0, UINT64_MAX));
  return Order(call, [limit, from, id = call->parameter("id")](const BillBasis& basis) -> Result<Page> {
    const AccountState& state = *basis.account;
    HEARTH_ASSIGN(const ExplainedLine found, FindLine(state, KeptUsage(basis.usage), id, basis.now));
    Json records = Json::array();
    Json next;
    HEARTH_TRY(basis.usage.VisitNumbered(found.started, [&](uint64_t number, const InvocationRecord& record) {
      if (number < from || !IsOfLine(state, found.line, number, record)) return true;
      if (records.size() == limit) {
        next = number;
        return false;
      }
      records.push_back(RecordJson(number, record));
      return true;
    }));
    Json json = {{"line", LineJson(found.line)}, {"invocations", std::move(records)}};
    if (!next.is_null()) json["next_number"] = next;
    return Page{"application/json", DumpJson(json)};
  });
}

Status HearthBill::OrderRerated(const ApiCallPtr& call) {
  HEARTH_ASSIGN(const WallTime month, ParseMonthText(call->query("month")));
  return Order(call, [month](const BillBasis& basis) -> Result<Page> {
    HEARTH_ASSIGN(const Json json, Rerated(basis, month));
    return Page{"application/json", DumpJson(json)};
  });
}

Status HearthBill::OrderAdvice(const ApiCallPtr& call) {
  HEARTH_ASSIGN(const uint64_t days, call->query_number("days", 30, 1, kAdviceDaysMax));
  return Order(call, [days](const BillBasis& basis) -> Result<Page> {
    return Page{"application/json", DumpJson(AdviceJson(basis, days))};
  });
}

}  // namespace hearth
