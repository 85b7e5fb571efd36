#include "runtime/cli/bill_table.h"

#include <vector>

#include "runtime/cli/text_table.h"
#include "runtime/meter/money.h"

namespace hearth::cli {
namespace {

// What one row of the table costs, by kind.
struct Charges {
  Money requests;
  Money duration;
  Money other;
};

Money MoneyOf(const Json& object, const char* member) {
  const auto amount = ParseMoney(TextOf(object, member));
  return amount.ok() ? *amount : Money{};
}

// What a row is of, by what the bill is by.
std::string RowTitle(const Json& row, const std::string& by) {
  if (by == "version") return TextOf(row, "function") + ":" + TextOf(row, "version");
  return TextOf(row, by.starts_with("tag") ? "tag" : by.c_str());
}

Charges ChargesOf(const Json& row) {
  return {MoneyOf(row, "requests_amount"), MoneyOf(row, "duration_amount"), MoneyOf(row, "other_amount")};
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
          ToString(charges.other),
          ToString(MoneyOf(usage, "amount"))};
}

// What concerns all of them: allowance and tiers, savings plans, credits, rounding.
void AddAccountRows(TextTable& table, const Json& account) {
  for (const Json& one : account) {
    table.Add(
        {"(" + TextOf(one, "kind") + ")", "", "", "", "", "", "", "", ToString(MoneyOf(one, "amount"))});
  }
}

std::string Title(const std::string& by) {
  if (by.starts_with("tag")) return by.substr(by.find(':') + 1);
  std::string title = by;
  for (char& c : title) c = static_cast<char>(c >= 'a' && c <= 'z' ? c - 'a' + 'A' : c);
  return title;
}

std::string InvoiceLines(const Json& bill) {
  std::string text;
  for (const Json& invoice : bill.value("invoices", Json::array())) {
    text += "Invoice " + TextOf(invoice, "id") + ": " + TextOf(bill, "currency") + " " +
            TextOf(invoice, "total") + (invoice.value("final", false) ? ", final" : ", provisional") + "\n";
  }
  return text;
}

}  // namespace

std::string BillText(const Json& bill) {
  const std::string by = TextOf(bill, "by");
  const std::string currency = TextOf(bill, "currency");
  TextTable table({{Title(by)},
                   {"INVOCATIONS", Align::kRight},
                   {"ERRORS", Align::kRight},
                   {"BILLED ms", Align::kRight},
                   {"GB-s", Align::kRight},
                   {"REQUESTS " + currency, Align::kRight},
                   {"DURATION " + currency, Align::kRight},
                   {"OTHER " + currency, Align::kRight},
                   {"TOTAL " + currency, Align::kRight}});
  Charges all;
  for (const Json& row : bill.value("rows", Json::array())) {
    const Charges charges = ChargesOf(row);
    all.requests += charges.requests;
    all.duration += charges.duration;
    all.other += charges.other;
    table.Add(UsageCells(RowTitle(row, by), row, charges));
  }
  AddAccountRows(table, bill.value("account", Json::array()));
  table.Add(UsageCells("TOTAL", bill.value("total", Json::object()), all));
  return "From " + TextOf(bill, "from") + " to " + TextOf(bill, "to") +
         ", prices: " + TextOf(bill, "price_book") + "\n\n" + table.Text() + InvoiceLines(bill);
}

std::string BillLinesText(const Json& bill) {
  TextTable table({{"LINE"},
                   {"DAY"},
                   {"WHAT"},
                   {"FUNCTION"},
                   {"COMMITMENT"},
                   {"QUANTITY", Align::kRight},
                   {"UNIT"},
                   {"PRICE", Align::kRight},
                   {"BILLED", Align::kRight},
                   {"EFFECTIVE", Align::kRight}});
  for (const Json& line : bill.value("lines", Json::array())) {
    const std::string version = TextOf(line, "version");
    table.Add({TextOf(line, "id"), TextOf(line, "from").substr(0, 10),
               TextOf(line, "kind") + (line.value("correction", false) ? ", correction" : ""),
               TextOf(line, "function") + (version.empty() ? "" : ":" + version), TextOf(line, "commitment"),
               TextOf(line, "quantity"), TextOf(line, "unit"), TextOf(line, "price"), TextOf(line, "amount"),
               TextOf(line, "effective")});
  }
  return table.Text();
}

}  // namespace hearth::cli
