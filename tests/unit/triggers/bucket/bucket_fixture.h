#pragma once

#include <fcntl.h>
#include <sys/stat.h>

#include <filesystem>
#include <fstream>
#include <map>
#include <set>
#include <string>
#include <vector>

#include <catch2/catch.hpp>
#include <hearth/s3_event.h>
#include <nlohmann/json.hpp>

#include "runtime/store/memory_key_store.h"
#include "tests/unit/runtime/loop/loop_fixture.h"
#include "tests/unit/triggers/bucket/temporary_folder.h"
#include "tests/unit/triggers/fake_event_sink.h"
#include "triggers/bucket/bucket_trigger.h"

using namespace std::chrono_literals;

namespace hearth {

namespace fs = std::filesystem;
using nlohmann::json;

// A bucket trigger over a real folder and real inotify; functions, stores and time are fakes.
struct BucketTriggerFixture : LoopFixture {
  TemporaryFolder scratch;
  const fs::path photos = scratch.path() / "photos";
  FakeEventSink sink{*loop};
  MemoryKeyStore documents{*loop};
  MemoryKeyStore receipts{*loop};
  SeededRandom random{11};
  NullLog log;
  std::map<std::string, std::vector<BucketMount>> mounts;
  BucketTrigger::Options options;
  std::unique_ptr<BucketTrigger> trigger;

  BucketTriggerFixture() {
    fs::create_directory(photos);
    options.data_dir = (scratch.path() / "data").string();
    options.dispatch.retry_delays = {1ms, 1ms};
    options.dispatch.back_off_first = 1ms;
    options.dispatch.back_off_longest = 4ms;
    options.watch.reconcile_every = 1h;  // a test that needs a scan asks for it
    options.watch.attach_again_every = 5ms;
    sink.AnswerAtOnce([](const Event&) { return Succeeded(); });
    StartTrigger();
  }
  ~BucketTriggerFixture() {
    trigger.reset();
    RunSomeTurns();
  }

  void StartTrigger() {
    trigger.reset();
    const auto mounts_of = [this](const std::string& function) { return mounts[function]; };
    trigger =
        std::make_unique<BucketTrigger>(*loop, sink, documents, receipts, random, log, mounts_of, options);
    bool started = false;
    trigger->Start([&](const Status& status) {
      REQUIRE(status.ok());
      started = true;
    });
    RunUntil([&] { return started; });
  }
  Result<Trigger::Document> Put(const std::string& name, const json& document) {
    std::optional<Result<Trigger::Document>> answer;
    trigger->Put(name, document.dump(), [&](Result<Trigger::Document> reply) { answer = std::move(reply); });
    RunUntil([&] { return answer.has_value(); });
    return *answer;
  }
  json Document(const json& notification_extra = json::object()) {
    json notification = {{"FunctionName", "resize"}};
    notification.update(notification_extra);
    return {{"Path", photos.string()}, {"Notifications", json::array({notification})}};
  }
  void MakeBucket(const json& notification_extra = json::object()) {
    const auto put = Put("photos", Document(notification_extra));
    INFO((put.ok() ? "" : put.error().message));
    REQUIRE(put.ok());
    RunUntil([&] { return StatusOf()["State"] == "Watching"; });
  }
  json StatusOf() { return json::parse(trigger->Get("photos")->status_json); }
  Result<std::string> Command(const std::string& verb, const std::string& request = "") {
    std::optional<Result<std::string>> answer;
    trigger->Command("photos", verb, request, [&](Result<std::string> reply) { answer = std::move(reply); });
    RunUntil([&] { return answer.has_value(); });
    return *answer;
  }
  // Every file on disk has been seen, and what was hinted at or found been looked at: the disk's thread works
  // in order, so the second scan ends after the first one's findings were examined.
  void Scan() {
    REQUIRE(Command("scan").ok());
    REQUIRE(Command("scan").ok());
  }
  void AwaitEvents(size_t count) {
    RunUntil([&] { return sink.delivered().size() >= count; });
  }
  void AwaitReceipts(size_t count) {
    RunUntil([&] { return StatusOf()["Receipts"] == count && StatusOf()["UnderWay"] == 0; });
  }
  Result<Trigger::Document> PutMany(const json& notifications) {
    return Put("photos", {{"Path", photos.string()}, {"Notifications", notifications}});
  }
  std::vector<std::string> FunctionsCalled() {
    std::vector<std::string> called;
    for (const Event& event : sink.delivered()) called.push_back(event.function);
    return called;
  }
  static S3Record RecordOf(const Event& event) {
    const json document = json::parse(event.payload);
    S3Event decoded;
    internal::Decode(internal::JsonReader(document), decoded);
    REQUIRE(decoded.records.size() == 1);
    return decoded.records[0];
  }
  std::multiset<std::string> Keys() {
    std::multiset<std::string> keys;
    for (const Event& event : sink.delivered()) keys.insert(RecordOf(event).key());
    return keys;
  }
  using KeySet = std::multiset<std::string>;
};

}  // namespace hearth
