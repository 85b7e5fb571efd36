#include "runtime/model/function_alias.h"

#include <catch2/catch.hpp>

namespace hearth {
namespace {

FunctionAlias Canary(double weight) {
  FunctionAlias alias;
  alias.name = "live";
  alias.version = "1";
  alias.canary_version = "2";
  alias.canary_weight = weight;
  return alias;
}

TEST_CASE("a canary gets its share: none, a tenth, all", "[model]") {
  for (const double weight : {0.0, 0.1, 1.0}) {
    int canaries = 0;
    constexpr int kDraws = 10'000;
    for (int n = 0; n < kDraws; ++n)  // evenly over all of 64 bits
      canaries += VersionFor(Canary(weight), UINT64_MAX / kDraws * static_cast<uint64_t>(n)) == "2";
    CHECK(canaries == Approx(weight * kDraws).margin(1));
  }
  CHECK(VersionFor(Canary(1.0), UINT64_MAX) == "2");
  CHECK(VersionFor(Canary(0.0), 0) == "1");
}

TEST_CASE("names of aliases at their limits and past them", "[model]") {
  CHECK(ValidateAliasName("live").ok());
  CHECK(ValidateAliasName("v1_blue-green").ok());
  CHECK(ValidateAliasName(std::string(128, 'a')).ok());
  for (const std::string& wrong : {std::string(), std::string(129, 'a'), std::string("12"),
                                   std::string("$LATEST"), std::string("a.b"), std::string("a/b")}) {
    CAPTURE(wrong);
    CHECK_FALSE(ValidateAliasName(wrong).ok());
  }
}

TEST_CASE("weights at their limits and past them; not beside $LATEST, nor of itself", "[model]") {
  CHECK(ValidateAlias(Canary(0.0)).ok());
  CHECK(ValidateAlias(Canary(1.0)).ok());
  CHECK_FALSE(ValidateAlias(Canary(-0.001)).ok());
  CHECK_FALSE(ValidateAlias(Canary(1.001)).ok());
  CHECK_FALSE(ValidateAlias(Canary(0.0 / 0.0)).ok());
  FunctionAlias alias = Canary(0.5);
  alias.version = "$LATEST";
  CHECK_FALSE(ValidateAlias(alias).ok());
  alias.canary_version.clear();
  CHECK(ValidateAlias(alias).ok());
  alias = Canary(0.5);
  alias.canary_version = "1";
  CHECK_FALSE(ValidateAlias(alias).ok());
}

TEST_CASE("an alias comes back from its stored form whole", "[model]") {
  FunctionAlias alias = Canary(0.25);
  alias.description = "for people";
  alias.revision_id = "r";
  alias.previous_version = "7";
  CHECK(DecodeAliasJson(EncodeAliasJson(alias)).value() == alias);
  CHECK(DecodeAliasJson("{}").error().code == ErrorCode::kCorrupt);
}

}  // namespace
}  // namespace hearth
