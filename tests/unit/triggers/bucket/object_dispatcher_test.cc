#include "triggers/bucket/object_dispatcher.h"

#include <catch2/catch.hpp>
#include <nlohmann/json.hpp>

#include "runtime/loop/manual_executor.h"
#include "runtime/store/memory_key_store.h"
#include "tests/unit/triggers/fake_event_sink.h"

using namespace std::chrono_literals;

namespace hearth {
namespace {

const ObjectIdentity kFirst{1, 2, 3, 4};
const ObjectIdentity kSecond{1, 9, 9, 9};

// Every object can be opened, unless the test says how the next one goes.
struct FakeObjectSource final : ObjectSource {
  explicit FakeObjectSource(Executor& e) : executor(e) {}
  void Open(const std::string& key, const ObjectIdentity& identity, OnOpened opened) override {
    auto object = std::make_shared<EventObject>();
    object->inode = identity.inode;
    auto answer = std::make_shared<Result<std::shared_ptr<EventObject>>>(std::move(object));
    if (next_error) *answer = *std::exchange(next_error, std::nullopt);
    asked.push_back(key);
    executor.Post([opened = std::move(opened), answer] { opened(std::move(*answer)); });
  }
  void Hash(const std::string&, const ObjectIdentity&, OnHashed hashed) override {
    executor.Post([hashed = std::move(hashed)] { hashed(std::string(64, 'a')); });
  }
  void LookAgain(const std::string& key, uint32_t) override { looked_again.push_back(key); }
  Executor& executor;
  std::optional<Error> next_error;
  std::vector<std::string> asked, looked_again;
};

// Answers as the test says, Ok() by default; the same key counts once.
struct FakeDestination final : Destination {
  explicit FakeDestination(Executor& e) : executor(e) {}
  void Check(std::string, OnDone checked) override {
    executor.Post([checked = std::move(checked)] { checked(Ok()); });
  }
  void Send(std::string arn, Message message, OnDone stored) override {
    sent.emplace_back(std::move(arn), std::move(message));
    Status answer = next_error ? Status(*std::exchange(next_error, std::nullopt)) : Ok();
    executor.Post([stored = std::move(stored), answer = std::move(answer)] { stored(answer); });
  }
  Executor& executor;
  std::optional<Error> next_error;
  std::vector<std::pair<std::string, Message>> sent;
};

struct DispatcherFixture {
  ManualExecutor executor;
  FakeEventSink sink{executor};
  MemoryKeyStore keys{executor};
  SeededRandom random{3};
  NullLog log;
  DispatchServices services{executor, sink, random, log, "us-east-1", "000000000000", {}};
  ReceiptBook receipts{keys, "photos"};
  FakeDestination destination{executor};
  uint64_t sequencer = 0;
  FakeObjectSource source{executor};
  ObjectDispatcher dispatcher{
      services, receipts, source, "photos", "resize", "", [this] { return ++sequencer; }, [] {}};

  void Offer(const std::string& key, const ObjectIdentity& identity = kFirst) {
    dispatcher.Offer(key, identity, {"notification-1"});
    executor.RunPosted();
  }
  // With somebody who is told when it fails for good; without retries.
  void OfferTold(const std::string& key, const ObjectIdentity& identity = kFirst) {
    services.destinations = &destination;
    ObjectTerms terms{"notification-1"};
    terms.retries_max = 0;
    terms.on_failure = "arn:aws:sqs:us-east-1:000000000000:failed";
    dispatcher.Offer(key, identity, terms);
    executor.RunPosted();
  }
  void End(Result<Outcome> outcome) {
    REQUIRE(sink.under_way() > 0);
    sink.End(std::move(outcome));
    executor.RunPosted();
  }
};

TEST_CASE_METHOD(DispatcherFixture, "what failed for good is told, and has its receipt then", "[bucket]") {
  OfferTold("a cat");
  End(Failed());
  REQUIRE(destination.sent.size() == 1);
  const auto& [arn, message] = destination.sent[0];
  CHECK(arn == "arn:aws:sqs:us-east-1:000000000000:failed");
  const auto told = nlohmann::json::parse(message.body);
  CHECK(told["requestContext"]["functionArn"] == "arn:aws:lambda:us-east-1:000000000000:function:resize");
  CHECK(told["requestContext"]["condition"] == "RetriesExhausted");
  CHECK(told["requestContext"]["approximateInvokeCount"] == 1);
  CHECK(told["requestContext"]["requestId"] == sink.delivered()[0].request_id.text());
  CHECK(told["requestPayload"] == nlohmann::json::parse(sink.delivered()[0].payload));
  CHECK(told["responsePayload"].contains("errorMessage"));
  CHECK_FALSE(message.idempotency_key.empty());
  CHECK(receipts.failed().size() == 1);
  CHECK(dispatcher.under_way() == 0);
  OfferTold("dog");
  End(Succeeded());
  CHECK(destination.sent.size() == 1);
}

TEST_CASE_METHOD(DispatcherFixture, "a destination that cannot be reached is tried again, under the same key",
                 "[bucket]") {
  OfferTold("cat");
  destination.next_error = Error{ErrorCode::kUnavailable, "disk full"};
  End(Failed());
  CHECK(receipts.failed().empty());
  CHECK(dispatcher.last_error().find("disk full") != std::string::npos);
  executor.Advance(1min);
  REQUIRE(destination.sent.size() == 2);
  CHECK(destination.sent[0].second.idempotency_key == destination.sent[1].second.idempotency_key);
  CHECK(receipts.failed().size() == 1);
  CHECK(sink.delivered().size() == 1);
}

TEST_CASE_METHOD(DispatcherFixture, "a destination that is gone is named in the receipt", "[bucket]") {
  OfferTold("cat");
  destination.next_error = Error{ErrorCode::kNotFound, "no queue failed"};
  End(Failed());
  REQUIRE(receipts.failed().size() == 1);
  CHECK(receipts.failed().begin()->second.error.find("no queue failed") != std::string::npos);
  executor.Advance(1h);
  CHECK(destination.sent.size() == 1);
}

TEST_CASE_METHOD(DispatcherFixture,
                 "stopped while a destination cannot be reached: no receipt, the next start tells",
                 "[bucket]") {
  OfferTold("cat");
  dispatcher.Stop();
  destination.next_error = Error{ErrorCode::kUnavailable, "disk full"};
  End(Failed());
  CHECK(receipts.size() == 0);
  CHECK(dispatcher.idle());
}

TEST_CASE_METHOD(DispatcherFixture, "other content while it is told of: runs after that", "[bucket]") {
  OfferTold("cat");
  destination.next_error = Error{ErrorCode::kUnavailable, "disk full"};
  End(Failed());
  Offer("cat", kSecond);
  CHECK(sink.delivered().size() == 1);
  executor.Advance(1min);
  REQUIRE(sink.under_way() == 1);
  End(Succeeded());
  CHECK(receipts.Has("resize", "cat", kSecond));
}

TEST_CASE_METHOD(DispatcherFixture, "only so many run at once", "[bucket]") {
  for (int i = 0; i < 100; ++i) Offer(std::to_string(i));
  CHECK(sink.under_way() == 32);
  End(Succeeded());
  CHECK(sink.under_way() == 32);
  CHECK(sink.delivered().size() == 33);
}

TEST_CASE_METHOD(DispatcherFixture, "the same content offered twice runs once", "[bucket]") {
  Offer("cat");
  Offer("cat");
  End(Succeeded());
  CHECK(sink.delivered().size() == 1);
  CHECK(receipts.Has("resize", "cat", kFirst));
}

TEST_CASE_METHOD(DispatcherFixture, "retries wait, then run with the next attempt number", "[bucket]") {
  Offer("cat");
  End(Failed());
  executor.Advance(999ms);
  CHECK(sink.under_way() == 0);
  executor.Advance(1ms);
  REQUIRE(sink.under_way() == 1);
  CHECK(sink.delivered()[1].attempt == 2);
  End(Failed());
  executor.Advance(5s);
  End(Succeeded());
  CHECK(receipts.failed().empty());
  CHECK(receipts.Has("resize", "cat", kFirst));
}

TEST_CASE_METHOD(DispatcherFixture,
                 "other content during a retry's wait: a new object with retries of its own", "[bucket]") {
  Offer("cat");
  End(Failed());
  Offer("cat", kSecond);
  REQUIRE(sink.delivered().size() == 2);
  CHECK(sink.delivered()[1].attempt == 1);
  CHECK(sink.delivered()[1].request_id != sink.delivered()[0].request_id);
  End(Succeeded());
  executor.Advance(1h);
  CHECK(sink.delivered().size() == 2);
}

TEST_CASE_METHOD(DispatcherFixture, "deleted during a retry's wait: dropped", "[bucket]") {
  Offer("cat");
  End(Failed());
  dispatcher.Gone("cat");
  executor.Advance(1h);
  CHECK(sink.delivered().size() == 1);
  CHECK(dispatcher.under_way() == 0);
}

TEST_CASE_METHOD(DispatcherFixture, "deleted while it runs: no receipt is left", "[bucket]") {
  Offer("cat");
  dispatcher.Gone("cat");
  End(Succeeded());
  CHECK(receipts.size() == 0);
  CHECK(dispatcher.under_way() == 0);
}

TEST_CASE_METHOD(DispatcherFixture,
                 "a platform fault is no failure of the function, and has an attempt of its own",
                 "[bucket]") {
  Offer("cat");
  for (int i = 0; i < 10; ++i) {
    End(Failed(OutcomeKind::kPlatformFault));
    executor.Advance(1min);
  }
  REQUIRE(sink.under_way() == 1);
  CHECK(sink.delivered().back().attempt == 11);
  CHECK(receipts.size() == 0);
}

TEST_CASE_METHOD(DispatcherFixture, "the function is missing: others wait too, and run when it is there",
                 "[bucket]") {
  Offer("cat");
  Offer("dog");
  End(Error{ErrorCode::kNotFound, "no function resize"});
  End(Error{ErrorCode::kNotFound, "no function resize"});
  Offer("cow");
  CHECK(sink.under_way() == 0);
  CHECK(dispatcher.last_error() == "no function resize");
  executor.Advance(1s);
  CHECK(sink.under_way() == 3);
}

TEST_CASE_METHOD(DispatcherFixture, "the receipt is not stored: kept until it is, and not run again",
                 "[bucket]") {
  Offer("cat");
  keys.FailNext({ErrorCode::kIo, "disk full"});
  End(Succeeded());
  CHECK(dispatcher.IsUnderWay("cat", kFirst));
  CHECK_FALSE(dispatcher.idle());
  executor.Advance(1min);
  CHECK(dispatcher.idle());
  CHECK(receipts.Has("resize", "cat", kFirst));
  CHECK(sink.delivered().size() == 1);
}

TEST_CASE_METHOD(DispatcherFixture, "an event that is too large fails at once", "[bucket]") {
  Offer("cat");
  End(Error{ErrorCode::kTooLarge, "7 MiB, at most 6"});
  CHECK(receipts.failed().size() == 1);
}

TEST_CASE_METHOD(DispatcherFixture, "stopped: what runs settles, what waits does not begin", "[bucket]") {
  for (int i = 0; i < 33; ++i) Offer(std::to_string(i));
  dispatcher.Stop();
  while (sink.under_way() > 0) End(Succeeded());
  CHECK(dispatcher.idle());
  CHECK(sink.delivered().size() == 32);
  CHECK(receipts.size() == 32);
}

TEST_CASE_METHOD(DispatcherFixture, "each attempt has the object open afresh", "[bucket]") {
  Offer("cat");
  const auto first = sink.delivered()[0].object;
  REQUIRE(first);
  CHECK(first->inode == kFirst.inode);
  End(Failed());
  executor.Advance(1s);
  REQUIRE(sink.delivered().size() == 2);
  CHECK(sink.delivered()[1].object);
  CHECK(sink.delivered()[1].object != first);
}

TEST_CASE_METHOD(DispatcherFixture, "a removal has no object", "[bucket]") {
  dispatcher.OfferRemoval("cat", {"notification-1"});
  executor.RunPosted();
  REQUIRE(sink.delivered().size() == 1);
  CHECK_FALSE(sink.delivered()[0].object);
  CHECK(source.asked.empty());
}

TEST_CASE_METHOD(DispatcherFixture, "other content when it is opened: not run, and looked at again",
                 "[bucket]") {
  source.next_error = Error{ErrorCode::kPrecondition, "changed"};
  Offer("cat");
  CHECK(sink.delivered().empty());
  CHECK(source.looked_again == std::vector<std::string>{"cat"});
  CHECK(dispatcher.under_way() == 0);
  CHECK(dispatcher.idle());
  CHECK(receipts.size() == 0);
  Offer("cat", kSecond);
  CHECK(sink.delivered().size() == 1);
}

TEST_CASE_METHOD(DispatcherFixture, "other content that is known already runs instead", "[bucket]") {
  source.next_error = Error{ErrorCode::kPrecondition, "changed"};
  dispatcher.Offer("cat", kFirst, {"notification-1"});
  dispatcher.Offer("cat", kSecond, {"notification-1"});
  executor.RunPosted();
  CHECK(source.looked_again.empty());
  REQUIRE(sink.delivered().size() == 1);
  CHECK(sink.delivered()[0].object->inode == kSecond.inode);
  End(Succeeded());
  CHECK(receipts.Has("resize", "cat", kSecond));
}

TEST_CASE_METHOD(DispatcherFixture, "the bucket is away when it is opened: waits, and no attempt is counted",
                 "[bucket]") {
  source.next_error = Error{ErrorCode::kUnavailable, "the bucket's folder is missing"};
  Offer("cat");
  CHECK(sink.delivered().empty());
  executor.Advance(1s);
  REQUIRE(sink.delivered().size() == 1);
  CHECK(sink.delivered()[0].attempt == 1);
}

TEST_CASE_METHOD(DispatcherFixture, "deleted while it is opened: dropped", "[bucket]") {
  dispatcher.Offer("cat", kFirst, {"notification-1"});
  dispatcher.Gone("cat");
  executor.RunPosted();
  CHECK(sink.delivered().empty());
  CHECK(dispatcher.idle());
  CHECK(dispatcher.under_way() == 0);
}

TEST_CASE_METHOD(DispatcherFixture, "hops are told; at the limit nothing runs, and the receipt says why",
                 "[bucket]") {
  ObjectTerms terms{"notification-1"};
  terms.hops = kHopsMax - 1;
  dispatcher.Offer("last", kFirst, terms);
  executor.RunPosted();
  REQUIRE(sink.delivered().size() == 1);
  CHECK(sink.delivered()[0].hops == kHopsMax - 1);
  CHECK(sink.delivered()[0].payload.find("\"hops\":15") != std::string::npos);
  terms.hops = kHopsMax;
  dispatcher.Offer("past", kFirst, terms);
  executor.RunPosted();
  CHECK(sink.delivered().size() == 1);
  REQUIRE(receipts.failed().size() == 1);
  CHECK(receipts.failed().begin()->second.error.starts_with("Hearth.HopLimit: 16 functions"));
}

TEST_CASE_METHOD(DispatcherFixture, "a scan that sees the object again does not take its hops", "[bucket]") {
  ObjectTerms terms{"notification-1"};
  terms.hops = 3;
  dispatcher.Offer("cat", kFirst, terms);
  executor.RunPosted();
  End(Failed());
  Offer("cat");  // without any
  executor.Advance(1s);
  REQUIRE(sink.delivered().size() == 2);
  CHECK(sink.delivered()[1].hops == 3);
}

}  // namespace
}  // namespace hearth
