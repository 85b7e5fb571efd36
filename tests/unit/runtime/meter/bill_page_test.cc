#include "runtime/meter/bill_page.h"

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

TEST_CASE("scale ends at a round number that is not below the largest", "[meter][page]") {
  for (const double value : {0.0003, 0.9, 1.0, 1.1, 7.3, 9.9, 123.0, 5e6}) {
    CHECK(RoundScale(value) >= value);
    CHECK(RoundScale(value) <= value * 2.5);
  }
  CHECK(RoundScale(0) == 1);
}

}  // namespace hearth
