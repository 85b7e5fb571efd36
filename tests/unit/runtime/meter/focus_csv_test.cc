#include "runtime/meter/focus_csv.h"

#include <set>

#include <catch2/catch.hpp>

#include "tests/unit/runtime/meter/rating_fixture.h"

namespace hearth {

TEST_CASE("FOCUS: all mandatory columns of version 1.2, each once", "[meter][focus]") {
  const std::set<std::string_view> columns(FocusColumns().begin(), FocusColumns().end());
  CHECK(columns.size() == FocusColumns().size());
  for (const char* mandatory :
       {"BilledCost",        "BillingAccountId",   "BillingAccountName", "BillingCurrency",
        "BillingPeriodEnd",  "BillingPeriodStart", "ChargeCategory",     "ChargeClass",
        "ChargeDescription", "ChargePeriodEnd",    "ChargePeriodStart",  "ContractedCost",
        "EffectiveCost",     "InvoiceIssuer",      "ListCost",           "PricingQuantity",
        "PricingUnit",       "Provider",           "Publisher",          "ServiceCategory",
        "ServiceName"}) {
    INFO(mandatory);
    CHECK(columns.contains(mandatory));
  }
}

TEST_CASE_METHOD(RatingFixture, "FOCUS: a correction of a month that was invoiced is told",
                 "[meter][focus]") {
  Ran(kNovember, {});
  Happens(At("2026-12-04"), PeriodClosed{HourOf(kDecember)});
  Ran(kNovember, {});
  Bill bill;
  bill.currency = "USD";
  bill.lines = Rate(At("2027-01-01"), kDecember);
  REQUIRE(bill.lines.size() == 2);
  for (const BillLine& line : bill.lines) {
    const auto row = FocusRow(line, bill, account, {});
    const auto value = [&](std::string_view column) {
      return row[static_cast<size_t>(std::find(FocusColumns().begin(), FocusColumns().end(), column) -
                                     FocusColumns().begin())];
    };
    CHECK(value("ChargeClass") == "Correction");
    CHECK(value("ChargePeriodStart") == "2026-11-01T00:00:00Z");
    CHECK(value("BillingPeriodStart") == "2026-12-01T00:00:00Z");
    CHECK(value("InvoiceId") == "hearth-2026-12");
  }
}

TEST_CASE("CSV fields are quoted where they must be", "[meter][focus]") {
  CHECK(CsvField("plain") == "plain");
  CHECK(CsvField("") == "");
  CHECK(CsvField("a,b") == "\"a,b\"");
  CHECK(CsvField("say \"hi\"") == "\"say \"\"hi\"\"\"");
  CHECK(CsvField("two\nlines") == "\"two\nlines\"");
}

TEST_CASE("tags are JSON, whatever is in them", "[meter][focus]") {
  CHECK(TagsAsJson({}) == "{}");
  CHECK(TagsAsJson({{"a", "b"}, {"q\"", "x\\\n"}}) == R"({"a":"b","q\"":"x\\\n"})");
}

}  // namespace hearth
