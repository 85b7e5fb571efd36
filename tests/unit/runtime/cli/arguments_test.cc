#include "runtime/cli/arguments.h"

#include <catch2/catch.hpp>

#include "runtime/cli/exit_code.h"

namespace hearth::cli {
namespace {

const std::vector<Flag> kFlags = {
    {"--name", "NAME"}, {"--env", "K=V", "", Repeat::kMany}, {"--follow", "", "", Repeat::kOnce, "-f"}};

Result<Arguments> Parse(const std::vector<std::string>& words) {
  return Arguments::Parse(words, kFlags, {"WHAT", "[REST]"});
}

std::string WhyNot(const std::vector<std::string>& words) {
  const auto parsed = Parse(words);
  REQUIRE_FALSE(parsed.ok());
  CHECK(parsed.error().code == ErrorCode::kInvalidArgument);
  return parsed.error().message;
}

TEST_CASE("flags and words come in any order", "[cli]") {
  const auto parsed = Parse({"--name", "greet", "lib.so", "--env=A=1", "-f", "--env", "B=", "-"});
  REQUIRE(parsed.ok());
  CHECK(parsed->Text("--name") == "greet");
  CHECK(parsed->All("--env") == std::vector<std::string>{"A=1", "B="});
  CHECK(parsed->Has("--follow"));
  CHECK(parsed->Word(0) == "lib.so");
  CHECK(parsed->Word(1) == "-");
}

TEST_CASE("after -- everything is a word", "[cli]") {
  const auto parsed = Parse({"--", "--name", "-f"});
  REQUIRE(parsed.ok());
  CHECK(parsed->Word(0) == "--name");
  CHECK(parsed->Word(1) == "-f");
  CHECK_FALSE(parsed->Has("--follow"));
}

TEST_CASE("a wrong command line says what is wrong", "[cli]") {
  CHECK(WhyNot({"x", "--nmae", "y"}) == "unknown flag --nmae; did you mean --name?");
  CHECK(WhyNot({"x", "--name"}) == "--name needs a value: --name NAME");
  CHECK(WhyNot({"x", "--follow=1"}) == "--follow takes no value");
  CHECK(WhyNot({"x", "--name", "a", "--name", "b"}) == "--name is given twice");
  CHECK(WhyNot({"--name", "a"}) == "WHAT is missing");
  CHECK(WhyNot({"a", "b", "c"}) == "\"c\" is one word too many");
}

TEST_CASE("a number is whole and in its range", "[cli]") {
  const auto number = [](const std::string& text) {
    return Parse({"x", "--name", text})->Number("--name", 1, 900);
  };
  CHECK(**number("1") == 1);
  CHECK(**number("900") == 900);
  for (const char* wrong : {"0", "901", "", "3s", "1.5", "99999999999999999999"})
    CHECK_FALSE(number(wrong).ok());
  CHECK_FALSE(Parse({"x"})->Number("--name", 1, 900)->has_value());
}

TEST_CASE("exit codes say whose fault it was", "[cli]") {
  CHECK(ExitCodeOf(UsageError("")) == ExitCode::kUsage);
  CHECK(ExitCodeOf({ErrorCode::kThrottled, ""}) == ExitCode::kThrottled);
  CHECK(ExitCodeOf({ErrorCode::kTimedOut, ""}) == ExitCode::kTimedOut);
  for (const ErrorCode code : {ErrorCode::kNotFound, ErrorCode::kPrecondition, ErrorCode::kUnavailable,
                               ErrorCode::kIo, ErrorCode::kUnauthorized, ErrorCode::kBadArtefact}) {
    CHECK(ExitCodeOf({code, ""}) == ExitCode::kPlatform);
  }
}

}  // namespace
}  // namespace hearth::cli
