#include "runtime/model/function.h"

#include <catch2/catch.hpp>

namespace hearth {
namespace {

FunctionSettings Valid() {
  FunctionSettings settings;
  settings.handler = "lib.so";
  return settings;
}

TEST_CASE("a function's name has 1 to 64 letters, digits, '-' and '_'", "[model]") {
  CHECK(ValidateFunctionName("a").ok());
  CHECK(ValidateFunctionName("Resize_image-2").ok());
  CHECK(ValidateFunctionName(std::string(64, 'x')).ok());
  const Status over = ValidateFunctionName(std::string(65, 'x'));
  REQUIRE_FALSE(over.ok());
  CHECK(over.error().message.find("65 characters") != std::string::npos);
  for (const std::string_view wrong :
       {"", " ", "a b", "a.b", "a/b", "../a", "a:b", "a$", "\xc3\xa9", "a\n"}) {
    CAPTURE(wrong);
    CHECK_FALSE(ValidateFunctionName(wrong).ok());
  }
  CHECK_FALSE(ValidateFunctionName(std::string_view("a\0b", 3)).ok());
}

TEST_CASE("a handler names a shared object at the top of the package, and perhaps a symbol", "[model]") {
  CHECK(ParseHandler("libresize.so")->library == "libresize.so");
  CHECK(ParseHandler("libresize.so")->symbol == "hearth_function");
  CHECK(ParseHandler("lib+c++-1.2.so:_make2")->library == "lib+c++-1.2.so");
  CHECK(ParseHandler("lib+c++-1.2.so:_make2")->symbol == "_make2");
  CHECK(ParseHandler(std::string(125, 'x') + ".so").ok());
  CHECK_FALSE(ParseHandler(std::string(126, 'x') + ".so").ok());
  for (const std::string_view wrong :
       {"", ".so", "..so", "index.handler", "lib.so.1", "a/lib.so", "../lib.so", "/lib.so",
        "lib.so:", "lib.so:2x", "lib.so:a-b", "lib.so:a:b", "lib.so:a b", "lib so.so", ":symbol"}) {
    CAPTURE(wrong);
    const auto handler = ParseHandler(wrong);
    REQUIRE_FALSE(handler.ok());
    CHECK(handler.error().message.find("\"" + std::string(wrong) + "\"") != std::string::npos);
  }
}

TEST_CASE("a function is named in four ways", "[model]") {
  const auto [text, name, qualifier] = GENERATE(table<std::string, std::string, std::string>({
      {"resize", "resize", ""},
      {"resize:7", "resize", "7"},
      {"resize:$LATEST", "resize", "$LATEST"},
      {"123456789012:function:resize", "resize", ""},
      {"123456789012:function:resize:live", "resize", "live"},
      {"arn:aws:lambda:us-east-1:123456789012:function:resize", "resize", ""},
      {"arn:aws:lambda:us-east-1:123456789012:function:resize:7", "resize", "7"},
      {"arn:aws-cn:lambda:cn-north-1:123456789012:function:resize", "resize", ""},
      {"arn", "arn", ""},  // a bug once: a function of this name could be made, not reached
      {"arn:7", "arn", "7"},
      {"function", "function", ""},
      {"function:7", "function", "7"},
  }));
  CAPTURE(text);
  const auto reference = ParseFunctionReference(text);
  REQUIRE(reference.ok());
  CHECK(reference->name == name);
  CHECK(reference->qualifier == qualifier);
}

TEST_CASE("what names no function is refused", "[model]") {
  const std::string text = GENERATE(
      as<std::string>(), "", ":", "resize:", ":7", "resize:7:8", "a b",
      "123456789012:function:", "123456789012:function:resize:", "123456789012:layer:resize",
      "123456789012:function:resize:7:8", "arn:aws:lambda", "arn:aws:lambda:us-east-1:123456789012:function",
      "arn:aws:lambda:us-east-1:123456789012:function:", "arn:aws:lambda:us-east-1:123456789012:layer:resize",
      "arn:aws:sqs:us-east-1:123456789012:function:resize",
      "arn:aws:lambda:us-east-1:123456789012:function:resize:7:8",
      "arn:aws:lambda:us-east-1:123456789012:function:resize:");
  CAPTURE(text);
  const auto reference = ParseFunctionReference(text);
  REQUIRE_FALSE(reference.ok());
  CHECK(reference.error().code == ErrorCode::kInvalidArgument);
}

TEST_CASE("time-out and memory at their limits and one past", "[model]") {
  FunctionSettings settings = Valid();
  for (const int ok : {1, 3, 900}) {
    settings.timeout = seconds(ok);
    CHECK(ValidateSettings(settings).ok());
  }
  for (const int wrong : {-1, 0, 901}) {
    settings.timeout = seconds(wrong);
    CHECK(ValidateSettings(settings).error().message.find("1 to 900 s") != std::string::npos);
  }
  settings = Valid();
  for (const Bytes ok : {16_MiB, 128_MiB, 10240_MiB}) {
    settings.memory = ok;
    CHECK(ValidateSettings(settings).ok());
  }
  for (const Bytes wrong : {0_MiB, 15_MiB, 10241_MiB}) {
    settings.memory = wrong;
    CHECK(ValidateSettings(settings).error().message.find("16 to 10240 MB") != std::string::npos);
  }
}

TEST_CASE("copies share a process, so that SnapStart and strict isolation exclude each other", "[model]") {
  FunctionSettings settings = Valid();
  settings.snap_start = SnapStart::kPublishedVersions;
  for (const Isolation ok : {Isolation::kInstance, Isolation::kInvocation}) {
    settings.isolation = ok;
    CHECK(ValidateSettings(settings).ok());
  }
  settings.isolation = Isolation::kStrict;
  CHECK(ValidateSettings(settings).error().message.find("SnapStart.ApplyOn to \"None\"") !=
        std::string::npos);
  settings.snap_start = SnapStart::kNone;
  CHECK(ValidateSettings(settings).ok());
}

TEST_CASE("$LATEST never starts from a snapshot", "[model]") {
  FunctionVersion version;
  version.version = "1";
  CHECK_FALSE(StartsFromSnapshot(version));
  version.settings.snap_start = SnapStart::kPublishedVersions;
  CHECK(StartsFromSnapshot(version));
  version.version = "$LATEST";
  CHECK_FALSE(StartsFromSnapshot(version));
}

TEST_CASE("the environment has at most 4096 bytes, names and values together", "[model]") {
  FunctionSettings settings = Valid();
  settings.environment = {{"A", std::string(2047, 'x')}, {"B", std::string(2047, 'y')}};
  CHECK(ValidateSettings(settings).ok());
  settings.environment["B"] += 'y';
  const Status over = ValidateSettings(settings);
  REQUIRE_FALSE(over.ok());
  CHECK(over.error().message.find("4097 bytes; the limit is 4096") != std::string::npos);
}

TEST_CASE("what would steer the dynamic loader, or is no variable, is refused by name", "[model]") {
  FunctionSettings settings = Valid();
  settings.environment = {{"LDAP_SERVER", "x"}, {"_X1", ""}, {"ld_preload", "x"}};
  CHECK(ValidateSettings(settings).ok());
  const std::string name = GENERATE(as<std::string>(), "LD_PRELOAD", "LD_LIBRARY_PATH", "LD_", "LD_AUDIT",
                                    "GLIBC_TUNABLES", "", "1A", "A-B", "A B", "A=B", "\xc3\xa9");
  settings.environment = {{name, "x"}};
  const Status refused = ValidateSettings(settings);
  REQUIRE_FALSE(refused.ok());
  CHECK(refused.error().message.find("\"" + name + "\"") != std::string::npos);
}

TEST_CASE("a value with a NUL is refused", "[model]") {
  FunctionSettings settings = Valid();
  settings.environment = {{"A", std::string("x\0LD_PRELOAD=y", 14)}};
  CHECK_FALSE(ValidateSettings(settings).ok());
}

}  // namespace
}  // namespace hearth
