#include "runtime/meter/utc_text.h"

#include <catch2/catch.hpp>

namespace hearth {

TEST_CASE("times are read as they are written, to the microsecond", "[meter]") {
  for (const char* text : {"2026-11-23T09:11:50Z", "2026-11-23T00:00:00Z", "2026-11-23T09:11:50.911234Z",
                           "1969-12-31T23:59:59Z"}) {
    INFO(text);
    CHECK(ToUtcText(ParseUtcText(text).value()) == text);
  }
  CHECK(ToUtcText(ParseUtcText("2026-11-23").value()) == "2026-11-23T00:00:00Z");
  CHECK(ToUtcText(ParseUtcText("2026-11-23T09:11:50.9Z").value()) == "2026-11-23T09:11:50.900000Z");
}

TEST_CASE("what is no time is refused", "[meter]") {
  for (const char* text : {"", "yesterday", "2026-13-01", "2026-02-30", "2026-11-01x", "2026-11-01T25:00:00Z",
                           "2026-11-01T00:00:00", "2026-11-01T00:00:00.Z", "2026-11-01T00:00:00.1234567Z"}) {
    INFO(text);
    CHECK_FALSE(ParseUtcText(text).ok());
  }
}

TEST_CASE("months", "[meter]") {
  CHECK(ToUtcText(ParseMonthText("2026-11").value()) == "2026-11-01T00:00:00Z");
  CHECK(ToMonthText(ParseUtcText("2026-11-30T23:59:59Z").value()) == "2026-11");
  for (const char* text : {"2026", "2026-00", "2026-13", "2026-1", "2026-11-01"})
    CHECK_FALSE(ParseMonthText(text).ok());
}

}  // namespace hearth
