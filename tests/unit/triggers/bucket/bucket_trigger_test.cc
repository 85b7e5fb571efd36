#include "triggers/bucket/bucket_trigger.h"

#include "tests/unit/triggers/bucket/bucket_fixture.h"

namespace hearth {
namespace {

TEST_CASE_METHOD(BucketTriggerFixture, "a finished file makes one event", "[bucket]") {
  MakeBucket();
  WriteWhole(photos / "cat.png", "meow");
  AwaitReceipts(1);
  Scan();
  REQUIRE(sink.delivered().size() == 1);
  const Event& event = sink.delivered()[0];
  CHECK(event.function == "resize");
  CHECK(event.trigger == TriggerKind::kBucket);
  const S3Record record = RecordOf(event);
  CHECK(record.bucket.name == "photos");
  CHECK(record.key() == "cat.png");
  CHECK(record.object.size == 4);
  CHECK(record.event_name == "ObjectCreated:Put");
  CHECK(record.path() == "/mnt/buckets/photos/cat.png");
}

TEST_CASE_METHOD(BucketTriggerFixture, "a file that is still being written makes none", "[bucket]") {
  MakeBucket();
  {
    std::ofstream slow(photos / "film.mkv");
    slow << "first half" << std::flush;
    Scan();
    RunSomeTurns();
    CHECK(sink.delivered().empty());
    slow << "second half";
  }
  AwaitReceipts(1);
  REQUIRE(sink.delivered().size() == 1);
  CHECK(RecordOf(sink.delivered()[0]).object.size == 21);
}

TEST_CASE_METHOD(BucketTriggerFixture, "a file renamed in makes one event", "[bucket]") {
  MakeBucket();
  WriteWhole(scratch.path() / "outside.png", "x");
  fs::rename(scratch.path() / "outside.png", photos / "inside.png");
  AwaitReceipts(1);
  CHECK(Keys() == KeySet{"inside.png"});
}

TEST_CASE_METHOD(BucketTriggerFixture, "temporary names make none until they are renamed", "[bucket]") {
  MakeBucket();
  for (const char* name : {".hidden", "a.tmp", "b.part", "c.crdownload", "d.filepart", "e~"})
    WriteWhole(photos / name, "x");
  fs::create_directory(photos / ".git");
  WriteWhole(photos / ".git" / "index", "x");
  fs::rename(photos / "b.part", photos / "b");
  AwaitReceipts(1);
  Scan();
  CHECK(Keys() == KeySet{"b"});
}

TEST_CASE_METHOD(BucketTriggerFixture, "files that were there before the start are found", "[bucket]") {
  fs::create_directories(photos / "2026" / "may");
  WriteWhole(photos / "2026" / "may" / "old.png", "x");
  WriteWhole(photos / "top.png", "x");
  MakeBucket();
  AwaitReceipts(2);
  CHECK(Keys() == KeySet{"2026/may/old.png", "top.png"});
}

TEST_CASE_METHOD(BucketTriggerFixture,
                 "folders made deep at once: the file in the last is seen, and later ones", "[bucket]") {
  MakeBucket();
  fs::create_directories(photos / "a" / "b" / "c");
  WriteWhole(photos / "a" / "b" / "c" / "first", "");
  AwaitReceipts(1);
  WriteWhole(photos / "a" / "b" / "second", "x");
  AwaitReceipts(2);
  CHECK(Keys() == KeySet{"a/b/c/first", "a/b/second"});
}

TEST_CASE_METHOD(BucketTriggerFixture, "a folder moved in is read, and watched under its new name",
                 "[bucket]") {
  fs::create_directories(scratch.path() / "trip" / "day1");
  WriteWhole(scratch.path() / "trip" / "day1" / "a", "x");
  MakeBucket();
  fs::rename(scratch.path() / "trip", photos / "trip");
  AwaitReceipts(1);
  fs::rename(photos / "trip", photos / "journey");
  RunUntil([&] { return Keys().contains("journey/day1/a"); });
  WriteWhole(photos / "journey" / "day1" / "b", "x");
  RunUntil([&] { return Keys().contains("journey/day1/b"); });
  CHECK(Keys() == KeySet{"trip/day1/a", "journey/day1/a", "journey/day1/b"});
}

TEST_CASE_METHOD(BucketTriggerFixture, "a hard link makes an event", "[bucket]") {
  MakeBucket();
  WriteWhole(scratch.path() / "elsewhere", "x");
  fs::create_hard_link(scratch.path() / "elsewhere", photos / "linked");
  AwaitReceipts(1);
  CHECK(Keys() == KeySet{"linked"});
}

TEST_CASE_METHOD(BucketTriggerFixture, "an overwritten file makes a second event", "[bucket]") {
  MakeBucket();
  WriteWhole(photos / "cat.png", "one");
  AwaitReceipts(1);
  WriteWhole(photos / "cat.png", "three");
  AwaitEvents(2);
  AwaitReceipts(1);
  const S3Record first = RecordOf(sink.delivered()[0]), second = RecordOf(sink.delivered()[1]);
  CHECK(second.object.size == 5);
  CHECK(second.object.sequencer > first.object.sequencer);
  CHECK(second.object.etag != first.object.etag);
}

TEST_CASE_METHOD(BucketTriggerFixture, "overwritten while it runs: runs again with the new content",
                 "[bucket]") {
  sink.AnswerAtOnce(nullptr);
  MakeBucket();
  WriteWhole(photos / "cat.png", "one");
  AwaitEvents(1);
  WriteWhole(photos / "cat.png", "three");
  Scan();
  CHECK(sink.delivered().size() == 1);
  sink.End(Succeeded());
  AwaitEvents(2);
  CHECK(RecordOf(sink.delivered()[1]).object.size == 5);
}

TEST_CASE_METHOD(BucketTriggerFixture, "receipts outlive a restart: nothing runs twice", "[bucket]") {
  MakeBucket();
  WriteWhole(photos / "done.png", "x");
  AwaitReceipts(1);
  trigger.reset();
  WriteWhole(photos / "while-down.png", "x");
  StartTrigger();
  AwaitReceipts(2);
  Scan();
  CHECK(Keys() == KeySet{"done.png", "while-down.png"});
}

TEST_CASE_METHOD(BucketTriggerFixture, "the daemon dies before the receipt: the file runs again",
                 "[bucket]") {
  sink.AnswerAtOnce(nullptr);
  MakeBucket();
  WriteWhole(photos / "cat.png", "x");
  AwaitEvents(1);
  StartTrigger();
  AwaitEvents(2);
  CHECK(Keys() == KeySet{"cat.png", "cat.png"});
}

// The real thing: more events than the kernel queues, while the loop does not turn. Temporary names fill it,
// so that only the scan after the overflow can tell of the last file.
TEST_CASE_METHOD(BucketTriggerFixture, "inotify overflows: a scan finds what was lost", "[bucket]") {
  MakeBucket();
  size_t queued_max = 0;
  std::ifstream("/proc/sys/fs/inotify/max_queued_events") >> queued_max;
  REQUIRE(queued_max > 0);
  if (queued_max > 200'000) {
    WARN("not run: fs.inotify.max_queued_events is " << queued_max
                                                     << ", over the 200000 that this test can fill");
    return;
  }
  // An empty file that is new or was empty: at least one event, its close. Another name each time, since the
  // kernel merges equal neighbours.
  for (size_t i = 0; i < queued_max + 10; ++i) WriteWhole(photos / (std::to_string(i % 50) + ".tmp"), "");
  WriteWhole(photos / "lost.png", "x");
  AwaitReceipts(1);
  CHECK(Keys() == KeySet{"lost.png"});
  CHECK(StatusOf()["WatchOverflows"] >= 1);
  CHECK(StatusOf()["FoundByScan"] == 1);
}

TEST_CASE_METHOD(BucketTriggerFixture,
                 "more files than may be under way: the rest waits on disk, and all run", "[bucket]") {
  const size_t files = LiveBucket::kUnderWayMax + 2 * BucketWatch::kExaminedAtOnce;
  for (size_t i = 0; i < files; ++i) WriteWhole(photos / std::to_string(i), "");
  sink.AnswerAtOnce(nullptr);
  REQUIRE(Put("photos", Document()).ok());
  RunUntil([&] { return StatusOf()["UnderWay"] >= LiveBucket::kUnderWayMax; });
  RunSomeTurns();
  CHECK(StatusOf()["UnderWay"] < LiveBucket::kUnderWayMax + BucketWatch::kExaminedAtOnce);
  CHECK(StatusOf()["Running"] == 32);
  sink.AnswerAtOnce([](const Event&) { return Succeeded(); });
  while (sink.under_way() > 0) sink.End(Succeeded());
  for (size_t some = 500; some < files; some += 500) AwaitEvents(some);  // patience is for one step
  AwaitReceipts(files);
  CHECK(sink.delivered().size() == files);
}

TEST_CASE_METHOD(BucketTriggerFixture, "where inotify is of no use, folders are polled", "[bucket]") {
  options.watch.poll_only = true;
  options.watch.polled_every = 8ms;
  StartTrigger();
  REQUIRE(Put("photos", Document()).ok());
  RunUntil([&] { return StatusOf()["State"] == "Polling"; });
  fs::create_directory(photos / "a");
  WriteWhole(photos / "a" / "cat.png", "x");
  AwaitReceipts(1);
  CHECK(Keys() == KeySet{"a/cat.png"});
}

TEST_CASE_METHOD(BucketTriggerFixture, "a file written without a name, then linked in, makes one event",
                 "[bucket]") {
  MakeBucket();
  {
    UniqueFd nameless(::open(photos.c_str(), O_TMPFILE | O_WRONLY | O_CLOEXEC, 0644));
    if (!nameless) {
      WARN("not run: this file system has no O_TMPFILE");
      return;
    }
    REQUIRE(WriteAll(nameless.get(), "whole").ok());
    const std::string by_number = "/proc/self/fd/" + std::to_string(nameless.get());
    REQUIRE(::linkat(AT_FDCWD, by_number.c_str(), AT_FDCWD, (photos / "named").c_str(), AT_SYMLINK_FOLLOW) ==
            0);
  }
  AwaitReceipts(1);
  CHECK(sink.delivered().size() == 1);
  CHECK(RecordOf(sink.delivered()[0]).object.size == 5);
}

TEST_CASE_METHOD(BucketTriggerFixture, "throttled: tried again until it runs", "[bucket]") {
  int refusals = 5;
  sink.AnswerAtOnce([&](const Event&) -> Result<Outcome> {
    if (refusals-- > 0) return Error{ErrorCode::kThrottled, "ConcurrentInvocationLimitExceeded"};
    return Succeeded();
  });
  MakeBucket();
  WriteWhole(photos / "cat.png", "x");
  AwaitReceipts(1);
  CHECK(sink.delivered().size() == 6);
  CHECK(sink.delivered().back().attempt == 1);
  CHECK(StatusOf()["Throttled"] == 5);
  CHECK(StatusOf()["Failed"] == 0);
}

TEST_CASE_METHOD(BucketTriggerFixture,
                 "a function that fails three times: recorded as failed, until replayed", "[bucket]") {
  bool broken = true;
  sink.AnswerAtOnce([&](const Event&) { return broken ? Failed() : Succeeded(); });
  MakeBucket();
  WriteWhole(photos / "bad.png", "x");
  AwaitReceipts(1);
  REQUIRE(sink.delivered().size() == 3);
  CHECK(sink.delivered()[2].attempt == 3);
  CHECK(sink.delivered()[2].request_id == sink.delivered()[0].request_id);
  CHECK(StatusOf()["FailedObjects"][0]["Key"] == "bad.png");
  Scan();
  CHECK(sink.delivered().size() == 3);

  broken = false;
  CHECK(json::parse(*Command("replay", R"({"Pattern":"*.png"})"))["Replayed"] == 1);
  AwaitEvents(4);
  AwaitReceipts(1);
  CHECK(StatusOf()["FailedObjects"].empty());
}

TEST_CASE_METHOD(BucketTriggerFixture, "replay takes only what its pattern matches", "[bucket]") {
  MakeBucket();
  WriteWhole(photos / "a.png", "x");
  WriteWhole(photos / "b.jpg", "x");
  AwaitReceipts(2);
  REQUIRE(Command("replay", R"({"Pattern":"*.jpg"})").ok());
  AwaitEvents(3);
  AwaitReceipts(2);
  CHECK(Keys() == KeySet{"a.png", "b.jpg", "b.jpg"});
  CHECK_FALSE(Command("replay", R"({"Glob":"*"})").ok());
  CHECK_FALSE(Command("dance").ok());
}

TEST_CASE_METHOD(BucketTriggerFixture, "a deleted file's receipt is forgotten", "[bucket]") {
  MakeBucket();
  WriteWhole(photos / "cat.png", "x");
  AwaitReceipts(1);
  fs::remove(photos / "cat.png");
  AwaitReceipts(0);
}

TEST_CASE_METHOD(BucketTriggerFixture,
                 "files deleted while the daemon was down: a scan sweeps their receipts", "[bucket]") {
  MakeBucket();
  WriteWhole(photos / "stays", "x");
  WriteWhole(photos / "goes", "x");
  AwaitReceipts(2);
  trigger.reset();
  fs::remove(photos / "goes");
  StartTrigger();
  AwaitReceipts(1);
  CHECK(sink.delivered().size() == 2);
}

TEST_CASE_METHOD(BucketTriggerFixture, "another, empty folder at the path: the receipts are kept",
                 "[bucket]") {
  MakeBucket();
  WriteWhole(photos / "cat.png", "x");
  AwaitReceipts(1);
  trigger.reset();
  fs::rename(photos, scratch.path() / "unmounted");
  fs::create_directory(photos);
  StartTrigger();
  RunUntil([&] { return StatusOf()["LastError"].get<std::string>().find("mount") != std::string::npos; });
  CHECK(StatusOf()["Receipts"] == 1);
}

TEST_CASE_METHOD(BucketTriggerFixture, "the folder goes and comes back: shown, then watched again",
                 "[bucket]") {
  MakeBucket();
  fs::rename(photos, scratch.path() / "away");
  RunUntil([&] { return StatusOf()["State"] == "Missing"; });
  CHECK_FALSE(StatusOf()["LastError"].get<std::string>().empty());
  fs::rename(scratch.path() / "away", photos);
  RunUntil([&] { return StatusOf()["State"] == "Watching"; });
  WriteWhole(photos / "cat.png", "x");
  AwaitReceipts(1);
}

TEST_CASE_METHOD(BucketTriggerFixture, "names of every kind reach the handler as they are", "[bucket]") {
  MakeBucket();
  const KeySet names{"red flower.jpg",
                     "Gr\xc3\xbc\xc3\x9f"
                     "e.png",
                     "caf\xe9.txt",
                     "two\nlines",
                     "50%+1&=?#",
                     "back\\slash",
                     "\xf0\x9f\x90\x88",
                     std::string(255, 'n')};
  for (const std::string& name : names) WriteWhole(photos / name, "x");
  AwaitReceipts(names.size());
  CHECK(Keys() == names);
  StartTrigger();
  RunUntil([&] { return StatusOf()["State"] == "Watching" && StatusOf()["Receipts"] == names.size(); });
  Scan();
  CHECK(sink.delivered().size() == names.size());
}

TEST_CASE_METHOD(BucketTriggerFixture, "symlinks, fifos and what lies behind them make no event",
                 "[bucket]") {
  fs::create_directory(scratch.path() / "secret");
  WriteWhole(scratch.path() / "secret" / "key", "x");
  fs::create_directory_symlink(scratch.path() / "secret", photos / "folder");
  fs::create_symlink(scratch.path() / "secret" / "key", photos / "file");
  REQUIRE(::mkfifo((photos / "fifo").c_str(), 0600) == 0);
  MakeBucket();
  fs::create_symlink(scratch.path() / "secret" / "key", photos / "later");
  WriteWhole(photos / "plain", "x");
  AwaitReceipts(1);
  Scan();
  CHECK(Keys() == KeySet{"plain"});
}

TEST_CASE_METHOD(BucketTriggerFixture, "prefix and suffix filter; one event for each function", "[bucket]") {
  json document = Document({{"Prefix", "in/"}, {"Suffix", ".png"}});
  document["Notifications"].push_back({{"FunctionName", "resize"}});  // matches too: still one event
  document["Notifications"].push_back({{"FunctionName", "index"}, {"Suffix", ".txt"}});
  document["Notifications"][1]["Prefix"] = "in/";
  REQUIRE(Put("photos", document).ok());
  RunUntil([&] { return StatusOf()["State"] == "Watching"; });
  fs::create_directory(photos / "in");
  WriteWhole(photos / "in" / "a.png", "x");
  WriteWhole(photos / "b.png", "x");
  WriteWhole(photos / "c.txt", "x");
  AwaitReceipts(2);
  Scan();
  CHECK(Keys() == KeySet{"in/a.png", "c.txt"});
  CHECK(RecordOf(sink.delivered()[0]).configuration_id.starts_with("notification-"));
}

TEST_CASE_METHOD(BucketTriggerFixture, "a function that writes into the bucket that starts it is refused",
                 "[bucket]") {
  mounts["resize"] = {{"photos", true}};
  const auto put = Put("photos", Document());
  REQUIRE_FALSE(put.ok());
  CHECK(put.error().code == ErrorCode::kInvalidArgument);
  CHECK_THAT(put.error().message, Catch::Contains("resize") && Catch::Contains("AcknowledgeLoop"));
  CHECK(Put("photos", Document({{"AcknowledgeLoop", true}})).ok());

  mounts["resize"] = {{"photos", false}, {"thumbs", true}};
  CHECK(Put("photos", Document()).ok());
  CHECK(trigger->CheckMounts("resize", {{"thumbs", true}}).ok());
  CHECK_FALSE(trigger->CheckMounts("resize", {{"photos", true}}).ok());
}

TEST_CASE_METHOD(BucketTriggerFixture, "a bucket without a path gets a folder of the data folder",
                 "[bucket]") {
  REQUIRE(Put("thumbs", json::object()).ok());
  const auto path = trigger->PathOf("thumbs");
  REQUIRE(path.ok());
  CHECK(*path == options.data_dir + "/buckets/thumbs");
  CHECK(fs::is_directory(*path));
  CHECK(trigger->PathOf("other").error().code == ErrorCode::kNotFound);
}

TEST_CASE_METHOD(BucketTriggerFixture,
                 "the daemon's own data folder is no bucket, nor what holds it or lies in it", "[bucket]") {
  fs::create_directories(options.data_dir + "/ledger");
  for (const std::string& path : {options.data_dir, options.data_dir + "/ledger", scratch.path().string()}) {
    INFO(path);
    CHECK_THAT(Put("ours", {{"Path", path}}).error().message, Catch::Contains("data folder"));
  }
  CHECK_FALSE(Put("nul", {{"Path", std::string("/tmp\0x", 6)}}).ok());
}

TEST_CASE_METHOD(BucketTriggerFixture, "folders that are missing or lie within each other are refused",
                 "[bucket]") {
  CHECK_THAT(Put("gone", {{"Path", "/no/such/folder"}}).error().message, Catch::Contains("/no/such/folder"));
  MakeBucket();
  fs::create_directory(photos / "inner");
  CHECK_THAT(Put("inner", {{"Path", (photos / "inner").string()}}).error().message,
             Catch::Contains("photos"));
  fs::create_directory_symlink(photos, scratch.path() / "alias");
  CHECK_FALSE(Put("alias", {{"Path", (scratch.path() / "alias").string()}}).ok());
}

TEST_CASE_METHOD(BucketTriggerFixture, "a removed bucket keeps its files and forgets its receipts",
                 "[bucket]") {
  MakeBucket();
  WriteWhole(photos / "cat.png", "x");
  AwaitReceipts(1);
  bool removed = false;
  trigger->Remove("photos", [&](const Status& status) { removed = status.ok(); });
  RunUntil([&] { return removed; });
  CHECK(fs::exists(photos / "cat.png"));
  MakeBucket();
  AwaitReceipts(1);
  CHECK(sink.delivered().size() == 2);
}

TEST_CASE_METHOD(BucketTriggerFixture, "its function is deleted: the notification goes, the bucket stays",
                 "[bucket]") {
  MakeBucket();
  trigger->ForgetFunction("resize");
  RunUntil([&] { return json::parse(trigger->Get("photos")->json)["Notifications"].empty(); });
  WriteWhole(photos / "cat.png", "x");
  Scan();
  CHECK(sink.delivered().empty());
}

TEST_CASE_METHOD(BucketTriggerFixture, "drain waits for what runs and its receipt", "[bucket]") {
  sink.AnswerAtOnce(nullptr);
  MakeBucket();
  WriteWhole(photos / "one", "x");
  AwaitEvents(1);
  bool drained = false;
  trigger->Drain([&] { drained = true; });
  WriteWhole(photos / "two", "x");
  RunSomeTurns();
  CHECK_FALSE(drained);
  sink.End(Succeeded());
  RunUntil([&] { return drained; });
  CHECK(sink.delivered().size() == 1);
  StartTrigger();
  AwaitEvents(2);
  CHECK(Keys() == KeySet{"one", "two"});
}

}  // namespace
}  // namespace hearth
