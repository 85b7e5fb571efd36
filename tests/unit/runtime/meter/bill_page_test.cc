#include "runtime/meter/bill_page.h"

#include <cstdlib>
#include <fstream>

#include <catch2/catch.hpp>

#include "runtime/meter/svg_plot.h"
#include "tests/unit/runtime/meter/rating_fixture.h"

namespace hearth {
namespace {

struct PageFixture : RatingFixture {
  std::string Page(WallTime now = kDecember) const {
    const RowSource source = [this](UtcHour from, UtcHour to) -> Result<std::vector<UsageRow>> {
      return usage.RowsBookedIn(from, to);
    };
    return BillPage(MakeBill(account, source, MonthOf(kNovember), now).value(), account, now);
  }
};

bool Has(const std::string& text, const std::string& part) { return text.find(part) != std::string::npos; }

size_t Count(const std::string& text, const std::string& part) {
  size_t count = 0;
  for (size_t at = text.find(part); at != std::string::npos; at = text.find(part, at + 1)) ++count;
  return count;
}

}  // namespace

TEST_CASE_METHOD(PageFixture, "page has three plots, a table of functions and one of lines",
                 "[meter][page]") {
  for (int day = 0; day < 20; ++day) Ran(kNovember + std::chrono::hours(24 * day), {.ms = 100'000});
  const std::string page = Page();
  for (const char* id :
       {"id=\"plot-days\"", "id=\"plot-functions\"", "id=\"plot-idle\"", "id=\"functions\"", "id=\"lines\""})
    CHECK(Has(page, id));
  CHECK(Count(page, "<svg ") == Count(page, "</svg>"));
  CHECK(Count(page, "<section>") == Count(page, "</section>"));
  CHECK(Has(page, "invoice hearth-2026-11"));
  CHECK(Has(page, "provisional"));
}

TEST_CASE_METHOD(PageFixture, "page fetches nothing and runs nothing", "[meter][page]") {
  Ran(kNovember, {});
  const std::string page = Page();
  for (const char* part : {"<script", "http://", "https://", "src=", "@import", "url(", "javascript:"}) {
    INFO(part);
    CHECK_FALSE(Has(page, part));
  }
}

TEST_CASE_METHOD(PageFixture, "names are escaped wherever they stand", "[meter][page]") {
  const std::string evil = "<img/onerror=\"x'&>";
  Ran(kNovember, {.function = evil, .version = evil});
  Happens(kNovember, CreditGranted{"crd-1", Of("1"), evil, evil});
  const std::string page = Page();
  CHECK_FALSE(Has(page, "<img"));
  CHECK(Has(page, "&lt;img/onerror=&quot;x&#39;&amp;&gt;"));
}

TEST_CASE_METHOD(PageFixture, "page of a month in which nothing ran", "[meter][page]") {
  const std::string page = Page();
  CHECK(Has(page, "id=\"plot-days\""));
  CHECK_FALSE(Has(page, "nan"));
  CHECK_FALSE(Has(page, "inf"));
}

TEST_CASE_METHOD(PageFixture, "more lines than the page has room for are said to be left out",
                 "[meter][page]") {
  for (size_t i = 0; i <= kPageLinesMax; ++i) Ran(kNovember, {.function = "f" + std::to_string(i)});
  const std::string page = Page();
  CHECK(Has(page, "lines are left out here"));
  CHECK(Count(page.substr(page.find("id=\"lines\"")), "<tr>") == kPageLinesMax + 1);
}

// A month of everything, for tests/e2e/test_bill_page.py, which looks at it in a browser.
TEST_CASE_METHOD(PageFixture, "a page to look at", "[.][page-to-look-at]") {
  const char* path = std::getenv("HEARTH_PAGE");
  REQUIRE(path != nullptr);
  const std::string book(ShippedPriceBookJson());
  Happens(At("2026-01-01"), PricesInForce{book});
  const std::vector<std::string> functions = {"resize",
                                              "thumbnails",
                                              "orders",
                                              "checkout",
                                              "search-index",
                                              "mail",
                                              "audit",
                                              "webhooks",
                                              "reports",
                                              std::string(64, 'w'),
                                              "<b>bold</b> & \"quoted\"",
                                              "nightly"};
  const Commitment warm = Buys(At("2026-11-03T08:00:00Z"), Reserve("checkout", 3, 1'024, 500));
  Buys(At("2026-11-05"), SavingsPlan("0.05", 480));
  const Commitment host = Buys(At("2026-11-08T10:00:00Z"), Host("reports", 1));
  Happens(At("2026-11-09T10:00:00Z"), CommitmentEnded{host.id, At("2026-11-09T10:00:00Z")});
  Happens(kNovember, FunctionTagged{"resize", {{"cost-center", "vision"}}});
  Happens(At("2026-11-20"), CreditGranted{"crd-1", Of("0.25"), "orders", "outage of 19 November"});
  std::mt19937_64 random(7);
  for (int hour = 0; hour < 24 * 28; ++hour) {
    const WallTime start = kNovember + std::chrono::hours(hour);
    const uint64_t day_wave = 20 + static_cast<uint64_t>((hour % 24) > 7 && (hour % 24) < 19 ? 60 : 0);
    for (size_t i = 0; i < functions.size(); ++i) {
      const uint64_t ms = day_wave * (1'000 + random() % 20'000) / (i + 1);
      const bool reserved = functions[i] == "checkout" && warm.Runs(start);
      Ran(start, {.function = functions[i],
                  .ms = ms,
                  .memory_mib = 512u << (i % 3),
                  .plan = reserved ? Plan::kReserved
                          : i == 6 ? Plan::kSpot
                                   : Plan::kOnDemand,
                  .commitment = reserved ? warm.id : ""});
    }
    NodeHour node;
    node.hour = HourOf(start);
    node.observed_ms = 3'600'000;
    node.capacity = uint64_t{16'384} * 3'600'000;
    node.busy = node.capacity * day_wave / 200;
    node.reserved_busy = warm.Runs(start) ? node.capacity / 30 : 0;
    node.reserved_idle = warm.Runs(start) ? node.capacity / 8 : 0;
    node.keep_alive = node.capacity * (10 + random() % 10) / 100;
    node.platform = node.capacity / 50;
    Happens(start, node);
  }
  std::ofstream(path) << Page(At("2026-11-29"));
}

TEST_CASE("scale ends at a round number that is not below the largest", "[meter][page]") {
  for (const double value : {0.0003, 0.9, 1.0, 1.1, 7.3, 9.9, 123.0, 5e6}) {
    CHECK(RoundScale(value) >= value);
    CHECK(RoundScale(value) <= value * 2.5);
  }
  CHECK(RoundScale(0) == 1);
}

}  // namespace hearth
