#include "runtime/control/bill_json.h"

#include <map>

#include "runtime/meter/focus_csv.h"

namespace hearth {
namespace {

constexpr const char* kDefaultTag = "cost-center";
constexpr const char* kUntagged = "(untagged)";

struct Row {
  UsageTotals usage;
  Money requests, duration, other, effective;
  Money total() const { return requests + duration + other; }
};

using RowKey = std::pair<std::string, std::string>;  // function and version, or whatever it is by

std::string PlanName(const BillLine& line) {
  switch (line.kind) {
    case LineKind::kCoveredRequests:
    case LineKind::kCoveredDuration:
    case LineKind::kCoveredReservedDuration:
    case LineKind::kPlanUnused:
      return "savings-plan";
    default:
      return line.plan == Plan::kReserved && line.function.empty() ? "savings-plan"
                                                                   : std::string(NameOf(line.plan));
  }
}

RowKey KeyOfUsage(const UsageRow& row, const AccountState& account, const BillBy& by) {
  switch (by.what) {
    case BillBy::What::kFunction:
      return {row.key.function, ""};
    case BillBy::What::kVersion:
      return {row.key.function, row.key.version};
    case BillBy::What::kPlan:
      return {std::string(NameOf(row.key.plan)), ""};
    case BillBy::What::kTag:
      break;
  }
  const Tags& tags = account.TagsAt(row.key.function, row.key.hour);
  const auto found = tags.find(by.tag_key);
  return {found == tags.end() ? kUntagged : found->second, ""};
}

void AddAmount(const BillLine& line, Row& row) {
  Money& part = line.kind == LineKind::kRequests ? row.requests
                : line.unit() == PriceUnit::kGbSecond && ClassOf(line.kind) == LineClass::kUsage &&
                        line.kind != LineKind::kTmpStorage
                    ? row.duration
                    : row.other;
  part += line.billed;
  row.effective += line.effective;
}

Json TimesJson(Json json, Period period) {
  json["from"] = ToIso8601Millis(period.from);
  json["to"] = ToIso8601Millis(period.to);
  return json;
}

Json RowJson(const Row& row, const RowKey& key, const BillBy& by) {
  Json json = UsageJson(row.usage);
  switch (by.what) {
    case BillBy::What::kVersion:
      json["version"] = key.second;
      [[fallthrough]];
    case BillBy::What::kFunction:
      json["function"] = key.first;
      break;
    case BillBy::What::kPlan:
      json["plan"] = key.first;
      break;
    case BillBy::What::kTag:
      json["tag"] = key.first;
      break;
  }
  json["requests_amount"] = ToString(row.requests);
  json["duration_amount"] = ToString(row.duration);
  json["other_amount"] = ToString(row.other);
  json["amount"] = ToString(row.total());
  json["effective"] = ToString(row.effective);
  return json;
}

}  // namespace

Result<BillBy> BillBy::Parse(std::string_view text) {
  if (text.empty() || text == "function") return BillBy{What::kFunction, ""};
  if (text == "version") return BillBy{What::kVersion, ""};
  if (text == "plan") return BillBy{What::kPlan, ""};
  if (text == "tag") return BillBy{What::kTag, kDefaultTag};
  if (text.starts_with("tag:") && text.size() > 4) return BillBy{What::kTag, std::string(text.substr(4))};
  return Error{ErrorCode::kInvalidArgument,
               "by=" + std::string(text) + " is none of function, version, plan, tag, tag:KEY"};
}

std::string BillBy::Name() const {
  switch (what) {
    case What::kFunction:
      return "function";
    case What::kVersion:
      return "version";
    case What::kPlan:
      return "plan";
    case What::kTag:
      return "tag:" + tag_key;
  }
  return "";
}

std::string BillBy::KeyOf(const BillLine& line) const {
  switch (what) {
    case What::kFunction:
    case What::kVersion:
      return line.function;
    case What::kPlan:
      return PlanName(line);
    case What::kTag:
      break;
  }
  const auto found = line.tags.find(tag_key);
  return found == line.tags.end() ? kUntagged : found->second;
}

Json UsageJson(const UsageTotals& usage) {
  return {{"requests", usage.requests},
          {"invocations", usage.records},
          {"errors", usage.errors()},
          {"cold_starts", usage.cold_starts},
          {"billed_ms", usage.billed_ms},
          {"duration_ms", static_cast<double>(usage.duration_ns) / 1e6},
          {"init_ms", static_cast<double>(usage.init_ns) / 1e6},
          {"memory_mb_ms", usage.memory_mb_ms},
          {"gb_seconds", static_cast<double>(usage.memory_mb_ms) / static_cast<double>(kMbMsPerGbSecond)}};
}

Json LineJson(const BillLine& line) {
  Json json = {{"id", line.id},
               {"kind", NameOf(line.kind)},
               {"function", line.function},
               {"version", line.version},
               {"plan", NameOf(line.plan)},
               {"commitment", line.commitment},
               {"tags", line.tags},
               {"quantity", QuantityText(line.quantity, line.unit())},
               {"unit", NameOf(line.unit())},
               {"price", PriceText(line.list_price, line.spot_off, line.contract_off)},
               {"list_price", PriceText(line.list_price, 0, 0)},
               {"amount", ToString(line.billed)},
               {"list", ToString(line.list)},
               {"contracted", ToString(line.contracted)},
               {"effective", ToString(line.effective)},
               {"booked", ToIso8601Millis(line.booked)},
               {"final", line.final},
               {"correction", line.late}};
  if (!line.note.empty()) json["note"] = line.note;
  return TimesJson(std::move(json), line.period);
}

Json BillJson(const Bill& bill, const AccountState& account, const BillBy& by, BillLines shown) {
  std::map<RowKey, Row> rows;
  std::map<LineKind, Money> account_lines;
  UsageTotals total;
  Money effective;
  for (const UsageRow& row : bill.usage) {
    rows[KeyOfUsage(row, account, by)].usage += row.usage;
    total += row.usage;
  }
  Json lines = Json::array();
  for (const BillLine& line : bill.lines) {
    effective += line.effective;
    if (shown == BillLines::kShown) lines.push_back(LineJson(line));
    if (line.function.empty() && ClassOf(line.kind) != LineClass::kCovered) {
      account_lines[line.kind] += line.billed;
      continue;
    }
    if (line.function.empty() && line.kind == LineKind::kPlanUnused) continue;
    AddAmount(line, rows[{by.KeyOf(line), by.what == BillBy::What::kVersion ? line.version : ""}]);
  }
  Json row_list = Json::array();
  for (const auto& [key, row] : rows) row_list.push_back(RowJson(row, key, by));
  Json account_list = Json::array();
  for (const auto& [kind, amount] : account_lines)
    account_list.push_back({{"kind", NameOf(kind)}, {"amount", ToString(amount)}});
  Json invoices = Json::array();
  for (const Invoice& invoice : bill.invoices) {
    invoices.push_back({{"id", invoice.id},
                        {"month", invoice.month},
                        {"total", ToStringRounded(invoice.total, 2)},
                        {"final", invoice.final}});
  }
  Json total_json = UsageJson(total);
  total_json["amount"] = ToString(bill.total);
  total_json["effective"] = ToString(effective);
  std::string books;
  for (const std::string& book : bill.price_books) books += (books.empty() ? "" : ", ") + book;
  Json json = {{"by", by.Name()},
               {"price_book", books},
               {"currency", bill.currency},
               {"rows", std::move(row_list)},
               {"account", std::move(account_list)},
               {"invoices", std::move(invoices)},
               {"total", std::move(total_json)}};
  if (shown == BillLines::kShown) json["lines"] = std::move(lines);
  return TimesJson(std::move(json), bill.period);
}

std::string BillCsv(const Bill& bill) {
  std::string csv =
      "id,kind,from,to,booked,function,version,plan,commitment,tags,quantity,unit,list_price,price,list,"
      "contracted,billed,effective,currency,final,correction,note\r\n";
  for (const BillLine& line : bill.lines) {
    const std::vector<std::string> fields = {line.id,
                                             std::string(NameOf(line.kind)),
                                             ToIso8601Millis(line.period.from),
                                             ToIso8601Millis(line.period.to),
                                             ToIso8601Millis(line.booked),
                                             line.function,
                                             line.version,
                                             std::string(NameOf(line.plan)),
                                             line.commitment,
                                             line.tags.empty() ? "" : TagsAsJson(line.tags),
                                             QuantityText(line.quantity, line.unit()),
                                             std::string(NameOf(line.unit())),
                                             PriceText(line.list_price, 0, 0),
                                             PriceText(line.list_price, line.spot_off, line.contract_off),
                                             ToString(line.list),
                                             ToString(line.contracted),
                                             ToString(line.billed),
                                             ToString(line.effective),
                                             bill.currency,
                                             line.final ? "true" : "false",
                                             line.late ? "true" : "false",
                                             line.note};
    for (size_t i = 0; i < fields.size(); ++i) csv += (i == 0 ? "" : ",") + CsvField(fields[i]);
    csv += "\r\n";
  }
  return csv;
}

}  // namespace hearth
