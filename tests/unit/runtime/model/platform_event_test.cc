#include "runtime/model/platform_event.h"

#include <catch2/catch.hpp>

#include "runtime/model/log_settings.h"

namespace hearth {
namespace {

constexpr std::string_view kTrace =
    "Root=1-5e1b4151-5ac6c58f3a2f5a7e4d2b1c0d;Parent=0efbd19962d95b05;Sampled=1";

InvocationRecord Ended(OutcomeKind outcome) {
  InvocationRecord record;
  record.request_id = "r1";
  record.outcome = outcome;
  record.duration_ns = 693'915'000;
  record.billed_ms = 694;
  record.memory_mib = 128;
  record.memory_peak_kib = 83 * 1024 + 1;
  return record;
}

}  // namespace

TEST_CASE("events of an attempt have the members of Lambda's", "[model]") {
  CHECK(StartEvent("r1", "$LATEST", "").json ==
        R"({"type":"platform.start","record":{"requestId":"r1","version":"$LATEST"}})");
  CHECK(
      RuntimeDoneEvent(Ended(OutcomeKind::kSuccess), "").json ==
      R"({"type":"platform.runtimeDone","record":{"requestId":"r1","status":"success","metrics":{"durationMs":693.92}}})");
  InvocationRecord cold = Ended(OutcomeKind::kSuccess);
  CHECK(
      ReportEvent(cold, "").json ==
      R"({"type":"platform.report","record":{"requestId":"r1","metrics":{"durationMs":693.92,"billedDurationMs":694,)"
      R"("memorySizeMB":128,"maxMemoryUsedMB":84},"status":"success"}})");
  cold.init_ns = 397'675'000;
  CHECK(ReportEvent(cold, "").json.find(R"("maxMemoryUsedMB":84,"initDurationMs":397.68})") !=
        std::string::npos);
}

TEST_CASE("a sampled request's events say whose trace they are in", "[model]") {
  const std::string tracing =
      R"("tracing":{"type":"X-Amzn-Trace-Id","value":")" + std::string(kTrace) + "\"}}}";
  for (const PlatformEvent& event :
       {StartEvent("r1", "1", kTrace), RuntimeDoneEvent(Ended(OutcomeKind::kCrash), kTrace),
        ReportEvent(Ended(OutcomeKind::kSuccess), kTrace)})
    CHECK(event.json.ends_with(tracing));
}

TEST_CASE("status is Lambda's: error by the function, failure by the platform", "[model]") {
  const auto expect = [](OutcomeKind outcome, const std::string& members) {
    CHECK(ReportEvent(Ended(outcome), "").json.find("}," + members + "}}") != std::string::npos);
    CHECK(RuntimeDoneEvent(Ended(outcome), "").json.find("\"r1\"," + members + ",\"metrics\"") !=
          std::string::npos);
  };
  expect(OutcomeKind::kSuccess, R"("status":"success")");
  expect(OutcomeKind::kFunctionError, R"("status":"error")");
  expect(OutcomeKind::kTimeout, R"("status":"timeout")");
  expect(OutcomeKind::kInitTimeout, R"("status":"timeout")");
  expect(OutcomeKind::kPlatformFault, R"("status":"failure")");
  expect(OutcomeKind::kCrash, R"("status":"error","errorType":"Runtime.ExitError")");
  expect(OutcomeKind::kOutOfMemory, R"("status":"error","errorType":"Runtime.OutOfMemory")");
  expect(OutcomeKind::kInitError, R"("status":"error","errorType":"Runtime.InitError")");
  expect(OutcomeKind::kAborted, R"("status":"error","errorType":"Hearth.ClientGone")");
}

TEST_CASE("levels are those of Lambda's mapping", "[model]") {
  CHECK(StartEvent("r1", "1", "").level == kLogInfo);
  CHECK(RuntimeDoneEvent(Ended(OutcomeKind::kSuccess), "").level == kLogDebug);
  CHECK(ReportEvent(Ended(OutcomeKind::kSuccess), "").level == kLogInfo);
  for (const OutcomeKind outcome :
       {OutcomeKind::kFunctionError, OutcomeKind::kTimeout, OutcomeKind::kPlatformFault}) {
    CHECK(RuntimeDoneEvent(Ended(outcome), "").level == kLogWarn);
    CHECK(ReportEvent(Ended(outcome), "").level == kLogWarn);
  }
}

TEST_CASE("what is missing from a log, and what else there is to say", "[model]") {
  CHECK(
      LogsDroppedEvent("a \"slow\" reader", 3, 40) ==
      R"({"type":"platform.logsDropped","record":{"reason":"a \"slow\" reader","droppedRecords":3,"droppedBytes":40}})");
  CHECK(NoticeEvent("", "m") == R"({"type":"hearth.notice","record":{"message":"m"}})");
  CHECK(NoticeEvent("r1", "m") == R"({"type":"hearth.notice","record":{"requestId":"r1","message":"m"}})");
}

}  // namespace hearth
