#include "runtime/base/log_levels.h"

#include <catch2/catch.hpp>

namespace hearth {

TEST_CASE("levels have Lambda's names; what is above the last is the last", "[base]") {
  CHECK(LogLevelName(kLogTrace) == "TRACE");
  CHECK(LogLevelName(kLogFatal) == "FATAL");
  CHECK(LogLevelName(200) == "FATAL");
  for (uint8_t level = kLogTrace; level <= kLogFatal; ++level)
    CHECK(ParseLogLevel(LogLevelName(level)) == level);
}

TEST_CASE("a level is read in small letters, and by the names that other loggers have", "[base]") {
  CHECK(ParseLogLevel("debug") == kLogDebug);
  CHECK(ParseLogLevel("Warning") == kLogWarn);
  CHECK(ParseLogLevel("CRITICAL") == kLogFatal);
  for (const char* const none : {"", "INF", "INFOS", "notice", "2"}) CHECK_FALSE(ParseLogLevel(none));
}

}  // namespace hearth
