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

TEST_CASE("an ARN at its limit and one past it", "[bucket]") {
  const auto with = [](size_t bytes) {
    return ParseBucketSettings("photos", R"({"Notifications":[{"FunctionName":"index","OnFailure":")" +
                                             std::string(bytes, 'a') + "\"}]}");
  };
  CHECK(with(kBucketArnBytesMax).ok());
  CHECK(with(kBucketArnBytesMax + 1).error().message.find("at most 350") != std::string::npos);
}

TEST_CASE("what a notification may say reads back as it was written", "[bucket]") {
  const auto settings = ParseBucketSettings("photos", R"({"Finish":"stable:5s","IgnoreNames":["*.bak"],
      "CatchUpPerSecond":50,"Notifications":[{"FunctionName":"index","Events":["s3:ObjectRemoved:Delete"],
      "SizeBytesMin":1,"SizeBytesMax":18446744073709551615,"StartFrom":"Checkpoint","EventFormat":"CloudEvents",
      "MaximumRetryAttempts":0,"OnFailure":"arn:aws:sqs:us-east-1:000000000000:failed"}]})");
  REQUIRE(settings.ok());
  const auto again = ParseBucketSettings("photos", EncodeBucketSettings(*settings));
  REQUIRE(again.ok());
  CHECK(TextOf(again->rules.finish) == "stable:5s");
  CHECK(again->rules.ignored == std::vector<std::string>{"*.bak"});
  CHECK(again->rules.catch_up_per_s == 50);
  const BucketNotification& n = again->notifications.at(0);
  CHECK_FALSE(n.created);
  CHECK(n.removed);
  CHECK(n.size_min == 1);
  CHECK(n.size_max == UINT64_MAX);
  CHECK(n.start_from == StartFrom::kCheckpoint);
  CHECK(n.on_failure == "arn:aws:sqs:us-east-1:000000000000:failed");
  CHECK(n.format == EventFormat::kCloudEvents);
  CHECK(n.retries_max == 0);
}

TEST_CASE("patterns and rates at their limit and one past it", "[bucket]") {
  const auto ok = [](const std::string& json) { return ParseBucketSettings("photos", json).ok(); };
  const auto patterns = [](size_t count, size_t bytes) {
    std::string list;
    for (size_t i = 0; i < count; ++i) list += (i ? ",\"" : "\"") + std::string(bytes, 'p') + "\"";
    return "{\"IgnoreNames\":[" + list + "]}";
  };
  CHECK(ok(patterns(32, 128)));
  CHECK_FALSE(ok(patterns(33, 1)));
  CHECK_FALSE(ok(patterns(1, 129)));
  CHECK_FALSE(ok(R"({"IgnoreNames":["a/b"]})"));
  CHECK(ok(R"({"CatchUpPerSecond":1000000})"));
  CHECK_FALSE(ok(R"({"CatchUpPerSecond":1000001})"));
  CHECK_FALSE(ok(R"({"CatchUpPerSecond":-1})"));
  const auto notification = [&](const std::string& member) {
    return ok(R"({"Notifications":[{"FunctionName":"f",)" + member + "}]}");
  };
  CHECK(notification(R"("MaximumRetryAttempts":2)"));
  CHECK_FALSE(notification(R"("MaximumRetryAttempts":3)"));
  CHECK_FALSE(notification(R"("SizeBytesMin":2,"SizeBytesMax":1)"));
  CHECK_FALSE(notification(R"("StartFrom":"Yesterday")"));
  CHECK_FALSE(notification(R"("EventFormat":"XML")"));
  CHECK_FALSE(notification(R"("Events":[])"));
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
