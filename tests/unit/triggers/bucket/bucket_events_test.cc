#include "tests/unit/triggers/bucket/bucket_fixture.h"

// Which events a bucket makes: created and removed, from where a function begins, filters, forms, replays.

namespace hearth {
namespace {

json Notification(const std::string& function, const json& extra = json::object()) {
  json notification = {{"FunctionName", function}};
  notification.update(extra);
  return notification;
}

const json kBoth = {{"Events", {"s3:ObjectCreated:*", "s3:ObjectRemoved:*"}}};

struct BucketEventsFixture : BucketTriggerFixture {
  std::string NameOfEvent(size_t n) { return RecordOf(sink.delivered().at(n)).event_name; }
};

TEST_CASE_METHOD(BucketEventsFixture, "start from now: what is there does not run, what comes does",
                 "[bucket]") {
  WriteWhole(photos / "old.png", "x");
  MakeBucket({{"StartFrom", "Now"}});
  CHECK(StatusOf()["Skipped"] == 1);
  CHECK(StatusOf()["Starting"].empty());
  WriteWhole(photos / "new.png", "x");
  AwaitReceipts(2);
  Scan();
  CHECK(Keys() == KeySet{"new.png"});
}

TEST_CASE_METHOD(BucketEventsFixture, "start from now: after a restart what came meanwhile runs",
                 "[bucket]") {
  WriteWhole(photos / "old.png", "x");
  MakeBucket({{"StartFrom", "Now"}});
  trigger.reset();
  WriteWhole(photos / "while-down.png", "x");
  StartTrigger();
  AwaitReceipts(2);
  Scan();
  CHECK(Keys() == KeySet{"while-down.png"});
}

TEST_CASE_METHOD(BucketEventsFixture, "start from now: an old file that is overwritten runs", "[bucket]") {
  WriteWhole(photos / "old.png", "x");
  MakeBucket({{"StartFrom", "Now"}});
  WriteWhole(photos / "old.png", "other");
  AwaitEvents(1);
  CHECK(Keys() == KeySet{"old.png"});
}

TEST_CASE_METHOD(BucketEventsFixture,
                 "the daemon dies before all old files are marked: none of them runs later", "[bucket]") {
  for (int i = 0; i < 5; ++i) WriteWhole(photos / std::to_string(i), "x");
  trigger->Put("photos", Document({{"StartFrom", "Now"}}).dump(), [](const Result<Trigger::Document>&) {});
  RunUntil([&] { return trigger->Get("photos").ok(); });  // stored and applied, not begun
  StartTrigger();
  // Marked in this life, or just before it.
  RunUntil([&] { return StatusOf()["Receipts"] == 5 && StatusOf()["State"] == "Watching"; });
  Scan();
  CHECK(sink.delivered().empty());
}

TEST_CASE_METHOD(BucketEventsFixture,
                 "start from the checkpoint: what another function is done with is left out", "[bucket]") {
  MakeBucket();
  WriteWhole(photos / "done.png", "x");
  AwaitReceipts(1);
  sink.AnswerAtOnce(nullptr);
  WriteWhole(photos / "running.png", "x");
  AwaitEvents(2);
  REQUIRE(PutMany({Notification("resize"), Notification("index", {{"StartFrom", "Checkpoint"}})}).ok());
  AwaitEvents(3);
  Scan();
  REQUIRE(sink.delivered().size() == 3);
  CHECK(sink.delivered()[2].function == "index");
  CHECK(RecordOf(sink.delivered()[2]).key() == "running.png");
}

TEST_CASE_METHOD(BucketEventsFixture, "start from the checkpoint in place of another function", "[bucket]") {
  MakeBucket();
  WriteWhole(photos / "done.png", "x");
  AwaitReceipts(1);
  REQUIRE(PutMany(json::array({Notification("resize2", {{"StartFrom", "Checkpoint"}})})).ok());
  WriteWhole(photos / "new.png", "x");
  AwaitEvents(2);
  Scan();
  CHECK(FunctionsCalled() == std::vector<std::string>{"resize", "resize2"});
  CHECK(RecordOf(sink.delivered()[1]).key() == "new.png");
}

TEST_CASE_METHOD(BucketEventsFixture, "a dry run counts what a notification would run, and changes nothing",
                 "[bucket]") {
  MakeBucket();
  WriteWhole(photos / "a.png", "x");
  WriteWhole(photos / "b.txt", "x");
  AwaitReceipts(2);
  const auto would_run = [&](const json& notification) {
    const auto answer = Command("replay", json{{"DryRun", true}, {"Notification", notification}}.dump());
    REQUIRE(answer.ok());
    return json::parse(*answer)["WouldRun"].get<int>();
  };
  CHECK(would_run(Notification("index")) == 2);
  CHECK(would_run(Notification("index", {{"Suffix", ".png"}})) == 1);
  CHECK(would_run(Notification("index", {{"StartFrom", "Now"}})) == 0);
  CHECK(would_run(Notification("index", {{"StartFrom", "Checkpoint"}})) == 0);
  CHECK(would_run(Notification("resize")) == 0);
  CHECK(json::parse(*Command("replay", R"({"DryRun":true})"))["WouldRun"] == 2);
  Scan();
  CHECK(sink.delivered().size() == 2);
  CHECK_FALSE(Command("replay", R"({"Notification":{"FunctionName":"index"}})").ok());
}

TEST_CASE_METHOD(BucketEventsFixture, "replay since a time takes what has changed no earlier", "[bucket]") {
  MakeBucket();
  WriteWhole(photos / "a", "x");
  AwaitReceipts(1);
  CHECK(json::parse(*Command("replay", R"({"SinceMs":0})"))["Replayed"] == 1);
  AwaitEvents(2);
  AwaitReceipts(1);
  CHECK(json::parse(*Command("replay", R"({"SinceMs":4102444800000})"))["Replayed"] == 0);
  CHECK_FALSE(Command("replay", R"({"SinceMs":9000000000000})").ok());
}

TEST_CASE_METHOD(BucketEventsFixture, "a removed file makes an event, after which its receipt goes",
                 "[bucket]") {
  MakeBucket(kBoth);
  WriteWhole(photos / "cat.png", "x");
  AwaitReceipts(1);
  fs::remove(photos / "cat.png");
  AwaitEvents(2);
  AwaitReceipts(0);
  CHECK(NameOfEvent(0) == "ObjectCreated:Put");
  CHECK(NameOfEvent(1) == "ObjectRemoved:Delete");
  const json object = json::parse(sink.delivered()[1].payload)["Records"][0]["s3"]["object"];
  CHECK_FALSE(object.contains("size"));
  CHECK_FALSE(object.contains("eTag"));
  CHECK(RecordOf(sink.delivered()[1]).object.sequencer > RecordOf(sink.delivered()[0]).object.sequencer);
}

TEST_CASE_METHOD(BucketEventsFixture, "removed while the daemon is down: the event comes after the start",
                 "[bucket]") {
  MakeBucket(kBoth);
  WriteWhole(photos / "stays", "x");
  WriteWhole(photos / "goes", "x");
  AwaitReceipts(2);
  trigger.reset();
  fs::remove(photos / "goes");
  StartTrigger();
  AwaitEvents(3);
  AwaitReceipts(1);
  Scan();
  REQUIRE(sink.delivered().size() == 3);
  CHECK(NameOfEvent(2) == "ObjectRemoved:Delete");
  CHECK(RecordOf(sink.delivered()[2]).key() == "goes");
}

TEST_CASE_METHOD(BucketEventsFixture, "the daemon dies before a removal is done: it is told again",
                 "[bucket]") {
  MakeBucket(kBoth);
  WriteWhole(photos / "goes", "x");
  AwaitReceipts(1);
  sink.AnswerAtOnce(nullptr);
  fs::remove(photos / "goes");
  AwaitEvents(2);
  sink.AnswerAtOnce([](const Event&) { return Succeeded(); });
  StartTrigger();
  AwaitEvents(3);
  CHECK(NameOfEvent(2) == "ObjectRemoved:Delete");
  AwaitReceipts(0);
}

TEST_CASE_METHOD(BucketEventsFixture, "removed while its function runs: the removal comes after",
                 "[bucket]") {
  sink.AnswerAtOnce(nullptr);
  MakeBucket(kBoth);
  WriteWhole(photos / "cat.png", "x");
  AwaitEvents(1);
  fs::remove(photos / "cat.png");
  Scan();
  CHECK(sink.delivered().size() == 1);
  sink.End(Succeeded());
  AwaitEvents(2);
  CHECK(NameOfEvent(1) == "ObjectRemoved:Delete");
  sink.End(Succeeded());
  AwaitReceipts(0);
}

TEST_CASE_METHOD(BucketEventsFixture, "removals alone: files that come make no event, those that go do",
                 "[bucket]") {
  WriteWhole(photos / "old", "x");
  MakeBucket({{"Events", {"s3:ObjectRemoved:Delete"}}});
  WriteWhole(photos / "new", "x");
  AwaitReceipts(2);
  fs::remove(photos / "old");
  fs::remove(photos / "new");
  AwaitEvents(2);
  AwaitReceipts(0);
  CHECK(Keys() == KeySet{"new", "old"});
  CHECK(NameOfEvent(0) == "ObjectRemoved:Delete");
}

TEST_CASE_METHOD(BucketEventsFixture, "sizes filter, at the limit and one past it", "[bucket]") {
  MakeBucket({{"SizeBytesMin", 2}, {"SizeBytesMax", 3}});
  for (const char* text : {"1", "22", "333", "4444"}) WriteWhole(photos / text, text);
  AwaitReceipts(2);
  Scan();
  CHECK(Keys() == KeySet{"22", "333"});
}

TEST_CASE_METHOD(BucketEventsFixture, "an event as a CloudEvent", "[bucket]") {
  MakeBucket({{"EventFormat", "CloudEvents"}});
  WriteWhole(photos / "red flower.jpg", "x");
  AwaitReceipts(1);
  REQUIRE(sink.delivered().size() == 1);
  CHECK(sink.delivered()[0].content_type == "application/cloudevents+json");
  const json event = json::parse(sink.delivered()[0].payload);
  CHECK(event["specversion"] == "1.0");
  CHECK(event["type"] == "com.amazonaws.s3.ObjectCreated:Put");
  CHECK(event["source"] == "aws:s3.us-east-1.photos");
  CHECK(event["subject"] == "red+flower.jpg");
  CHECK(event["data"]["s3"]["object"]["size"] == 1);
}

TEST_CASE_METHOD(BucketEventsFixture,
                 "the key is also in the event as it is, or as base64 where it is not UTF-8", "[bucket]") {
  MakeBucket();
  WriteWhole(photos / "red flower.jpg", "x");
  AwaitEvents(1);
  WriteWhole(photos / "caf\xe9", "x");
  AwaitEvents(2);
  CHECK(json::parse(sink.delivered()[0].payload)["Records"][0]["hearth"] == json{{"key", "red flower.jpg"}});
  CHECK(json::parse(sink.delivered()[1].payload)["Records"][0]["hearth"] == json{{"keyBase64", "Y2Fm6Q=="}});
}

TEST_CASE_METHOD(BucketEventsFixture, "without retries the first failure is final", "[bucket]") {
  sink.AnswerAtOnce([](const Event&) { return Failed(); });
  MakeBucket({{"MaximumRetryAttempts", 0}});
  WriteWhole(photos / "bad", "x");
  AwaitReceipts(1);
  CHECK(sink.delivered().size() == 1);
  CHECK(StatusOf()["Failed"] == 1);
}

TEST_CASE_METHOD(BucketEventsFixture, "a circle through another bucket's function is refused", "[bucket]") {
  fs::create_directory(scratch.path() / "thumbs");
  mounts["resize"] = {{"photos", false}, {"thumbs", true}};
  mounts["index"] = {{"thumbs", false}, {"photos", true}};
  MakeBucket();
  const json thumbs = {{"Path", (scratch.path() / "thumbs").string()},
                       {"Notifications", json::array({Notification("index")})}};
  const auto refused = Put("thumbs", thumbs);
  REQUIRE_FALSE(refused.ok());
  CHECK_THAT(refused.error().message, Catch::Contains("photos -> resize -> thumbs -> index -> photos"));
  json acknowledged = thumbs;
  acknowledged["Notifications"][0]["AcknowledgeLoop"] = true;
  CHECK(Put("thumbs", acknowledged).ok());
  CHECK_FALSE(trigger->CheckMounts("resize", {{"photos", true}}).ok());
}

}  // namespace
}  // namespace hearth
