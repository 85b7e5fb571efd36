#include "runtime/model/log_settings.h"

#include <string>

#include <catch2/catch.hpp>

namespace hearth {

TEST_CASE("the text format leaves nothing out; JSON begins at INFO", "[model]") {
  CHECK(LogSettings{}.application_level == kLogTrace);
  CHECK(LogSettings{}.system_level == kLogTrace);
  CHECK(kJsonLogDefault == LogSettings{LogFormat::kJson, kLogInfo, kLogInfo});
}

TEST_CASE("a printed line is JSON if it is an object through and through", "[model]") {
  CHECK(IsJsonLine("{}"));
  CHECK(IsJsonLine(R"({"a":[1,{"b":null}]} )"));
  for (const char* const other :
       {"", "[1]", "\"{}\"", "{", "{\"a\":1", "{} {}", "{a:1}", " {}x", "{\"a\":\"\t\"}"})
    CHECK_FALSE(IsJsonLine(other));
  const auto nested = [](size_t levels) {
    std::string line;
    for (size_t i = 0; i < levels; ++i) line += "{\"a\":";
    return line + "1" + std::string(levels, '}');
  };
  CHECK(IsJsonLine(nested(64)));
  CHECK_FALSE(IsJsonLine(nested(65)));
}

TEST_CASE("a printed line has the level that its object says, INFO where nothing does", "[model]") {
  CHECK(LevelOfPrinted(R"({"level":"debug","msg":"m"})") == kLogDebug);
  CHECK(LevelOfPrinted(R"({"msg":"m","level":"ERROR"})") == kLogError);
  CHECK(LevelOfPrinted(R"({"le\u0076el":"ERROR"})") == kLogError);
  for (const char* const unsaid : {"level: ERROR", R"({"level":5})", R"({"level":"loud"})",
                                   R"({"in":{"level":"ERROR"}})", R"({"level":"ERROR")"})
    CHECK(LevelOfPrinted(unsaid) == kLogInfo);
}

}  // namespace hearth
