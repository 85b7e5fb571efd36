#include "runtime/model/arn.h"

#include <catch2/catch.hpp>

namespace hearth {
namespace {

TEST_CASE("an ARN is taken apart and put together again", "[model]") {
  for (const char* text : {"arn:aws:sqs:us-east-1:000000000000:orders", "arn:aws:s3:::photos",
                           "arn:aws:lambda:eu-west-1:000000000000:function:resize:live"}) {
    const auto arn = ParseArn(text);
    REQUIRE(arn.ok());
    CHECK(arn->Text() == text);
  }
  const Arn arn = ParseArn("arn:aws:lambda:eu-west-1:000000000000:function:resize:live").value();
  CHECK(arn.service == "lambda");
  CHECK(arn.region == "eu-west-1");
  CHECK(arn.account == "000000000000");
  CHECK(arn.resource == "function:resize:live");
}

TEST_CASE("what is no ARN is refused with the form of one", "[model]") {
  for (const char* text : {"", "orders", "arn:aws:sqs:us-east-1:orders",
                           "arn:aws:sqs:us-east-1:000000000000:", "urn:aws:sqs:us-east-1:000000000000:orders",
                           "arn::sqs:us-east-1:000000000000:orders"}) {
    CAPTURE(text);
    const auto arn = ParseArn(text);
    REQUIRE_FALSE(arn.ok());
    CHECK(arn.error().message.find("arn:aws:SERVICE:REGION:ACCOUNT:NAME") != std::string::npos);
  }
}

TEST_CASE("as long as an ARN may be, and one more", "[model]") {
  const std::string stem = "arn:aws:sqs:us-east-1:000000000000:";
  CHECK(ParseArn(stem + std::string(kArnBytesMax - stem.size(), 'x')).ok());
  CHECK_FALSE(ParseArn(stem + std::string(kArnBytesMax - stem.size() + 1, 'x')).ok());
}

}  // namespace
}  // namespace hearth
