#include "triggers/bucket/bucket_settings.h"

#include <catch2/catch.hpp>

namespace hearth {
namespace {

TEST_CASE("bucket names are S3's", "[bucket]") {
  for (const char* name : {"abc", "my-photos", "a.b.c", "123", "a1.2.3"}) {
    INFO(name);
    CHECK(ValidateBucketName(name).ok());
  }
  CHECK(ValidateBucketName(std::string(63, 'a')).ok());
  for (const char* name : {"", "b1", "Photos", "a_b", "-abc", "abc-", "a..b", "a/b", "192.168.0.1", "..."}) {
    INFO(name);
    CHECK_FALSE(ValidateBucketName(name).ok());
  }
  CHECK_FALSE(ValidateBucketName(std::string(64, 'a')).ok());
}

TEST_CASE("a document reads back as it was written", "[bucket]") {
  const auto settings =
      ParseBucketSettings("photos", R"({"Name":"photos","Path":"/srv/photos","Notifications":[
      {"Id":"thumbs","FunctionName":"resize:prod","Events":["s3:ObjectCreated:*"],"Prefix":"in/","Suffix":".png",
       "AcknowledgeLoop":true},
      {"FunctionName":"index"}]})");
  REQUIRE(settings.ok());
  const auto again = ParseBucketSettings("photos", EncodeBucketSettings(*settings));
  REQUIRE(again.ok());
  CHECK(again->path == "/srv/photos");
  REQUIRE(again->notifications.size() == 2);
  const BucketNotification& first = again->notifications[0];
  CHECK(first.id == "thumbs");
  CHECK(first.function == "resize");
  CHECK(first.qualifier == "prod");
  CHECK(first.acknowledges_loop);
  CHECK(first.Matches("in/a.png"));
  CHECK_FALSE(first.Matches("in/a.jpg"));
  CHECK_FALSE(first.Matches("a.png"));
  CHECK(again->notifications[1].id == "notification-2");
}

TEST_CASE("documents that are refused name what is wrong", "[bucket]") {
  const auto message = [](std::string_view json) {
    const auto settings = ParseBucketSettings("photos", json);
    REQUIRE_FALSE(settings.ok());
    CHECK(settings.error().code == ErrorCode::kInvalidArgument);
    return settings.error().message;
  };
  CHECK_THAT(message("{"), Catch::Contains("JSON"));
  CHECK_THAT(message("[]"), Catch::Contains("object"));
  CHECK_THAT(message(R"({"Name":"other"})"), Catch::Contains("other"));
  CHECK_THAT(message(R"({"Folder":"/x"})"), Catch::Contains("Folder"));
  CHECK_THAT(message(R"({"Path":"relative"})"), Catch::Contains("absolute"));
  CHECK_THAT(message(R"({"Notifications":[{}]})"), Catch::Contains("FunctionName"));
  CHECK_THAT(message(R"({"Notifications":[{"FunctionName":"f","Events":["s3:ObjectCreated:Copy"]}]})"),
             Catch::Contains("ObjectCreated:Copy"));
  CHECK_THAT(message(R"({"Notifications":[{"FunctionName":"f","Id":"x"},{"FunctionName":"g","Id":"x"}]})"),
             Catch::Contains("two notifications"));
}

}  // namespace
}  // namespace hearth
