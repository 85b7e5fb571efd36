#include "runtime/control/hearth_invocations.h"

#include <catch2/catch.hpp>

#include "tests/unit/runtime/control/control_fixture.h"

namespace hearth {
namespace {

const std::string kPath = "/_hearth/v1/invocations";

class InvocationsFixture : public ControlFixture {
 protected:
  AsyncInvocation Make(const std::string& id, AsyncState state) {
    AsyncInvocation one;
    one.request_id = RequestId(id);
    one.function = "resize";
    one.state = state;
    one.accepted = one.queued = executor.clock().WallNow();
    if (HasEnded(state)) one.settled = one.accepted;
    return one;
  }
  void Put(AsyncInvocation one, InvocationBook::More more = {}) {
    bool stored = false;
    book.Put(std::move(one), std::move(more), [&](const Status&) { stored = true; });
    executor.WaitFor([&] { return stored; });
  }
};

TEST_CASE_METHOD(InvocationsFixture, "an invocation with attempts, destinations and its result",
                 "[control][async]") {
  AsyncInvocation one = Make("a", AsyncState::kFailed);
  one.end = EventEnd::kRetriesExhausted;
  one.result_bytes = 9;
  one.result_kept = true;
  Outcome outcome;
  outcome.kind = OutcomeKind::kFunctionError;
  outcome.error = {"Oops", "why", ""};
  AddAttempt(one, 1, outcome);
  one.deliveries = {{AsyncDelivery::Kind::kDestination, "arn:x", true, ""},
                    {AsyncDelivery::Kind::kDeadLetter, "arn:y", false, "gone"}};
  Put(one, {R"({"a":[1]})", {}});
  const json body = Body(Call("GET", kPath + "/a"));
  CHECK(body["state"] == "failed");
  CHECK(body["qualifier"] == "$LATEST");
  CHECK(body["condition"] == "RetriesExhausted");
  CHECK(body["result"] == json{{"a", {1}}});
  CHECK(body["attempts"][0]["error_type"] == "Oops");
  CHECK(body["attempts"][0]["outcome"] == "function_error");
  CHECK(body["destinations"][0]["state"] == "sent");
  CHECK(body["destinations"][1]["kind"] == "dead_letter");
  CHECK(body["destinations"][1]["failure"] == "gone");
}

TEST_CASE_METHOD(InvocationsFixture, "a result that is no JSON is text; one that is too deep, too",
                 "[control][async]") {
  AsyncInvocation one = Make("a", AsyncState::kSucceeded);
  one.result_bytes = 4;
  one.result_kept = true;
  const std::string result = GENERATE(as<std::string>(), "plain", std::string(10'000, '['));
  Put(one, {result, {}});
  CHECK(Body(Call("GET", kPath + "/a"))["result"] == result);
}

TEST_CASE_METHOD(InvocationsFixture, "whoever waits is answered when it has ended", "[control][async]") {
  Put(Make("a", AsyncState::kQueued));
  const auto waiting = Start(Request("GET", kPath + "/a?wait=30s"));
  RunPosted();
  CHECK_FALSE(waiting->answer);
  Put(Make("a", AsyncState::kSucceeded));
  RunPosted();
  REQUIRE(waiting->answer);
  CHECK(Body(waiting)["state"] == "succeeded");
}

TEST_CASE_METHOD(InvocationsFixture, "or when the time is over, or the daemon stops", "[control][async]") {
  Put(Make("a", AsyncState::kQueued));
  const auto waiting = Start(Request("GET", kPath + "/a?wait=30"));
  Advance(seconds(29));
  CHECK_FALSE(waiting->answer);
  Advance(seconds(1));
  REQUIRE(waiting->answer);
  CHECK(Body(waiting)["state"] == "queued");
  const auto stopped = Start(Request("GET", kPath + "/a?wait=60"));
  RunPosted();
  api->EndFollows();
  RunPosted();
  REQUIRE(stopped->answer);
  CHECK(stopped->answer->status == 200);
}

TEST_CASE_METHOD(InvocationsFixture, "what cannot be asked for", "[control][async]") {
  Put(Make("a", AsyncState::kQueued));
  CHECK(Call("GET", kPath + "/b")->answer->status == 404);
  CHECK(Call("GET", kPath + "/b?wait=1s")->answer->status == 404);
  for (const char* wrong : {"61s", "-1s", "s", "1m", "1.5"})
    CHECK(Call("GET", kPath + "/a?wait=" + wrong)->answer->status == 400);
  CHECK(Call("GET", kPath + "/a?wait=0s")->answer->status == 200);
  for (const char* wrong : {"?limit=0", "?limit=1001", "?state=gone"})
    CHECK(Call("GET", kPath + wrong)->answer->status == 400);
  CHECK(Call("DELETE", kPath + "/b")->answer->status == 404);
  CHECK(Call("POST", kPath + "/b/retry")->answer->status == 404);
  CHECK(Call("POST", kPath + "/a/retry")->answer->status == 409);
}

TEST_CASE_METHOD(InvocationsFixture, "listed by function and state, and cancelled", "[control][async]") {
  Put(Make("a", AsyncState::kQueued));
  Advance(milliseconds(1));
  AsyncInvocation other = Make("b", AsyncState::kFailed);
  other.function = "other";
  Put(other);
  CHECK(Body(Call("GET", kPath + "?limit=1000"))["invocations"].size() == 2);
  CHECK(Body(Call("GET", kPath + "?limit=1"))["invocations"][0]["request_id"] == "b");
  CHECK(Body(Call("GET", kPath + "?function=resize"))["invocations"][0]["request_id"] == "a");
  CHECK(Body(Call("GET", kPath + "?state=failed"))["invocations"].size() == 1);
  CHECK(Body(Call("DELETE", kPath + "/a"))["state"] == "cancelled");
  CHECK(Call("DELETE", kPath + "/a")->answer->status == 409);
}

TEST_CASE_METHOD(InvocationsFixture,
                 "an idempotency key at its limit, one past it, and where it means nothing",
                 "[control][async]") {
  Deploy("resize");
  const auto with = [&](const std::string& key, const char* type) {
    return Invoke("resize", "{}", {{"x-amz-invocation-type", type}, {"x-hearth-idempotency-key", key}})
        ->answer->status;
  };
  CHECK(with(std::string(128, 'k'), "Event") == 202);
  CHECK(sink.submitted.back().idempotency_key == std::string(128, 'k'));
  CHECK(with(std::string(129, 'k'), "Event") == 400);
  CHECK(with("k", "RequestResponse") == 400);
}

}  // namespace
}  // namespace hearth
