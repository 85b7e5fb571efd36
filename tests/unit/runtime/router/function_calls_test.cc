#include "runtime/router/function_calls.h"

#include <catch2/catch.hpp>

#include "tests/unit/runtime/router/router_fixture.h"

namespace hearth {
namespace {

// Calls as a worker makes them, over the whole router.
class CallFixture : public RouterFixture {
 protected:
  CallFixture() {
    caller_.request_id = RequestId("caller");
    caller_.trace_id = "Root=1-5759e988-bd862e3fe1be46a994272793";
    caller_.traceparent = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";
    caller_.tracestate = "a=1";
  }
  void DeploySlow(const std::string& function) {
    FunctionSettings settings;
    settings.timeout = seconds(900);
    Deploy(function, settings);
  }
  uint64_t Call(std::string function, HostCall call = {}) {
    call.function = std::move(function);
    if (call.payload.empty()) call.payload = "{}";
    call.caller = &caller_;
    call.deadline = executor_.clock().Now() + seconds(10);
    inside_ = true;
    const uint64_t number = calls_.Call(std::move(call), [this](HostReply reply) {
      CHECK_FALSE(inside_);
      replies_.push_back(std::move(reply));
    });
    inside_ = false;
    executor_.RunPosted();
    return number;
  }
  HostReply Reply() {
    REQUIRE(replies_.size() == 1);
    HostReply reply = std::move(replies_[0]);
    replies_.clear();
    CHECK(calls_.waiting() == 0);
    return reply;
  }
  HostReply Refused(const std::string& type) {
    HostReply reply = Reply();
    CHECK(reply.status == HostReply::Status::kRefused);
    CHECK(reply.error_type == type);
    CHECK(reply.request_id.empty());
    CHECK(ledger_.size() == 0);
    return reply;
  }

  Event caller_;
  FunctionCalls calls_{*router_, random_, executor_};
  std::vector<HostReply> replies_;
  bool inside_ = false;
};

TEST_CASE_METHOD(CallFixture, "a call is an invocation of its own, with a record", "[calls]") {
  Deploy("resize");
  Call("resize", {.payload = "{\"a\":1}"});
  StartWorkers();
  CHECK(observer_.started == 1);
  Complete(0, "done");
  const HostReply reply = Reply();
  CHECK(reply.status == HostReply::Status::kOk);
  CHECK(reply.payload == "done");
  CHECK(reply.executed_version == "$LATEST");
  REQUIRE(observer_.settled.size() == 1);
  CHECK(observer_.settled[0].request_id == reply.request_id);
  CHECK(observer_.settled[0].function == "resize");
  CHECK(observer_.settled[0].trigger == TriggerKind::kDirect);
  CHECK(observer_.settled[0].bytes_in == 7);
}

TEST_CASE_METHOD(CallFixture, "the callee's failure comes with its type and Lambda's document", "[calls]") {
  Deploy("resize");
  Call("resize");
  StartWorkers();
  launcher_.FailOnWorker(launcher_.running().at(0), OutcomeKind::kFunctionError, "OutOfStock");
  executor_.RunPosted();
  const HostReply reply = Reply();
  CHECK(reply.status == HostReply::Status::kFunctionError);
  CHECK(reply.error_type == "OutOfStock");
  CHECK(reply.payload.find("\"errorType\":\"OutOfStock\"") != std::string::npos);
  CHECK(reply.payload.find(reply.request_id) != std::string::npos);
}

TEST_CASE_METHOD(CallFixture, "who is called by name, ARN or qualifier", "[calls]") {
  Deploy("resize");
  const std::string reference = GENERATE(as<std::string>(), "resize", "resize:$LATEST",
                                         "arn:aws:lambda:us-east-1:000000000000:function:resize",
                                         "arn:aws:lambda:us-east-1:000000000000:function:resize:$LATEST");
  Call(reference);
  StartWorkers();
  Complete(0);
  CHECK(Reply().status == HostReply::Status::kOk);
}

TEST_CASE_METHOD(CallFixture, "calls that name nobody run nothing", "[calls]") {
  Deploy("resize");
  SECTION("no such function") {
    Call("nobody");
    Refused("ResourceNotFoundException");
  }
  SECTION("no such version") {
    Call("resize", {.qualifier = "7"});
    Refused("ResourceNotFoundException");
  }
  SECTION("two qualifiers") {
    Call("resize:1", {.qualifier = "2"});
    Refused("InvalidParameterValueException");
  }
  SECTION("no name at all") {
    Call("../etc/passwd");
    Refused("InvalidParameterValueException");
  }
}

TEST_CASE_METHOD(CallFixture, "payloads of calls at their limits and one past them", "[calls]") {
  Deploy("resize");
  SECTION("waited for") {
    Call("resize", {.payload = std::string(router_->limits().payload_max.count, 'x')});
    StartWorkers();
    Complete(0);
    CHECK(Reply().status == HostReply::Status::kOk);
  }
  SECTION("waited for, and too large") {
    Call("resize", {.payload = std::string(router_->limits().payload_max.count + 1, 'x')});
    Refused("RequestTooLargeException");
  }
  SECTION("stored") {
    Call("resize", {.type = HostCall::Type::kEvent, .payload = std::string(kEventPayloadMax.count, 'x')});
    CHECK(Reply().status == HostReply::Status::kOk);
  }
  SECTION("stored, and too large") {
    Call("resize", {.type = HostCall::Type::kEvent, .payload = std::string(kEventPayloadMax.count + 1, 'x')});
    CHECK(Refused("RequestTooLargeException").error_message.find("1048577") != std::string::npos);
  }
}

TEST_CASE_METHOD(CallFixture, "calls within calls at the limit and one past it", "[calls]") {
  Deploy("resize");
  const auto type = GENERATE(HostCall::Type::kSync, HostCall::Type::kEvent);
  caller_.hops = kHopsMax - 2;
  Call("resize", {.type = type});
  StartWorkers();
  REQUIRE(launcher_.running().size() == 1);
  Complete(0);
  CHECK(Reply().status == HostReply::Status::kOk);
  caller_.hops = kHopsMax - 1;
  Call("resize", {.type = type});
  const HostReply refused = Reply();
  CHECK(refused.error_type == "RecursiveInvocationException");
  CHECK(refused.error_message.starts_with("Hearth.HopLimit: 16 functions"));
  CHECK(launcher_.running().empty());
}

TEST_CASE_METHOD(CallFixture, "an event is stored, and its caller knows its id", "[calls]") {
  Deploy("resize");
  Call("resize", {.type = HostCall::Type::kEvent});
  const HostReply reply = Reply();
  CHECK(reply.status == HostReply::Status::kOk);
  REQUIRE(book_->Find(RequestId(reply.request_id)) != nullptr);
  StartWorkers();
  CHECK(launcher_.RequestOn(launcher_.running().at(0)) == reply.request_id);
}

TEST_CASE_METHOD(CallFixture, "a call finds no worker while its caller still has time to hear of it",
                 "[calls]") {
  DeploySlow("resize");
  Call("resize");
  executor_.Advance(milliseconds(8'999));
  CHECK(replies_.empty());
  executor_.Advance(milliseconds(1));
  CHECK(Refused("TooManyRequestsException").error_message.find("within 9000 ms") != std::string::npos);
  StartWorkers();
  CHECK(launcher_.running().empty());
}

TEST_CASE_METHOD(CallFixture, "a call's own timeout: who waits is told, what runs runs on", "[calls]") {
  DeploySlow("resize");
  SECTION("it runs") {
    Call("resize", {.wait_max = seconds(2)});
    StartWorkers();
    executor_.Advance(seconds(2));
    const HostReply reply = Reply();
    CHECK(reply.status == HostReply::Status::kTimedOut);
    CHECK(reply.error_type == "CallTimedOut");
    CHECK_FALSE(reply.request_id.empty());
    Complete(0);
    CHECK(ledger_.size() == 1);
    CHECK(replies_.empty());
  }
  SECTION("it had not begun") {
    Call("resize", {.wait_max = seconds(2)});
    executor_.Advance(seconds(2));
    CHECK(Reply().status == HostReply::Status::kTimedOut);
    StartWorkers();
    CHECK(launcher_.running().empty());
    CHECK(ledger_.size() == 0);
  }
}

TEST_CASE_METHOD(CallFixture, "a dropped call: nothing begins for it, what runs is recorded", "[calls]") {
  Deploy("resize");
  SECTION("it waits for a worker") {
    calls_.Drop(Call("resize"));
    executor_.RunPosted();
    StartWorkers();
    CHECK(launcher_.running().empty());
    CHECK(router_->in_flight() == 0);
    CHECK(ledger_.size() == 0);
  }
  SECTION("it runs") {
    const uint64_t call = Call("resize");
    StartWorkers();
    calls_.Drop(call);
    REQUIRE(launcher_.running().size() == 1);
    Complete(0);
    CHECK(ledger_.size() == 1);
  }
  SECTION("it was refused before") {
    ReserveConcurrency("resize", 0U);
    calls_.Drop(Call("resize"));
    replies_.clear();
  }
  executor_.RunPosted();
  CHECK(replies_.empty());
  CHECK(calls_.waiting() == 0);
}

TEST_CASE_METHOD(CallFixture, "trace and hops climb through a call and through what it stores", "[calls]") {
  Deploy("resize");
  caller_.hops = 3;
  std::vector<Event> seen;
  struct Seeing final : InvocationObserver {
    explicit Seeing(std::vector<Event>& s) : seen(s) {}
    void OnInvocationStarted(const FunctionVersion&, const Event& event) override {
      Event copy;
      copy.trace_id = event.trace_id;
      copy.traceparent = event.traceparent;
      copy.tracestate = event.tracestate;
      copy.hops = event.hops;
      seen.push_back(std::move(copy));
    }
    void OnInvocationSettled(const InvocationRecord&) override {}
    void OnThrottled(std::string_view, std::string_view) override {}
    std::vector<Event>& seen;
  } observer(seen);
  router_.emplace(Router::Limits{}, *registry_, *pools_, *meter_, observer, executor_);
  router_->SetAsyncEvents(&*async_);
  Call("resize", {.type = GENERATE(HostCall::Type::kSync, HostCall::Type::kEvent)});
  StartWorkers();
  REQUIRE(seen.size() == 1);
  CHECK(seen[0].trace_id == caller_.trace_id);
  CHECK(seen[0].traceparent == caller_.traceparent);
  CHECK(seen[0].tracestate == caller_.tracestate);
  CHECK(seen[0].hops == 4);
  Complete(0);
  replies_.clear();
}

// Goal: SIGTERM lets what is in flight finish, calls included.
TEST_CASE_METHOD(CallFixture, "calls while hearthd drains", "[calls]") {
  Deploy("front");
  Deploy("resize");
  Fire("front");
  StartWorkers();
  bool drained = false;
  router_->Drain([&] { drained = true; });
  Call("resize");
  StartWorkers();
  REQUIRE(launcher_.running().size() == 2);
  Complete(0);
  CHECK_FALSE(drained);  // its caller has gone, and it runs
  Complete(0);
  CHECK(drained);
  CHECK(Reply().status == HostReply::Status::kOk);
  Call("resize");
  CHECK(Reply().error_type == "ServiceUnavailableException");
}

}  // namespace
}  // namespace hearth
