#include "runtime/meter/bill_line.h"

#include "runtime/base/check.h"
#include "runtime/meter/usage_totals.h"

namespace hearth {
namespace {

constexpr Int128 kAllOff = 10'000;  // basis points
constexpr Int128 kMoneyUnit = 10'000'000'000;

Int128 LessOff(Int128 value, uint32_t spot_off, uint32_t contract_off) {
  return value * (kAllOff - Int128{spot_off}) * (kAllOff - Int128{contract_off});
}

}  // namespace

std::string_view NameOf(LineKind kind) {
  static constexpr std::string_view kNames[kLineKinds] = {"requests",
                                                          "duration",
                                                          "spot duration",
                                                          "reserved duration",
                                                          "tmp storage",
                                                          "dedicated, used",
                                                          "dedicated, unused",
                                                          "reserved, used",
                                                          "reserved, unused",
                                                          "dedicated duration",
                                                          "committed, used",
                                                          "committed, unused",
                                                          "covered requests",
                                                          "covered duration",
                                                          "covered reserved duration",
                                                          "savings plan, unused",
                                                          "upfront fee",
                                                          "hourly fee",
                                                          "exchange",
                                                          "free requests",
                                                          "free duration",
                                                          "volume discount",
                                                          "credit",
                                                          "rounding"};
  return kNames[static_cast<size_t>(kind)];
}

LineClass ClassOf(LineKind kind) {
  if (kind >= LineKind::kFreeRequests) return LineClass::kReduction;
  if (kind >= LineKind::kUpfrontFee) return LineClass::kPurchase;
  return kind >= LineKind::kCommittedUsed ? LineClass::kCovered : LineClass::kUsage;
}

PriceUnit UnitOf(LineKind kind) {
  switch (kind) {
    case LineKind::kRequests:
    case LineKind::kCoveredRequests:
    case LineKind::kFreeRequests:
      return PriceUnit::kMillionRequests;
    case LineKind::kDedicatedUsed:
    case LineKind::kDedicatedUnused:
      return PriceUnit::kCpuHour;
    case LineKind::kHourlyFee:
      return PriceUnit::kHour;
    case LineKind::kPlanUnused:
      return PriceUnit::kMoney;
    case LineKind::kUpfrontFee:
    case LineKind::kExchange:
    case LineKind::kCredit:
    case LineKind::kRounding:
      return PriceUnit::kOnce;
    default:
      return PriceUnit::kGbSecond;
  }
}

uint64_t PerUnit(PriceUnit unit) {
  switch (unit) {
    case PriceUnit::kGbSecond:
      return kMbMsPerGbSecond;
    case PriceUnit::kMillionRequests:
      return 1'000'000;
    case PriceUnit::kCpuHour:
      return 3'600'000;
    case PriceUnit::kMoney:
      return 10'000'000'000;
    case PriceUnit::kHour:
    case PriceUnit::kOnce:
      return 1;
  }
  return 1;
}

std::string_view NameOf(PriceUnit unit) {
  switch (unit) {
    case PriceUnit::kGbSecond:
      return "GB-s";
    case PriceUnit::kMillionRequests:
      return "1M requests";
    case PriceUnit::kCpuHour:
      return "cpu-hours";
    case PriceUnit::kHour:
      return "hours";
    case PriceUnit::kMoney:
      return "currency";
    case PriceUnit::kOnce:
      return "once";
  }
  return "";
}

// Largest case: 2^63 MB x ms at 1,000 a GB-second is 1e32 before the discounts' 1e8 would be multiplied in, so
// those are left out where there are none.
Money AmountOf(Int128 quantity, Money price, PriceUnit unit, uint32_t spot_off, uint32_t contract_off) {
  const Int128 full = quantity * price.units;
  const Int128 per{PerUnit(unit)};
  if (spot_off == 0 && contract_off == 0) return {DivideHalfEven(full, per)};
  if (spot_off != 0 && contract_off != 0)
    return {DivideHalfEven(LessOff(full, spot_off, contract_off), per * kAllOff * kAllOff)};
  const uint32_t off = spot_off + contract_off;  // one of them is 0
  return {DivideHalfEven(full * (kAllOff - Int128{off}), per * kAllOff)};
}

std::string DecimalText(Int128 value, int decimals) {
  const bool negative = value < 0;
  if (negative) value = -value;
  std::string text;
  for (int digit = 0; value > 0 || digit <= decimals; ++digit) {
    if (digit == decimals && decimals > 0) text.insert(text.begin(), '.');
    text.insert(text.begin(), static_cast<char>('0' + static_cast<int>(value % 10)));
    value /= 10;
  }
  if (decimals > 0) {
    text.erase(text.find_last_not_of('0') + 1);
    if (text.back() == '.') text.pop_back();
  }
  return negative && text != "0" ? "-" + text : text;
}

std::string QuantityText(Int128 quantity, PriceUnit unit) {
  switch (unit) {
    case PriceUnit::kGbSecond:  // 1,024,000 = 2^13 x 5^3: thirteen decimals are exact
      return DecimalText(quantity * (kMoneyUnit * 1'000 / Int128{kMbMsPerGbSecond}), 13);
    case PriceUnit::kMillionRequests:
      return DecimalText(quantity, 6);
    case PriceUnit::kCpuHour:  // not a decimal: half-even at the twelfth
      return DecimalText(DivideHalfEven(quantity * kMoneyUnit * 100, Int128{PerUnit(unit)}), 12);
    case PriceUnit::kMoney:
      return DecimalText(quantity, kMoneyDecimals);
    case PriceUnit::kHour:
    case PriceUnit::kOnce:
      return DecimalText(quantity, 0);
  }
  return "";
}

std::string PriceText(Money price, uint32_t spot_off, uint32_t contract_off) {
  return DecimalText(LessOff(price.units, spot_off, contract_off), kMoneyDecimals + 8);
}

}  // namespace hearth
