#include "runtime/registry/function_mirror.h"

#include <catch2/catch.hpp>

namespace hearth {
namespace {

FunctionVersion Version(const std::string& name, const std::string& version, uint64_t generation) {
  FunctionVersion made;
  made.function = name;
  made.version = version;
  made.generation = generation;
  return made;
}

FunctionAlias Live(const std::string& canary, double weight) {
  FunctionAlias alias;
  alias.name = "live";
  alias.version = "1";
  alias.canary_version = canary;
  alias.canary_weight = weight;
  return alias;
}

uint64_t GenerationOf(const Result<FunctionVersionPtr>& version) {
  return version.ok() ? (*version)->generation : 0;
}

}  // namespace

TEST_CASE("a mirror knows versions by their names, and aliases", "[registry][loops]") {
  FunctionMirror mirror("arn:f:");
  mirror.Put(Version("resize", "$LATEST", 1));
  mirror.Put(Version("resize", "1", 2));
  mirror.Put(Version("resize", "2", 3));
  mirror.SetAliases("resize", {Live("2", 0.5)});
  CHECK(GenerationOf(mirror.Resolve("resize", "")) == 1);
  CHECK(GenerationOf(mirror.Resolve("resize", "$LATEST")) == 1);
  CHECK(GenerationOf(mirror.Resolve("resize", "2")) == 3);
  CHECK(GenerationOf(mirror.Resolve("resize", "live")) == 2);
  CHECK(GenerationOf(mirror.ResolveFor("resize", "live", 0)) == 3);
  CHECK(GenerationOf(mirror.ResolveFor("resize", "live", UINT64_MAX)) == 2);
  CHECK(mirror.List().size() == 1);
  mirror.Put(Version("resize", "$LATEST", 4));
  CHECK(GenerationOf(mirror.Resolve("resize", "")) == 4);
  mirror.SetAliases("resize", {});
  CHECK_FALSE(mirror.Resolve("resize", "live").ok());
}

TEST_CASE("a mirror says what it does not know as the registry does", "[registry][loops]") {
  FunctionMirror mirror("arn:f:");
  mirror.Put(Version("resize", "$LATEST", 1));
  CHECK(mirror.Resolve("other", "").error().message == "Function not found: arn:f:other");
  CHECK(mirror.Resolve("other", "7").error().message == "Function not found: arn:f:other");
  CHECK(mirror.Resolve("resize", "7").error().message == "Function not found: arn:f:resize:7");
  CHECK(mirror.Resolve("resize", "7").error().code == ErrorCode::kNotFound);
}

TEST_CASE("a mirror forgets a version, and with $LATEST the function", "[registry][loops]") {
  FunctionMirror mirror("arn:f:");
  mirror.Put(Version("resize", "$LATEST", 1));
  mirror.Put(Version("resize", "1", 2));
  FunctionScaling scaling;
  scaling.reserved_concurrency = 7;
  mirror.SetScaling("resize", scaling);
  CHECK(mirror.ScalingOf("resize").reserved_concurrency == 7);
  mirror.Remove("resize", "1");
  CHECK_FALSE(mirror.Resolve("resize", "1").ok());
  CHECK(mirror.Resolve("resize", "").ok());
  mirror.Remove("resize", "$LATEST");
  CHECK_FALSE(mirror.Resolve("resize", "").ok());
  CHECK(mirror.ScalingOf("resize") == FunctionScaling());
  // Nobody's.
  mirror.SetScaling("resize", scaling);
  mirror.SetAliases("resize", {Live("", 0)});
  CHECK(mirror.List().empty());
}

}  // namespace hearth
