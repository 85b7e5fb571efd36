#include "runtime/router/invocation_book.h"

#include <catch2/catch.hpp>

#include "runtime/loop/manual_executor.h"
#include "runtime/store/memory_key_store.h"

namespace hearth {
namespace {

class BookFixture {
 protected:
  BookFixture() { Reopen({}); }
  void Reopen(InvocationBook::Options options) {
    book_.emplace(options, keys_, executor_, log_);
    book_->Load([](const Status& loaded) { REQUIRE(loaded.ok()); });
    executor_.RunPosted();
  }
  AsyncInvocation Make(const std::string& id, AsyncState state = AsyncState::kQueued) {
    AsyncInvocation one;
    one.request_id = RequestId(id);
    one.function = "resize";
    one.state = state;
    one.accepted = one.queued = executor_.clock().WallNow();
    if (HasEnded(state)) one.settled = executor_.clock().WallNow();
    return one;
  }
  void Put(const AsyncInvocation& one, InvocationBook::More more = {}) {
    book_->Put(one, std::move(more), [](const Status& stored) { REQUIRE(stored.ok()); });
    executor_.RunPosted();
    executor_.Advance(milliseconds(1));  // so that each has a time of its own
  }
  bool Knows(const std::string& id) const { return book_->Find(RequestId(id)) != nullptr; }
  std::optional<std::string> ResultOf(const std::string& id) {
    std::optional<std::string> result;
    book_->ReadResult(RequestId(id),
                      [&](const Result<std::optional<std::string>>& read) { result = read.value(); });
    executor_.RunPosted();
    return result;
  }

  ManualExecutor executor_;
  NullLog log_;
  MemoryKeyStore keys_{executor_};
  std::optional<InvocationBook> book_;
};

TEST_CASE_METHOD(BookFixture, "all of an invocation comes back after a restart", "[async]") {
  AsyncInvocation one = Make("a", AsyncState::kFailed);
  one.qualifier = "7";
  one.trigger = TriggerKind::kBucket;
  one.end = EventEnd::kRetriesExhausted;
  one.failures = 2;
  one.attempt_base = 3;
  one.key_hash = "k";
  one.result_bytes = 4;
  one.result_kept = one.event_kept = true;
  Outcome outcome;
  outcome.kind = OutcomeKind::kTimeout;
  outcome.usage.duration = milliseconds(3);
  outcome.error = {"Sandbox.Timedout", std::string(5000, 'x'), ""};
  for (uint32_t attempt = 4; attempt < 16; ++attempt) AddAttempt(one, attempt, outcome);
  one.deliveries.push_back({AsyncDelivery::Kind::kDeadLetter, "arn", true, ""});
  Put(one, {"oops", "event"});
  Reopen({});
  const AsyncInvocation* back = book_->Find(RequestId("a"));
  REQUIRE(back != nullptr);
  CHECK(EncodeAsyncInvocationJson(*back) == EncodeAsyncInvocationJson(one));
  CHECK(back->attempts.size() == kAttemptsShownMax);
  CHECK(back->attempts.front().number == 6);
  CHECK(back->attempts.front().error_message.size() == kAttemptMessageBytesMax);
  CHECK(back->attempt_last == 15);
  CHECK(book_->FindKey("resize", "k") == back);
  CHECK(ResultOf("a") == "oops");
}

TEST_CASE_METHOD(BookFixture, "a running one is found queued, or waiting for its retry", "[async]") {
  Put(Make("a", AsyncState::kRunning));
  AsyncInvocation failed = Make("b", AsyncState::kRunning);
  failed.failures = 1;
  Put(failed);
  Reopen({});
  CHECK(book_->Find(RequestId("a"))->state == AsyncState::kQueued);
  CHECK(book_->Find(RequestId("b"))->state == AsyncState::kRetrying);
}

TEST_CASE_METHOD(BookFixture, "listed newest first, by function and state, as many as asked for", "[async]") {
  Put(Make("a"));
  Put(Make("b", AsyncState::kFailed));
  AsyncInvocation other = Make("c");
  other.function = "other";
  Put(other);
  InvocationBook::Filter filter;
  REQUIRE(book_->List(filter).size() == 3);
  CHECK(book_->List(filter)[0]->request_id.text() == "c");
  filter.function = "resize";
  CHECK(book_->List(filter).size() == 2);
  filter.state = AsyncState::kFailed;
  REQUIRE(book_->List(filter).size() == 1);
  CHECK(book_->List(filter)[0]->request_id.text() == "b");
  filter = {};
  filter.count_max = 1;
  CHECK(book_->List(filter).size() == 1);
}

TEST_CASE_METHOD(BookFixture, "what has ended is kept so long and no longer; what has not is kept",
                 "[async]") {
  Put(Make("open"));
  Put(Make("ended", AsyncState::kSucceeded), {"result", {}});
  executor_.Advance(std::chrono::hours(24) - seconds(20));
  CHECK(Knows("ended"));
  executor_.Advance(seconds(40));
  CHECK_FALSE(Knows("ended"));
  CHECK(Knows("open"));
  CHECK_FALSE(ResultOf("ended"));
  Reopen({});
  CHECK_FALSE(Knows("ended"));
  CHECK(book_->open() == 1);
}

TEST_CASE_METHOD(BookFixture, "of those that have ended so many are kept, the oldest goes first", "[async]") {
  InvocationBook::Options options;
  options.kept_max = 3;
  Reopen(options);
  for (const char* id : {"a", "b", "c", "d"}) Put(Make(id, AsyncState::kSucceeded));
  executor_.Advance(InvocationBook::kExpireEach * 2);
  CHECK_FALSE(Knows("a"));
  CHECK(Knows("b"));
  CHECK(book_->size() == 3);
}

TEST_CASE_METHOD(BookFixture, "many more at once than are kept are not waited for", "[async]") {
  InvocationBook::Options options;
  options.kept_max = 10;
  Reopen(options);
  for (int number = 0; number < 2000; ++number)
    book_->Put(Make(std::to_string(number), AsyncState::kSucceeded), [](const Status&) {});
  CHECK(book_->size() <= 10 + 500);
}

TEST_CASE_METHOD(BookFixture,
                 "whoever waits hears of the end once, of an unknown one at once, and not after leaving",
                 "[async]") {
  Put(Make("a"));
  int ended = 0, left = 0, unknown = 0;
  auto wait = book_->WhenEnded(RequestId("a"), [&] { ++ended; });
  {
    auto gone = book_->WhenEnded(RequestId("a"), [&] { ++left; });
  }
  auto nobody = book_->WhenEnded(RequestId("z"), [&] { ++unknown; });
  executor_.RunPosted();
  CHECK(ended == 0);
  CHECK(unknown == 1);
  Put(Make("a", AsyncState::kSucceeded));
  Put(Make("a", AsyncState::kSucceeded));
  CHECK(ended == 1);
  CHECK(left == 0);
}

TEST_CASE_METHOD(BookFixture, "a function that is deleted takes its invocations along", "[async]") {
  Put(Make("a"));
  AsyncInvocation other = Make("b");
  other.function = "other";
  Put(other);
  book_->ForgetFunction("resize");
  executor_.RunPosted();
  Reopen({});
  CHECK_FALSE(Knows("a"));
  CHECK(Knows("b"));
}

TEST_CASE_METHOD(BookFixture,
                 "a record that cannot be read is left out, one of a newer build stops the start",
                 "[async]") {
  Put(Make("a"));
  keys_.Apply({{"i/b", "garbage"}}, [](const Status&) {});
  Reopen({});
  CHECK(Knows("a"));
  keys_.Apply({{"i/c", R"({"v":2})"}}, [](const Status&) {});
  book_.emplace(InvocationBook::Options{}, keys_, executor_, log_);
  Status loaded;
  book_->Load([&](const Status& status) { loaded = status; });
  executor_.RunPosted();
  REQUIRE_FALSE(loaded.ok());
  CHECK(loaded.error().code == ErrorCode::kUnsupported);
}

}  // namespace
}  // namespace hearth
