#include "runtime/meter/bill.h"

#include <algorithm>

#include "runtime/meter/rating.h"
#include "runtime/meter/utc_text.h"

namespace hearth {
namespace {

using std::chrono::hours;

constexpr size_t kMonthDigits = 7;
constexpr uint32_t kCents = 2;
constexpr Int128 kUnitsPerCent = 100'000'000;
// Nothing runs longer than 15 minutes and its init: what is used in an hour began in it or in the one before.
constexpr hours kLongestRun{1};

bool IsIn(const BillLine& line, Period period) {
  if (line.late) return DayOf(period.from) <= line.booked && line.booked < period.to;
  return period.from <= line.period.from && line.period.to <= period.to;
}

WallTime EndOfUsage(const std::vector<UsageRow>& rows) {
  WallTime end{};
  for (const UsageRow& row : rows) end = std::max(end, WallTime(row.key.booked + hours(1)));
  return end;
}

Invoice InvoiceOf(WallTime month, const AccountState& account) {
  Invoice invoice;
  invoice.month = ToMonthText(month);
  invoice.id = "hearth-" + invoice.month;
  invoice.final = MonthOf(month).to <= account.closed_through();
  return invoice;
}

// Whole cents: what was left over is a line, never lost.
void Round(Invoice& invoice, WallTime day, std::vector<BillLine>& lines) {
  Money exact;
  for (const BillLine& line : lines) exact += line.billed;
  invoice.total = {DivideHalfEven(exact.units, kUnitsPerCent) * kUnitsPerCent};
  const Money rest = invoice.total - exact;
  if (rest == Money{}) return;
  BillLine rounding;
  rounding.id = invoice.month + "-rounding";
  rounding.kind = LineKind::kRounding;
  rounding.booked = day;
  rounding.period = {day, day + std::chrono::days(1)};
  rounding.final = invoice.final;
  rounding.quantity = 1;
  rounding.list_price = {rest.units < 0 ? -rest.units : rest.units};
  rounding.list = rounding.contracted = rounding.billed = rounding.effective = rest;
  lines.push_back(std::move(rounding));
}

void AddBooks(const AccountState& account, Period period, std::vector<std::string>& books) {
  for (UtcHour hour = HourOf(period.from); hour < period.to; hour += hours(1)) {
    const PriceBook& book = account.BookAt(hour);
    const std::string name = book.name + " " + book.version;
    if (books.empty() || books.back() != name) books.push_back(name);
  }
}

Status AddMonth(const AccountState& account, const RowSource& usage, Period part, WallTime now, Bill& bill) {
  const Period month = MonthOf(StartOfMonth(part.from));
  HEARTH_ASSIGN(std::vector<UsageRow> rows, usage(HourOf(month.from) - hours(1), HourOf(month.to)));
  // The clock may have been set back since; what ran is billed all the same.
  const WallTime until = std::min(month.to, std::max(now, EndOfUsage(rows)));
  std::vector<BillLine> lines;
  if (month.from < until) lines = RateMonth(account, rows, month.from, until, {part.from, part.to});
  std::erase_if(lines, [&](const BillLine& line) { return !IsIn(line, part); });
  if (part.from == month.from && part.to >= until) {
    Invoice invoice = InvoiceOf(month.from, account);
    const WallTime last_day = DayOf(std::max(month.from, until - microseconds(1)));
    Round(invoice, last_day, lines);
    bill.invoices.push_back(std::move(invoice));
  }
  for (const BillLine& line : lines) bill.total += line.billed;
  std::move(lines.begin(), lines.end(), std::back_inserter(bill.lines));
  std::erase_if(rows, [&](const UsageRow& row) { return !part.Contains(row.key.booked); });
  std::move(rows.begin(), rows.end(), std::back_inserter(bill.usage));
  return Ok();
}

Plan PlanOf(const AccountState& account, const InvocationRecord& record) {
  const Commitment* commitment = account.Find(record.commitment);
  const bool there =
      commitment && (record.plan == Plan::kDedicated ? commitment->kind == CommitmentKind::kDedicated
                                                     : commitment->reserved());
  const bool promised = record.plan == Plan::kReserved || record.plan == Plan::kDedicated;
  return promised && !there ? Plan::kOnDemand : record.plan;
}

// Of what was used, which plan's is in a line of that kind.
bool HasPlan(LineKind kind, Plan plan) {
  switch (kind) {
    case LineKind::kDuration:
    case LineKind::kCoveredDuration:
      return plan == Plan::kOnDemand || plan == Plan::kReserved;  // reserved: what was over its capacity
    case LineKind::kSpotDuration:
      return plan == Plan::kSpot;
    case LineKind::kReservedDuration:
    case LineKind::kReservedUsed:
    case LineKind::kCommittedUsed:
    case LineKind::kCoveredReservedDuration:
      return plan == Plan::kReserved;
    case LineKind::kDedicatedDuration:
    case LineKind::kDedicatedUsed:
      return plan == Plan::kDedicated;
    case LineKind::kRequests:
    case LineKind::kCoveredRequests:
    case LineKind::kTmpStorage:
      return plan != Plan::kDedicated;
    case LineKind::kFreeRequests:
    case LineKind::kFreeDuration:
    case LineKind::kVolumeDiscount:
      return plan == Plan::kOnDemand || kind == LineKind::kFreeRequests;
    default:
      return false;
  }
}

UtcHour ClosedBefore(const AccountState& account, uint64_t number) {
  UtcHour through = std::chrono::sys_days(std::chrono::year(1900) / 1 / 1);
  for (const AccountState::Closing& closing : account.closings()) {
    if (closing.number < number) through = closing.through;
  }
  return through;
}

}  // namespace

RowSource KeptUsage(MeterView view) {
  return [view = std::move(view)](UtcHour from, UtcHour to) -> Result<std::vector<UsageRow>> {
    return view.RowsBookedIn(from, to);
  };
}

RowSource LedgerUsage(MeterView view) {
  return [view = std::move(view)](UtcHour from, UtcHour to) { return view.ReadRowsBookedIn(from, to); };
}

Period MonthOf(WallTime month_start) {
  return {month_start, StartOfMonth(month_start + std::chrono::days(31))};
}

Result<Bill> MakeBill(const AccountState& account, const RowSource& usage, Period period, WallTime now) {
  Bill bill;
  bill.period = {std::chrono::floor<hours>(period.from), std::chrono::ceil<hours>(period.to)};
  bill.currency = account.BookAt(HourOf(period.to)).currency;
  for (const Period& part : SplitByMonth(bill.period)) {
    AddBooks(account, part, bill.price_books);
    HEARTH_TRY(AddMonth(account, usage, part, now, bill));
  }
  return bill;
}

std::string CanonicalText(const Bill& bill) {
  std::string text =
      bill.currency + "\t" + ToUtcText(bill.period.from) + "\t" + ToUtcText(bill.period.to) + "\n";
  for (const std::string& book : bill.price_books) text += book + "\n";
  for (const BillLine& line : bill.lines) {
    text += line.id;
    for (const std::string& part :
         {std::string(NameOf(line.kind)), ToUtcText(line.period.from), ToUtcText(line.period.to),
          ToUtcText(line.booked), line.function, line.version, line.commitment,
          std::string(NameOf(line.plan)), QuantityText(line.quantity, line.unit()), ToString(line.list_price),
          ToString(line.list), ToString(line.contracted), ToString(line.billed), ToString(line.effective),
          line.note}) {
      text += '\t' + part;
    }
    for (const auto& [key, value] : line.tags) text += '\t' + key + '=' + value;
    text += '\n';
  }
  for (const Invoice& invoice : bill.invoices)
    text += invoice.id + "\t" + ToStringRounded(invoice.total, kCents) + "\n";
  return text;
}

Result<ExplainedLine> FindLine(const AccountState& account, const RowSource& usage, std::string_view id,
                               WallTime now) {
  const auto month = ParseMonthText(id.substr(0, kMonthDigits));
  if (!month.ok() || id.size() <= kMonthDigits + 1) {
    return Error{ErrorCode::kInvalidArgument, "\"" + std::string(id) +
                                                  "\" is not a line's id such as 2026-11-0123456789ab; "
                                                  "`hearth bill --lines` shows them"};
  }
  HEARTH_ASSIGN(const Bill bill, MakeBill(account, usage, MonthOf(*month), now));
  for (const BillLine& line : bill.lines) {
    if (line.id == id) return ExplainedLine{line, {line.period.from - kLongestRun, line.period.to}};
  }
  return Error{ErrorCode::kNotFound, "the bill of " + ToMonthText(*month) + " has no line \"" +
                                         std::string(id) +
                                         "\"; lines of a bill that was cut elsewhere than at midnight have "
                                         "other ids: take the month's"};
}

bool IsOfLine(const AccountState& account, const BillLine& line, uint64_t number,
              const InvocationRecord& record) {
  if (!record.billable && line.kind != LineKind::kDedicatedUsed) return false;
  if (!line.function.empty() && (line.function != record.function)) return false;
  if (!line.version.empty() && line.version != record.version) return false;
  const Plan plan = PlanOf(account, record);
  if (!HasPlan(line.kind, plan)) return false;
  const bool on_commitment = plan == Plan::kReserved || plan == Plan::kDedicated;
  const bool by_plan = ClassOf(line.kind) == LineClass::kCovered && line.kind != LineKind::kCommittedUsed;
  if (on_commitment && !by_plan && !line.commitment.empty() && line.commitment != record.commitment)
    return false;
  if (line.kind == LineKind::kRequests && line.plan != plan) return false;
  const UtcHour hour = HourOf(record.started);
  const UtcHour closed = ClosedBefore(account, number);
  if (line.late != (hour < closed)) return false;
  if (line.late && DayOf(closed) != DayOf(line.booked)) return false;
  if (line.period.Contains(record.started)) return true;
  // On reserved workers it is billed in the hours in which it ran.
  const WallTime end = record.started + milliseconds(record.billed_ms);
  return !line.late && plan == Plan::kReserved && line.kind != LineKind::kRequests &&
         record.started < line.period.from && end > line.period.from;
}

}  // namespace hearth
