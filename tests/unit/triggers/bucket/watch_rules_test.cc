#include "triggers/bucket/watch_rules.h"

#include <catch2/catch.hpp>

namespace hearth {
namespace {

TEST_CASE("names under way are ignored, in any part of a key", "[bucket]") {
  const WatchRules rules;
  for (const char* key :
       {".a", "x/.a", ".x/a", "a.tmp", "x/a.part", "a~", "b.crdownload", "c.filepart", "x.tmp/a"}) {
    INFO(key);
    CHECK(rules.Ignores(key));
  }
  for (const char* key : {"a", "x/a.png", "a.tmpl", "part", "a.b", "caf\xe9"}) {
    INFO(key);
    CHECK_FALSE(rules.Ignores(key));
  }
}

TEST_CASE("with other patterns, only the names that we write under ourselves stay ignored", "[bucket]") {
  WatchRules rules;
  rules.ignored = {"*.bak"};
  CHECK(rules.Ignores("a.bak"));
  CHECK_FALSE(rules.Ignores(".a"));
  CHECK_FALSE(rules.Ignores("a.tmp"));
  CHECK(rules.Ignores("x/.part-0123"));
  CHECK(rules.Ignores(".hearth-put-1"));
}

TEST_CASE("finish rules read back as they were written", "[bucket]") {
  for (const char* text : {"close_write", "rename_only", "marker:.done", "stable:5s", "stable:100ms",
                           "stable:1500ms", "stable:3600s"}) {
    INFO(text);
    const auto rule = ParseFinishRule(text);
    REQUIRE(rule.ok());
    CHECK(TextOf(*rule) == text);
  }
}

TEST_CASE("finish rules that are refused name those that there are", "[bucket]") {
  for (const std::string& text :
       {std::string("closed"), std::string("marker:"), std::string("marker:a/b"),
        "marker:" + std::string(65, 'm'), std::string("stable:"), std::string("stable:5"),
        std::string("stable:99ms"), std::string("stable:3601s"), std::string("stable:-1s"),
        std::string("stable:9999999999999999999s"), std::string("")}) {
    INFO(text);
    const auto rule = ParseFinishRule(text);
    REQUIRE_FALSE(rule.ok());
    CHECK_THAT(rule.error().message, Catch::Contains("close_write"));
  }
  CHECK(ParseFinishRule("marker:" + std::string(64, 'm')).ok());
}

TEST_CASE("a marker belongs to the key before its ending", "[bucket]") {
  WatchRules rules;
  rules.finish = *ParseFinishRule("marker:.done");
  CHECK(rules.IsMarker("a/b.png.done"));
  CHECK(rules.KeyOfMarker("a/b.png.done") == "a/b.png");
  CHECK_FALSE(rules.IsMarker("a/b.png"));
  CHECK_FALSE(rules.IsMarker("a/.done"));
  CHECK_FALSE(WatchRules{}.IsMarker("a.done"));
}

}  // namespace
}  // namespace hearth
