#include "runtime/control/platform_log.h"
#include "tests/unit/runtime/control/control_fixture.h"

namespace hearth {
namespace {

struct InvokeFixture : ControlFixture {
  InvokeFixture() { Deploy("resize"); }

  Outcome Ran(Outcome outcome) {
    outcome.executed_version = "$LATEST";
    outcome.usage.duration = std::chrono::microseconds(1'230);
    outcome.usage.init = milliseconds(90);
    outcome.usage.cold = true;
    outcome.usage.memory_peak = 30_MiB;
    outcome.memory_limit = 128_MiB;
    outcome.billed_ms = 92;
    outcome.started = executor.clock().WallNow();
    return outcome;
  }
  void Answers(Result<Outcome> outcome) {
    sink.fake.AnswerAtOnce([outcome](const Event&) { return outcome; });
  }
  const Event& Delivered() {
    REQUIRE_FALSE(sink.fake.delivered().empty());
    return sink.fake.delivered().back();
  }
};

}  // namespace

TEST_CASE_METHOD(InvokeFixture, "answer is passed byte for byte", "[control][lambda]") {
  const std::string payload = "{ \"b\" : 1.0,\n\"a\":[ ] }";
  Answers(Ran(Succeeded(payload)));
  const auto answer = Invoke("resize", "{\"x\" :1}");
  CHECK(answer->answer->status == 200);
  CHECK(answer->answer->body == payload);
  CHECK(answer->header("x-amz-executed-version") == "$LATEST");
  CHECK(answer->header("x-amz-function-error") == "");
  CHECK(answer->header("x-amz-log-result") == "");
  CHECK(Delivered().payload == "{\"x\" :1}");
  CHECK(Delivered().trigger == TriggerKind::kDirect);
  CHECK(Delivered().request_id.text() == answer->header("x-amzn-requestid"));
}

TEST_CASE_METHOD(InvokeFixture, "what the caller adds reaches the event", "[control][lambda]") {
  Answers(Ran(Succeeded()));
  const auto answer = Invoke(
      "resize:$LATEST", "",
      {{"x-amz-client-context", "e30="}, {"x-amzn-trace-id", "Root=1-5759e988-bd862e3fe1be46a994272793"}});
  CHECK(Delivered().payload == "{}");
  CHECK(Delivered().client_context == "e30=");
  CHECK(Delivered().trace_id == "Root=1-5759e988-bd862e3fe1be46a994272793");
  CHECK(Delivered().qualifier == "$LATEST");
  CHECK(answer->header("x-amzn-trace-id") == "Root=1-5759e988-bd862e3fe1be46a994272793");
  CHECK(Invoke("resize", "{}", {{"x-amz-client-context", std::string(3'584, 'a')}})->answer->status == 400);
}

TEST_CASE_METHOD(InvokeFixture, "handler error is 200 with the header", "[control][lambda]") {
  Answers(Ran(Failed()));
  const auto answer = Invoke("resize", "{}");
  CHECK(answer->answer->status == 200);
  CHECK(answer->header("x-amz-function-error") == "Unhandled");
  const json body = Body(answer);
  CHECK(body["errorType"] == "std::runtime_error");
  CHECK(body["errorMessage"] == "it did not work");
  CHECK(body["requestId"] == answer->header("x-amzn-requestid"));
  CHECK(body["stackTrace"] == json::array());
}

TEST_CASE_METHOD(InvokeFixture, "log tail is START, the handler's lines, END, REPORT", "[control][lambda]") {
  sink.fake.AnswerAtOnce([this](const Event& event) {
    logs.OnHandlerLog({.function = "resize",
                       .version = "$LATEST",
                       .request_id = event.request_id.text(),
                       .time = executor.clock().WallNow(),
                       .source = LogSource::kStdout,
                       .message = "hello from the handler",
                       .fields_json = {}});
    return Ran(Succeeded());
  });
  const auto answer = Invoke("resize", "{}", {{"x-amz-log-type", "Tail"}});
  const std::string id = answer->header("x-amzn-requestid");
  const auto log = Base64Decode(answer->header("x-amz-log-result"));
  REQUIRE(log.ok());
  CHECK(*log ==
        "START RequestId: " + id + " Version: $LATEST\nhello from the handler\nEND RequestId: " + id +
            "\nREPORT RequestId: " + id +
            "\tDuration: 1.23 ms\tBilled Duration: 92 ms\tMemory Size: 128 MB\tMax Memory Used: 30 MB\tInit "
            "Duration: 90.00 ms\t\n");
}

TEST_CASE_METHOD(InvokeFixture, "log tail with the platform's lines in the log", "[control][lambda]") {
  PlatformLog platform(
      logs, [] { return 1; }, executor.clock());
  sink.fake.AnswerAtOnce([&](const Event& event) {
    FunctionVersion version;
    version.function = "resize";
    version.version = "$LATEST";
    platform.OnInvocationStarted(version, event);
    InvocationRecord record = SomeRecord();
    record.request_id = event.request_id.text();
    record.started = executor.clock().WallNow();
    platform.OnInvocationSettled(record);
    return Ran(Succeeded());
  });
  const auto answer = Invoke("resize", "{}", {{"x-amz-log-type", "Tail"}});
  const std::string log = Base64Decode(answer->header("x-amz-log-result")).value();
  CHECK(log.starts_with("START RequestId: "));
  CHECK(log.find("REPORT") == log.rfind("REPORT"));
  CHECK(log.find("REPORT") != std::string::npos);
}

TEST_CASE_METHOD(InvokeFixture, "log tail is never over 4 KiB", "[control][lambda]") {
  Outcome outcome = Ran(Succeeded());
  outcome.log_tail = std::string(4'096, 'x');
  Answers(outcome);
  const auto answer = Invoke("resize", "{}", {{"x-amz-log-type", "Tail"}});
  const std::string log = Base64Decode(answer->header("x-amz-log-result")).value();
  CHECK(log.size() == 4'096);
  CHECK(log.ends_with("ms\t\n"));
}

TEST_CASE_METHOD(InvokeFixture, "Event is accepted, DryRun runs nothing", "[control][lambda]") {
  const auto event = Invoke("resize", "{\"a\":1}", {{"x-amz-invocation-type", "Event"}});
  CHECK(event->answer->status == 202);
  CHECK(event->answer->body.empty());
  CHECK(event->header("x-amz-executed-version") == "");
  REQUIRE(sink.submitted.size() == 1);
  CHECK(sink.submitted[0].payload == "{\"a\":1}");
  const auto dry = Invoke("resize", "not looked at", {{"x-amz-invocation-type", "DryRun"}});
  CHECK(dry->answer->status == 204);
  CHECK(sink.fake.delivered().empty());
  CHECK(Invoke("resize", "{}", {{"x-amz-invocation-type", "Sometimes"}})->answer->status == 400);
}

TEST_CASE_METHOD(InvokeFixture, "Event at its limit and one byte past it", "[control][lambda]") {
  const std::string at_limit = "\"" + std::string((1 << 20) - 2, 'a') + "\"";
  CHECK(Invoke("resize", at_limit, {{"x-amz-invocation-type", "Event"}})->answer->status == 202);
  const auto over = Invoke("resize", " " + at_limit, {{"x-amz-invocation-type", "Event"}});
  CHECK(over->answer->status == 413);
  CHECK(over->header("x-amzn-errortype") == "RequestTooLargeException");
}

TEST_CASE_METHOD(InvokeFixture, "payload that is not JSON", "[control][lambda]") {
  const auto answer = Invoke("resize", "{\"a\":");
  CHECK(answer->answer->status == 400);
  CHECK(answer->header("x-amzn-errortype") == "InvalidRequestContentException");
  CHECK(Body(answer)["message"].get<std::string>().starts_with(
      "Could not parse request body into json: Could not parse payload into json: "));
  CHECK(sink.fake.delivered().empty());
}

TEST_CASE_METHOD(InvokeFixture, "invoke of a function that is not there", "[control][lambda]") {
  const auto answer = Invoke("nobody", "{}");
  CHECK(answer->answer->status == 404);
  CHECK(Body(answer)["Message"] ==
        "Function not found: arn:aws:lambda:us-east-1:000000000000:function:nobody:$LATEST");
}

TEST_CASE_METHOD(InvokeFixture, "throttled says why and when to come back", "[control][lambda]") {
  Answers(Error{ErrorCode::kThrottled, "ReservedFunctionConcurrentInvocationLimitExceeded: 5 of 5 are busy"});
  const auto answer = Invoke("resize", "{}");
  CHECK(answer->answer->status == 429);
  CHECK(answer->header("x-amzn-errortype") == "TooManyRequestsException");
  CHECK(answer->header("retry-after") == "1");
  CHECK(Body(answer) == json{{"Type", "User"},
                             {"message", "Rate Exceeded."},
                             {"Reason", "ReservedFunctionConcurrentInvocationLimitExceeded"}});
}

TEST_CASE_METHOD(InvokeFixture, "what is not the handler's fault is no function error", "[control][lambda]") {
  const std::vector<std::pair<Result<Outcome>, int>> ends = {
      {Failed(OutcomeKind::kPlatformFault), 500},
      {Failed(OutcomeKind::kCancelled), 503},
      {Failed(OutcomeKind::kThrottled), 429},
      {Error{ErrorCode::kUnavailable, "draining"}, 503},
      {Error{ErrorCode::kTooLarge, "7 MiB of 6"}, 413}};
  for (const auto& [end, status] : ends) {
    Answers(end);
    const auto answer = Invoke("resize", "{}");
    CHECK(answer->answer->status == status);
    CHECK(answer->header("x-amz-function-error") == "");
    CHECK(answer->header("x-amzn-errortype") != "");
    const auto streamed =
        Call(Request("POST", "/2021-11-15/functions/resize/response-streaming-invocations", {}, "{}"));
    CHECK(streamed->answer->status == status);
    CHECK(streamed->header("x-amzn-errortype") != "");
  }
}

}  // namespace hearth
