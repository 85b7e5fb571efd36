#include "runtime/telemetry/metrics.h"

#include <catch2/catch.hpp>

namespace hearth {
namespace {

class MetricsFixture {
 public:
  static InvocationRecord Success(std::string function) {
    InvocationRecord record;
    record.request_id = "r";
    record.function = std::move(function);
    record.version = "1";
    record.trigger = TriggerKind::kHttp;
    record.duration_ns = 80'000;
    record.billed_ms = 1;
    record.memory_mib = 128;
    return record;
  }
  void Settle(const InvocationRecord& record) { metrics->OnInvocationSettled(record); }
  void Worker(const std::string& function, WorkerState from, WorkerState to) {
    FunctionVersion version;
    version.function = function;
    metrics->OnWorkerState(version, WorkerId(1), from, to);
  }
  // The value of the series as it is written, "" when there is none.
  std::string Value(const std::string& series) const {
    const std::string text = "\n" + metrics->Scrape();
    const size_t at = text.find("\n" + series + " ");
    if (at == std::string::npos) return "";
    const size_t value = at + series.size() + 2;
    return text.substr(value, text.find('\n', value) - value);
  }

  std::unique_ptr<Metrics> metrics = std::make_unique<Metrics>();
};

}  // namespace

TEST_CASE_METHOD(MetricsFixture, "success counts by function, trigger and outcome", "[telemetry]") {
  Settle(Success("resize"));
  Settle(Success("resize"));
  CHECK(Value(R"(hearth_invocations_total{function="resize",trigger="http",outcome="success"})") == "2");
  CHECK(Value(R"(hearth_invocations_total{function="resize",trigger="http",outcome="timeout"})") == "");
  CHECK(Value(R"(hearth_cold_starts_total{function="resize"})") == "0");
}

TEST_CASE_METHOD(MetricsFixture, "durations fall in buckets of seconds, from 50 microseconds",
                 "[telemetry]") {
  InvocationRecord record = Success("resize");
  for (const uint64_t ns : {50'000, 50'001, 80'000}) {
    record.duration_ns = ns;
    Settle(record);
  }
  record.duration_ns = 1'000'000'000'000;
  Settle(record);
  CHECK(Value(R"(hearth_invoke_duration_seconds_bucket{function="resize",le="5.0000000000000002e-05"})") +
            Value(R"(hearth_invoke_duration_seconds_bucket{function="resize",le="5e-05"})") ==
        "1");
  CHECK(Value(R"(hearth_invoke_duration_seconds_bucket{function="resize",le="900"})") == "3");
  CHECK(Value(R"(hearth_invoke_duration_seconds_bucket{function="resize",le="+Inf"})") == "4");
  CHECK(Value(R"(hearth_invoke_duration_seconds_count{function="resize"})") == "4");
  CHECK(Value(R"(hearth_init_duration_seconds_count{function="resize"})") == "0");
}

TEST_CASE_METHOD(MetricsFixture, "billed figures are exact sums of what is billable", "[telemetry]") {
  InvocationRecord record = Success("resize");
  record.billed_ms = 100;
  record.memory_mib = 1024;
  for (int i = 0; i < 10; ++i) Settle(record);
  record.outcome = OutcomeKind::kPlatformFault;
  record.billable = false;
  Settle(record);
  CHECK(Value(R"(hearth_billed_duration_seconds_total{function="resize"})") == "1");
  CHECK(Value(R"(hearth_billed_gb_seconds_total{function="resize"})") == "1");
  CHECK(Value(R"(hearth_billed_requests_total{function="resize"})") == "10");
  CHECK(Value(R"(hearth_invocations_total{function="resize",trigger="http",outcome="platform_fault"})") ==
        "1");
}

TEST_CASE_METHOD(MetricsFixture, "cold start, timeout and crashes have counters of their own",
                 "[telemetry]") {
  InvocationRecord record = Success("resize");
  record.cold = true;
  record.init_ns = 1'000'000;
  Settle(record);
  record.outcome = OutcomeKind::kTimeout;
  Settle(record);
  record.outcome = OutcomeKind::kCrash;
  Settle(record);
  record.outcome = OutcomeKind::kOutOfMemory;
  Settle(record);
  CHECK(Value(R"(hearth_cold_starts_total{function="resize"})") == "4");
  CHECK(Value(R"(hearth_init_duration_seconds_count{function="resize"})") == "4");
  CHECK(Value(R"(hearth_timeouts_total{function="resize"})") == "1");
  CHECK(Value(R"(hearth_crashes_total{function="resize",cause="crash"})") == "1");
  CHECK(Value(R"(hearth_crashes_total{function="resize",cause="out_of_memory"})") == "1");
}

TEST_CASE_METHOD(MetricsFixture, "throttles by reason, reasons past the limit are other", "[telemetry]") {
  for (int i = 0; i < 20; ++i) metrics->OnThrottled("resize", "reason" + std::to_string(i));
  metrics->OnThrottled("resize", "reason3");
  CHECK(Value(R"(hearth_throttles_total{function="resize",reason="reason3"})") == "2");
  CHECK(Value(R"(hearth_throttles_total{function="resize",reason="reason15"})") == "1");
  CHECK(Value(R"(hearth_throttles_total{function="resize",reason="reason16"})") == "");
  CHECK(Value(R"(hearth_throttles_total{function="resize",reason="other"})") == "4");
}

TEST_CASE_METHOD(MetricsFixture, "workers are counted in the state they are in", "[telemetry]") {
  Worker("resize", WorkerState::kGone, WorkerState::kForking);
  Worker("resize", WorkerState::kForking, WorkerState::kForking);  // a second one, announced the other way
  Worker("resize", WorkerState::kForking, WorkerState::kInitialising);
  Worker("resize", WorkerState::kInitialising, WorkerState::kIdle);
  CHECK(Value(R"(hearth_workers{function="resize",state="forking"})") == "1");
  CHECK(Value(R"(hearth_workers{function="resize",state="idle"})") == "1");
  Worker("resize", WorkerState::kIdle, WorkerState::kBusy);
  Worker("resize", WorkerState::kBusy, WorkerState::kDying);
  Worker("resize", WorkerState::kDying, WorkerState::kGone);
  CHECK(Value(R"(hearth_workers{function="resize",state="idle"})") == "0");
  CHECK(Value(R"(hearth_workers{function="resize",state="dying"})") == "0");
  CHECK(Value(R"(hearth_workers{function="resize",state="gone"})") == "");
}

TEST_CASE_METHOD(MetricsFixture, "functions past the limit count as overflow", "[telemetry]") {
  metrics = std::make_unique<Metrics>(Metrics::Options{.functions_max = 2});
  for (const char* name : {"a", "b", "c", "d"}) Settle(Success(name));
  CHECK(Value(R"(hearth_billed_requests_total{function="b"})") == "1");
  CHECK(Value(R"(hearth_billed_requests_total{function="c"})") == "");
  CHECK(Value(R"(hearth_billed_requests_total{function="overflow"})") == "2");
  metrics->ForgetFunction("a");
  Settle(Success("e"));
  CHECK(Value(R"(hearth_billed_requests_total{function="e"})") == "1");
}

TEST_CASE_METHOD(MetricsFixture, "forgotten function has no series, nor has a worker of it that goes later",
                 "[telemetry]") {
  Settle(Success("resize"));
  Worker("resize", WorkerState::kGone, WorkerState::kForking);
  metrics->ForgetFunction("resize");
  Worker("resize", WorkerState::kForking, WorkerState::kDying);
  Worker("resize", WorkerState::kDying, WorkerState::kGone);
  CHECK(metrics->Scrape().find("resize") == std::string::npos);
}

TEST_CASE_METHOD(MetricsFixture, "hostile reason cannot add a series of its own making", "[telemetry]") {
  metrics->OnThrottled("resize", "x\"} 1\nhearth_forged 1");
  const std::string text = metrics->Scrape();
  CHECK(text.find("\nhearth_forged") == std::string::npos);
}

TEST_CASE_METHOD(MetricsFixture, "every family of the set is there with help and type", "[telemetry]") {
  Settle(Success("resize"));
  metrics->OnThrottled("resize", "x");
  const std::string text = metrics->Scrape();
  for (const char* family :
       {"hearth_invocations_total counter", "hearth_invoke_duration_seconds histogram",
        "hearth_init_duration_seconds histogram", "hearth_queue_wait_seconds histogram",
        "hearth_cold_starts_total counter", "hearth_throttles_total counter", "hearth_timeouts_total counter",
        "hearth_crashes_total counter", "hearth_workers gauge", "hearth_worker_start_seconds histogram",
        "hearth_billed_duration_seconds_total counter", "hearth_billed_gb_seconds_total counter",
        "hearth_billed_requests_total counter"}) {
    INFO(family);
    CHECK(text.find("# TYPE " + std::string(family) + "\n") != std::string::npos);
  }
}

}  // namespace hearth
