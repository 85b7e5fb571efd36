#include "runtime/cli/bill_table.h"

#include <charconv>
#include <cstdio>
#include <map>
#include <vector>

#include "runtime/cli/exit_code.h"
#include "runtime/cli/text_table.h"
#include "runtime/meter/money.h"

namespace hearth::cli {
namespace {

// What one row of the table costs, by kind.
struct Charges {
  Money requests;
  Money duration;
};

Money MoneyOf(const Json& object, const char* member) {
  const auto amount = ParseMoney(TextOf(object, member));
  return amount.ok() ? *amount : Money{};
}

std::string RowKey(const Json& object, bool by_version) {
  std::string key = TextOf(object, "function");
  return by_version ? key + ":" + TextOf(object, "version") : key;
}

std::map<std::string, Charges> ChargesByRow(const Json& lines, bool by_version) {
  std::map<std::string, Charges> charges;
  for (const Json& line : lines) {
    if (TextOf(line, "function").empty()) continue;  // the account's, see AddAccountLines()
    Charges& of_row = charges[RowKey(line, by_version)];
    (TextOf(line, "kind") == "requests" ? of_row.requests : of_row.duration) += MoneyOf(line, "amount");
  }
  return charges;
}

std::string Whole(const Json& object, const char* member) {
  return WithThousands(static_cast<uint64_t>(NumberOf(object, member)));
}

std::vector<std::string> UsageCells(const std::string& title, const Json& usage, const Charges& charges) {
  return {title,
          Whole(usage, "invocations"),
          Whole(usage, "errors"),
          Whole(usage, "billed_ms"),
          Decimals(NumberOf(usage, "gb_seconds"), 6),
          ToString(charges.requests),
          ToString(charges.duration),
          ToString(MoneyOf(usage, "amount"))};
}

// Lines without a function: free tiers and discounts, which belong to the account.
void AddAccountLines(TextTable& table, const Json& lines) {
  for (const Json& line : lines) {
    if (!TextOf(line, "function").empty()) continue;
    table.Add({"(" + TextOf(line, "kind") + ")", "", "", "", "", "", "", ToString(MoneyOf(line, "amount"))});
  }
}

}  // namespace

Result<std::string> QueryOfMonth(const std::string& month) {
  unsigned year = 0, number = 0;
  const char* begin = month.data();
  const bool shaped = month.size() == 7 && month[4] == '-' &&
                      std::from_chars(begin, begin + 4, year).ptr == begin + 4 &&
                      std::from_chars(begin + 5, begin + 7, number).ptr == begin + 7;
  if (!shaped || number < 1 || number > 12)
    return UsageError("--month \"" + month + "\" is not like 2026-11");
  char query[64];
  std::snprintf(query, sizeof query, "from=%04u-%02u-01&to=%04u-%02u-01", year, number,
                number == 12 ? year + 1 : year, number == 12 ? 1 : number + 1);
  return std::string(query);
}

std::string BillText(const Json& bill) {
  const bool by_version = TextOf(bill, "by") == "version";
  const Json lines = bill.value("lines", Json::array());
  std::map<std::string, Charges> charges = ChargesByRow(lines, by_version);
  Charges all;
  for (const auto& [key, of_row] : charges) {
    all.requests += of_row.requests;
    all.duration += of_row.duration;
  }
  const std::string currency = TextOf(bill, "currency");
  TextTable table({{by_version ? "VERSION" : "FUNCTION"},
                   {"INVOCATIONS", Align::kRight},
                   {"ERRORS", Align::kRight},
                   {"BILLED ms", Align::kRight},
                   {"GB-s", Align::kRight},
                   {"REQUESTS " + currency, Align::kRight},
                   {"DURATION " + currency, Align::kRight},
                   {"TOTAL " + currency, Align::kRight}});
  for (const Json& row : bill.value("rows", Json::array())) {
    const std::string key = RowKey(row, by_version);
    table.Add(UsageCells(key, row, charges[key]));
  }
  AddAccountLines(table, lines);
  table.Add(UsageCells("TOTAL", bill.value("total", Json::object()), all));
  return "From " + TextOf(bill, "from") + " to " + TextOf(bill, "to") +
         ", prices: " + TextOf(bill, "price_book") + "\n\n" + table.Text();
}

}  // namespace hearth::cli
