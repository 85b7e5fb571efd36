#include "runtime/meter/focus_csv.h"

#include <array>
#include <map>

#include "runtime/base/json_text.h"
#include "runtime/meter/commitment_order.h"
#include "runtime/meter/utc_text.h"

namespace hearth {
namespace {

constexpr int64_t kMsPerHour = 3'600'000;
constexpr const char* kProvider = "Hearth";
constexpr const char* kCostCenter = "cost-center";

// The parts of a row that only its kind decides.
struct KindFacts {
  const char* category;     // ChargeCategory
  const char* frequency;    // ChargeFrequency
  const char* pricing;      // PricingCategory, "" for null
  const char* sku;          // SkuId and SkuMeter
  const char* description;  // ChargeDescription
};

const KindFacts& FactsOf(LineKind kind) {
  static constexpr KindFacts kFacts[kLineKinds] = {
      {"Usage", "Usage-Based", "Standard", "requests", "requests"},
      {"Usage", "Usage-Based", "Standard", "duration", "duration on demand"},
      {"Usage", "Usage-Based", "Dynamic", "duration", "duration on spot capacity"},
      {"Usage", "Usage-Based", "Standard", "reserved-duration", "duration on reserved workers"},
      {"Usage", "Usage-Based", "Standard", "tmp-storage", "ephemeral storage"},
      {"Usage", "Usage-Based", "Standard", "dedicated", "dedicated cpus, used"},
      {"Usage", "Usage-Based", "Standard", "dedicated", "dedicated cpus, unused"},
      {"Usage", "Usage-Based", "Standard", "reserved-capacity", "reserved workers, used"},
      {"Usage", "Usage-Based", "Standard", "reserved-capacity", "reserved workers, unused"},
      {"Usage", "Usage-Based", "Standard", "dedicated-duration", "duration on dedicated cpus, not billed"},
      {"Usage", "Usage-Based", "Committed", "reserved-capacity",
       "reserved workers, used, paid by commitment"},
      {"Usage", "Usage-Based", "Committed", "reserved-capacity",
       "reserved workers, unused, paid by commitment"},
      {"Usage", "Usage-Based", "Committed", "requests", "requests, covered by savings plan"},
      {"Usage", "Usage-Based", "Committed", "duration", "duration on demand, covered by savings plan"},
      {"Usage", "Usage-Based", "Committed", "reserved-duration",
       "duration on reserved workers, covered by savings plan"},
      {"Usage", "Usage-Based", "Committed", "savings-plan", "savings plan, unused"},
      {"Purchase", "One-Time", "Standard", "commitment-upfront", "upfront payment"},
      {"Purchase", "Recurring", "Standard", "commitment-hourly", "hourly payment"},
      {"Purchase", "One-Time", "Standard", "commitment-upfront", "exchange of a commitment"},
      {"Credit", "Usage-Based", "", "", "free allowance: requests"},
      {"Credit", "Usage-Based", "", "", "free allowance: duration"},
      {"Credit", "Usage-Based", "", "", "volume discount"},
      {"Credit", "One-Time", "", "", "credit"},
      {"Adjustment", "One-Time", "", "", "rounding to whole cents"},
  };
  return kFacts[static_cast<size_t>(kind)];
}

bool IsUsage(const BillLine& line) {
  return ClassOf(line.kind) == LineClass::kUsage || ClassOf(line.kind) == LineClass::kCovered;
}
bool IsReduction(const BillLine& line) { return ClassOf(line.kind) == LineClass::kReduction; }

bool IsUnused(LineKind kind) {
  return kind == LineKind::kDedicatedUnused || kind == LineKind::kReservedUnused ||
         kind == LineKind::kCommittedUnused || kind == LineKind::kPlanUnused;
}

// Is the line a commitment's discount (what was paid for is what is used), or only on capacity that is kept?
bool HasCommitmentDiscount(const BillLine& line) {
  return ClassOf(line.kind) == LineClass::kCovered || ClassOf(line.kind) == LineClass::kPurchase;
}
bool OnKeptCapacity(const BillLine& line, const Commitment* commitment) {
  return commitment && commitment->kind != CommitmentKind::kSavingsPlan && IsUsage(line);
}

const char* UnitName(PriceUnit unit, const std::string& currency) {
  switch (unit) {
    case PriceUnit::kGbSecond:
      return "GiB-Seconds";
    case PriceUnit::kMillionRequests:
      return "1000000 Requests";
    case PriceUnit::kCpuHour:
      return "Core-Hours";
    case PriceUnit::kHour:
      return "Hours";
    case PriceUnit::kMoney:
      return currency.c_str();
    case PriceUnit::kOnce:
      return "Units";
  }
  return "";
}

std::string TypeOf(const Commitment& commitment) {
  switch (commitment.kind) {
    case CommitmentKind::kReservedStandard:
      return "Reserved Workers";
    case CommitmentKind::kReservedConvertible:
      return "Convertible Reserved Workers";
    case CommitmentKind::kSavingsPlan:
      return "Savings Plan";
    case CommitmentKind::kDedicated:
      return "Dedicated Cpus";
  }
  return "";
}

// What a purchase gives: of a reservation MB x ms, of a savings plan money.
std::string QuantityBought(const BillLine& line, const Commitment& commitment) {
  const bool plan = commitment.kind == CommitmentKind::kSavingsPlan;
  const Int128 hour =
      plan ? commitment.committed_per_hour.units : Int128{commitment.reserved_mib()} * Int128{kMsPerHour};
  Int128 hours = line.quantity;
  if (line.kind == LineKind::kUpfrontFee) hours = Int128{commitment.term_hours};
  if (line.kind == LineKind::kExchange) {
    const auto begun = commitment.to - commitment.from;
    hours = Int128{std::chrono::floor<std::chrono::hours>(begun).count()} - Int128{commitment.term_hours};
  }
  return QuantityText(hour * hours, plan ? PriceUnit::kMoney : PriceUnit::kGbSecond);
}

void SetCommitment(const BillLine& line, const Commitment& commitment, const std::string& currency,
                   std::map<std::string_view, std::string>& row) {
  if (OnKeptCapacity(line, &commitment)) {
    row["CapacityReservationId"] = commitment.id;
    row["CapacityReservationStatus"] = IsUnused(line.kind) ? "Unused" : "Used";
  }
  if (!HasCommitmentDiscount(line)) return;
  const bool plan = commitment.kind == CommitmentKind::kSavingsPlan;
  row["CommitmentDiscountId"] = commitment.id;
  row["CommitmentDiscountName"] = TypeOf(commitment) + " " + commitment.id;
  row["CommitmentDiscountType"] = TypeOf(commitment);
  row["CommitmentDiscountCategory"] = plan ? "Spend" : "Usage";
  row["CommitmentDiscountUnit"] = plan ? currency : "GiB-Seconds";
  if (!IsUsage(line)) {
    row["CommitmentDiscountQuantity"] = QuantityBought(line, commitment);
    return;
  }
  row["CommitmentDiscountStatus"] = IsUnused(line.kind) ? "Unused" : "Used";
  row["CommitmentDiscountQuantity"] = plan ? DecimalText(line.effective.units, kMoneyDecimals)
                                           : QuantityText(line.quantity, PriceUnit::kGbSecond);
}

void SetQuantities(const BillLine& line, const std::string& currency,
                   std::map<std::string_view, std::string>& row) {
  if (IsReduction(line)) return;  // null: a credit has no price
  const std::string sku = std::string("hearth-") + FactsOf(line.kind).sku;
  row["PricingQuantity"] = QuantityText(line.quantity, line.unit());
  row["PricingUnit"] = UnitName(line.unit(), currency);
  row["ListUnitPrice"] = PriceText(line.list_price, 0, 0);
  row["ContractedUnitPrice"] = PriceText(line.list_price, line.spot_off, line.contract_off);
  row["SkuId"] = sku;
  row["SkuMeter"] = FactsOf(line.kind).sku;
  row["SkuPriceId"] = sku + "/" + row["ListUnitPrice"];
  const bool unused_discount = line.kind == LineKind::kCommittedUnused || line.kind == LineKind::kPlanUnused;
  if (!IsUsage(line) || unused_discount) return;
  const bool requests = line.unit() == PriceUnit::kMillionRequests;
  row["ConsumedQuantity"] = IsUnused(line.kind) ? "0"
                            : requests          ? DecimalText(line.quantity, 0)
                                                : row["PricingQuantity"];
  row["ConsumedUnit"] = requests ? "Requests" : row["PricingUnit"];
}

std::string Description(const BillLine& line) {
  std::string text = FactsOf(line.kind).description;
  if (!line.function.empty()) text += " of " + line.function;
  if (!line.version.empty()) text += ":" + line.version;
  return line.note.empty() ? text : text + " (" + line.note + ")";
}

}  // namespace

std::string TagsAsJson(const Tags& tags) {
  std::string json = "{";
  for (const auto& [key, value] : tags) {
    if (json.size() > 1) json += ',';
    AppendJsonString(json, key);
    json += ':';
    AppendJsonString(json, value);
  }
  return json + "}";
}

const std::vector<std::string_view>& FocusColumns() {
  static const std::vector<std::string_view> columns = {"BilledCost",
                                                        "BillingAccountId",
                                                        "BillingAccountName",
                                                        "BillingCurrency",
                                                        "BillingPeriodEnd",
                                                        "BillingPeriodStart",
                                                        "CapacityReservationId",
                                                        "CapacityReservationStatus",
                                                        "ChargeCategory",
                                                        "ChargeClass",
                                                        "ChargeDescription",
                                                        "ChargeFrequency",
                                                        "ChargePeriodEnd",
                                                        "ChargePeriodStart",
                                                        "CommitmentDiscountCategory",
                                                        "CommitmentDiscountId",
                                                        "CommitmentDiscountName",
                                                        "CommitmentDiscountQuantity",
                                                        "CommitmentDiscountStatus",
                                                        "CommitmentDiscountType",
                                                        "CommitmentDiscountUnit",
                                                        "ConsumedQuantity",
                                                        "ConsumedUnit",
                                                        "ContractedCost",
                                                        "ContractedUnitPrice",
                                                        "EffectiveCost",
                                                        "InvoiceId",
                                                        "InvoiceIssuer",
                                                        "ListCost",
                                                        "ListUnitPrice",
                                                        "PricingCategory",
                                                        "PricingQuantity",
                                                        "PricingUnit",
                                                        "Provider",
                                                        "Publisher",
                                                        "RegionId",
                                                        "RegionName",
                                                        "ResourceId",
                                                        "ResourceName",
                                                        "ResourceType",
                                                        "ServiceCategory",
                                                        "ServiceName",
                                                        "ServiceSubcategory",
                                                        "SkuId",
                                                        "SkuMeter",
                                                        "SkuPriceDetails",
                                                        "SkuPriceId",
                                                        "SubAccountId",
                                                        "SubAccountName",
                                                        "Tags"};
  return columns;
}

std::vector<std::string> FocusRow(const BillLine& line, const Bill& bill, const AccountState& account,
                                  const FocusIssuer& issuer) {
  const KindFacts& facts = FactsOf(line.kind);
  const Period billing = MonthOf(StartOfMonth(line.booked));
  std::map<std::string_view, std::string> row;
  row["BilledCost"] = DecimalText(line.billed.units, kMoneyDecimals);
  row["EffectiveCost"] = DecimalText(line.effective.units, kMoneyDecimals);
  row["ListCost"] = DecimalText(line.list.units, kMoneyDecimals);
  row["ContractedCost"] = DecimalText(line.contracted.units, kMoneyDecimals);
  row["BillingAccountId"] = issuer.account;
  row["BillingAccountName"] = "Hearth " + issuer.account;
  row["BillingCurrency"] = bill.currency;
  row["BillingPeriodStart"] = ToUtcText(billing.from);
  row["BillingPeriodEnd"] = ToUtcText(billing.to);
  row["ChargePeriodStart"] = ToUtcText(line.period.from);
  row["ChargePeriodEnd"] = ToUtcText(line.period.to);
  row["ChargeCategory"] = facts.category;
  if (line.late && line.period.from < billing.from) row["ChargeClass"] = "Correction";
  row["ChargeDescription"] = Description(line);
  row["ChargeFrequency"] = facts.frequency;
  row["PricingCategory"] = facts.pricing;
  row["InvoiceId"] = "hearth-" + ToMonthText(line.booked);
  for (const char* party : {"InvoiceIssuer", "Provider", "Publisher"}) row[party] = kProvider;
  row["RegionId"] = row["RegionName"] = issuer.region;
  row["ServiceCategory"] = "Compute";
  row["ServiceName"] = "Hearth Functions";
  row["ServiceSubcategory"] = "Serverless Compute";
  if (!line.function.empty()) {
    row["ResourceId"] =
        "arn:aws:lambda:" + issuer.region + ":" + issuer.account + ":function:" + line.function;
    row["ResourceName"] = line.function;
    row["ResourceType"] = "Function";
  }
  if (const auto center = line.tags.find(kCostCenter); center != line.tags.end() && !center->second.empty())
    row["SubAccountId"] = row["SubAccountName"] = center->second;
  if (!line.tags.empty()) row["Tags"] = TagsAsJson(line.tags);
  SetQuantities(line, bill.currency, row);
  if (const Commitment* commitment = account.Find(line.commitment))
    SetCommitment(line, *commitment, bill.currency, row);
  std::vector<std::string> values;
  for (const std::string_view column : FocusColumns()) values.push_back(row[column]);
  return values;
}

std::string CsvField(std::string_view text) {
  if (text.find_first_of(",\"\r\n") == std::string_view::npos) return std::string(text);
  std::string quoted = "\"";
  for (const char c : text) {
    if (c == '"') quoted += '"';
    quoted += c;
  }
  return quoted + "\"";
}

std::string FocusCsv(const Bill& bill, const AccountState& account, const FocusIssuer& issuer) {
  std::string csv;
  const auto add = [&](const auto& fields) {
    bool first = true;
    for (const auto& field : fields) {
      if (!first) csv += ',';
      csv += CsvField(field);
      first = false;
    }
    csv += "\r\n";
  };
  add(FocusColumns());
  for (const BillLine& line : bill.lines) add(FocusRow(line, bill, account, issuer));
  return csv;
}

}  // namespace hearth
