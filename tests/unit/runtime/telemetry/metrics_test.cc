#include "runtime/telemetry/metrics.h"

#include <malloc.h>

#include <map>
#include <optional>

#include <catch2/catch.hpp>
#ifdef __SANITIZE_ADDRESS__
extern "C" size_t __sanitizer_get_current_allocated_bytes();  // gcc has no header for it
#endif

#include "runtime/telemetry/function_series.h"
#include "tests/unit/runtime/store/ledger_fixture.h"

namespace hearth {
namespace {

size_t BytesAllocated() {
#ifdef __SANITIZE_ADDRESS__
  return __sanitizer_get_current_allocated_bytes();
#else
  return mallinfo2().uordblks;
#endif
}

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
  std::string Scrape() const {
    std::optional<std::string> text;
    metrics->Scrape([&](Result<std::string> scraped) { text = std::move(scraped).value(); });
    executor.WaitFor([&] { return text.has_value(); });
    return *text;
  }
  // The value of the series as it is written, "" when there is none.
  std::string Value(const std::string& series) const {
    const std::string text = "\n" + Scrape();
    const size_t at = text.find("\n" + series + " ");
    if (at == std::string::npos) return "";
    const size_t value = at + series.size() + 2;
    return text.substr(value, text.find('\n', value) - value);
  }

  mutable PostingExecutor executor;
  std::unique_ptr<Metrics> metrics = std::make_unique<Metrics>(executor);
};

}  // namespace

TEST_CASE_METHOD(MetricsFixture, "success counts by function, trigger and outcome", "[telemetry]") {
  Settle(Success("resize"));
  Settle(Success("resize"));
  CHECK(
      Value(R"(hearth_invocations_total{function="resize",version="1",trigger="http",outcome="success"})") ==
      "2");
  CHECK(
      Value(R"(hearth_invocations_total{function="resize",version="1",trigger="http",outcome="timeout"})") ==
      "");
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
  CHECK(Value(R"(hearth_invoke_duration_seconds_bucket{function="resize",le="5e-05"})") == "1");
  CHECK(Value(R"(hearth_invoke_duration_seconds_bucket{function="resize",le="900"})") == "3");
  CHECK(Value(R"(hearth_invoke_duration_seconds_bucket{function="resize",le="+Inf"})") == "4");
  CHECK(Value(R"(hearth_invoke_duration_seconds_count{function="resize"})") == "4");
  CHECK(Value(R"(hearth_invoke_duration_seconds_sum{function="resize"})") == "1000.000180001");
  CHECK(Value(R"(hearth_init_duration_seconds_count{function="resize"})") == "");
}

TEST_CASE_METHOD(MetricsFixture, "billed figures are exact sums of what is billable", "[telemetry]") {
  InvocationRecord record = Success("resize");
  record.billed_ms = 100;
  record.memory_mib = 1024;
  for (int i = 0; i < 10; ++i) Settle(record);
  record.outcome = OutcomeKind::kPlatformFault;
  record.billable = false;
  Settle(record);
  CHECK(Value(R"(hearth_errors_total{function="resize"})") == "0");  // ours, not the function's
  CHECK(Value(R"(hearth_billed_duration_seconds_total{function="resize",plan="on-demand"})") == "1");
  CHECK(Value(R"(hearth_billed_gb_seconds_total{function="resize",plan="on-demand"})") == "1");
  CHECK(Value(R"(hearth_billed_requests_total{function="resize",plan="on-demand"})") == "10");
  CHECK(
      Value(
          R"(hearth_invocations_total{function="resize",version="1",trigger="http",outcome="platform_fault"})") ==
      "1");
}

TEST_CASE_METHOD(MetricsFixture,
                 "init of a snapshot is billed time and no invocation; a restore is told apart",
                 "[telemetry]") {
  InvocationRecord record = Success("resize");
  record.init_ns = 1'000'000;
  record.init = InitKind::kSnapshot;
  Settle(record);
  CHECK(Value(R"(hearth_billed_requests_total{function="resize",plan="on-demand"})") == "0");
  CHECK(Value(R"(hearth_billed_duration_seconds_total{function="resize",plan="on-demand"})") == "0.001");
  CHECK(Value(R"(hearth_init_duration_seconds_count{function="resize"})") == "1");
  CHECK(Scrape().find("hearth_invocations_total{") == std::string::npos);
  record.init = InitKind::kRestore;
  Settle(record);
  CHECK(Value(R"(hearth_restore_duration_seconds_count{function="resize"})") == "1");
  CHECK(Value(R"(hearth_init_duration_seconds_count{function="resize"})") == "1");
  CHECK(Value(R"(hearth_billed_requests_total{function="resize",plan="on-demand"})") == "1");
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
  CHECK(Value(R"(hearth_errors_total{function="resize"})") == "3");
  FunctionVersion version;
  version.function = "resize";
  for (const CrashCause cause : {CrashCause::kSignal, CrashCause::kSignal, CrashCause::kOutOfMemory})
    metrics->OnWorkerCrashed(version, cause);
  CHECK(Value(R"(hearth_crashes_total{function="resize",cause="signal"})") == "2");
  CHECK(Value(R"(hearth_crashes_total{function="resize",cause="out_of_memory"})") == "1");
  CHECK(Value(R"(hearth_crashes_total{function="resize",cause="exit"})") == "");
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
  metrics = std::make_unique<Metrics>(executor, Metrics::Options{.functions_max = 2});
  for (const char* name : {"a", "b", "c", "d"}) Settle(Success(name));
  CHECK(Value(R"(hearth_billed_requests_total{function="b",plan="on-demand"})") == "1");
  CHECK(Value(R"(hearth_billed_requests_total{function="c",plan="on-demand"})") == "");
  CHECK(Value(R"(hearth_billed_requests_total{function="overflow",plan="on-demand"})") == "2");
  metrics->ForgetFunction("a");
  Settle(Success("e"));
  CHECK(Value(R"(hearth_billed_requests_total{function="e",plan="on-demand"})") == "1");
}

TEST_CASE_METHOD(MetricsFixture, "forgotten function has no series, nor has a worker of it that goes later",
                 "[telemetry]") {
  Settle(Success("resize"));
  Worker("resize", WorkerState::kGone, WorkerState::kForking);
  metrics->ForgetFunction("resize");
  Worker("resize", WorkerState::kForking, WorkerState::kDying);
  Worker("resize", WorkerState::kDying, WorkerState::kGone);
  CHECK(Scrape().find("resize") == std::string::npos);
}

TEST_CASE_METHOD(MetricsFixture, "memory of forgotten functions is given back", "[telemetry]") {
  const auto deploy_and_forget = [this] {
    for (int i = 0; i < 1'000; ++i) Settle(Success("function-" + std::to_string(i)));
    const size_t most = BytesAllocated();
    for (int i = 0; i < 1'000; ++i) metrics->ForgetFunction("function-" + std::to_string(i));
    return most;
  };
  deploy_and_forget();  // the table itself keeps its size
  const size_t before = BytesAllocated();
  const size_t most = deploy_and_forget();
  CHECK(most > before + (1 << 20));
  CHECK(BytesAllocated() <= before + 1'000);
}

TEST_CASE_METHOD(MetricsFixture, "settled invocation allocates nothing once its function is known",
                 "[telemetry]") {
  const InvocationRecord record = Success("resize");
  Settle(record);
  const size_t before = BytesAllocated();
  for (int i = 0; i < 10'000; ++i) Settle(record);
  CHECK(BytesAllocated() == before);
}

TEST_CASE_METHOD(MetricsFixture, "hostile reason cannot add a series of its own making", "[telemetry]") {
  metrics->OnThrottled("resize", "x\"} 1\nhearth_forged 1");
  const std::string text = Scrape();
  CHECK(text.find("\nhearth_forged") == std::string::npos);
}

TEST_CASE_METHOD(MetricsFixture, "versions at their limit and one past, and a deleted version goes",
                 "[telemetry]") {
  InvocationRecord record = Success("resize");
  const auto series = [](const std::string& version) {
    return R"(hearth_invocations_total{function="resize",version=")" + version +
           R"(",trigger="http",outcome="success"})";
  };
  for (size_t i = 1; i <= kVersionsMax + 2; ++i) {
    record.version = std::to_string(i);
    Settle(record);
  }
  CHECK(Value(series(std::to_string(kVersionsMax))) == "1");
  CHECK(Value(series(std::to_string(kVersionsMax + 1))) == "");
  CHECK(Value(series("overflow")) == "2");
  metrics->ForgetVersion("resize", "1");
  CHECK(Value(series("1")) == "");
  record.version = std::to_string(kVersionsMax + 3);
  Settle(record);
  CHECK(Value(series(record.version)) == "1");
}

TEST_CASE_METHOD(MetricsFixture, "what is billed is told apart by plan", "[telemetry]") {
  InvocationRecord record = Success("resize");
  Settle(record);
  record.plan = Plan::kReserved;
  record.billed_ms = 2'000;
  Settle(record);
  CHECK(Value(R"(hearth_billed_requests_total{function="resize",plan="on-demand"})") == "1");
  CHECK(Value(R"(hearth_billed_requests_total{function="resize",plan="reserved"})") == "1");
  CHECK(Value(R"(hearth_billed_duration_seconds_total{function="resize",plan="reserved"})") == "2");
  CHECK(Value(R"(hearth_billed_duration_seconds_total{function="resize",plan="spot"})") == "");
}

TEST_CASE_METHOD(MetricsFixture, "memory and processor time are shown where they are known", "[telemetry]") {
  InvocationRecord record = Success("resize");
  record.cpu_us = 2'500;
  record.memory_peak_kib = 5'000;
  Settle(record);
  CHECK(Value(R"(hearth_cpu_usage_seconds_count{function="resize"})") == "");
  record.usage_source = UsageSource::kCgroup;
  Settle(record);
  CHECK(Value(R"(hearth_cpu_usage_seconds_sum{function="resize"})") == "0.0025");
  CHECK(Value(R"(hearth_memory_usage_bytes_sum{function="resize"})") == "5120000");
  CHECK(Value(R"(hearth_memory_usage_bytes_bucket{function="resize",le="16777216"})") == "1");
}

TEST_CASE_METHOD(MetricsFixture, "overhead is never below nothing", "[telemetry]") {
  metrics->OnOverhead("resize", nanoseconds(-5));
  metrics->OnOverhead("resize", nanoseconds(40'000));
  CHECK(Value(R"(hearth_platform_overhead_seconds_sum{function="resize"})") == "4e-05");
  CHECK(Value(R"(hearth_platform_overhead_seconds_count{function="resize"})") == "2");
}

TEST_CASE_METHOD(MetricsFixture, "scrape tells what the one before it took", "[telemetry]") {
  Settle(Success("resize"));
  CHECK(Value("hearth_scrape_samples") == "0");
  CHECK(std::stoi(Value("hearth_scrape_samples")) > 40);
}

TEST_CASE_METHOD(MetricsFixture, "series past the limit count as overflow and no sum is lost",
                 "[telemetry]") {
  metrics = std::make_unique<Metrics>(executor, Metrics::Options{.series_max = 130});
  for (int i = 0; i < 3; ++i) {
    for (const char* name : {"a", "b", "c"}) Settle(Success(name));
  }
  const std::string text = Scrape();
  size_t own = 0, all = 0;
  for (size_t at = 0; at < text.size(); at = text.find('\n', at) + 1) {
    const std::string line = text.substr(at, text.find('\n', at) - at);
    if (line.starts_with('#')) continue;
    own += line.find(R"(function="overflow")") == std::string::npos;
    if (line.starts_with("hearth_invoke_duration_seconds_count"))
      all += std::stoul(line.substr(line.rfind(' ')));
  }
  CHECK(own <= 130);
  CHECK(own > 60);
  CHECK(all == 9);
}

TEST_CASE_METHOD(MetricsFixture, "function called overflow makes no second series of that name",
                 "[telemetry]") {
  metrics = std::make_unique<Metrics>(executor, Metrics::Options{.functions_max = 1});
  for (const char* name : {"a", "b", "overflow"}) Settle(Success(name));
  CHECK(Value(R"(hearth_billed_requests_total{function="overflow",plan="on-demand"})") == "2");
  std::map<std::string, int> seen;
  const std::string text = Scrape();
  for (size_t at = 0; at < text.size(); at = text.find('\n', at) + 1)
    CHECK(++seen[text.substr(at, text.find(' ', text.find('}', at)) - at)] == 1);
}

TEST_CASE_METHOD(MetricsFixture, "invocation that ends after its function was deleted makes no series of it",
                 "[telemetry]") {
  bool deployed = true;
  metrics = std::make_unique<Metrics>(
      executor,
      Metrics::Options{.is_deployed = [&](std::string_view, std::string_view) { return deployed; }});
  Settle(Success("resize"));
  deployed = false;
  metrics->ForgetFunction("resize");
  Settle(Success("resize"));
  metrics->OnThrottled("resize", "x");
  CHECK(Scrape().find("resize") == std::string::npos);
  CHECK(Value(R"(hearth_billed_requests_total{function="overflow",plan="on-demand"})") == "1");
}

TEST_CASE_METHOD(MetricsFixture, "worker of an overflowed function leaves overflow when it goes",
                 "[telemetry]") {
  metrics = std::make_unique<Metrics>(executor, Metrics::Options{.functions_max = 1});
  Settle(Success("a"));
  Worker("b", WorkerState::kForking, WorkerState::kForking);
  metrics->ForgetFunction("a");
  Settle(Success("b"));  // now has series of its own
  Worker("b", WorkerState::kForking, WorkerState::kIdle);
  CHECK(Value(R"(hearth_workers{function="overflow",state="idle"})") == "1");
  CHECK(Value(R"(hearth_workers{function="b",state="idle"})") == "0");
  Worker("b", WorkerState::kIdle, WorkerState::kGone);
  CHECK(Value(R"(hearth_workers{function="overflow",state="idle"})") == "0");
}

namespace {

class QueueSource final : public MetricSource {
 public:
  bool Refresh(std::function<void()> done) override {
    refreshed = std::move(done);
    return true;
  }
  void Collect(MetricWriter& out) const override { out.Write("hearth_errors_total", {"source"}, value); }
  std::function<void()> refreshed;
  double value = 1;
};

}  // namespace

TEST_CASE_METHOD(MetricsFixture, "source is asked before it is collected", "[telemetry]") {
  QueueSource source;
  metrics->AddSource(source);
  std::optional<std::string> text;
  metrics->Scrape([&](Result<std::string> scraped) { text = std::move(scraped).value(); });
  source.value = 2;
  source.refreshed();
  executor.WaitFor([&] { return text.has_value(); });
  CHECK(text->find("hearth_errors_total{function=\"source\"} 2\n") != std::string::npos);
}

TEST_CASE_METHOD(MetricsFixture, "source that does not answer holds a scrape up for a second, not for ever",
                 "[telemetry]") {
  QueueSource source;
  metrics->AddSource(source);
  std::optional<std::string> text;
  metrics->Scrape([&](Result<std::string> scraped) { text = std::move(scraped).value(); });
  executor.Advance(Metrics::kRefreshLimit);
  executor.WaitFor([&] { return text.has_value(); });
  CHECK(text->find("} 1\n") != std::string::npos);
  source.refreshed();  // late: for nobody
}

TEST_CASE_METHOD(MetricsFixture,
                 "scrapes during a scrape share the next one, and those over the limit are refused",
                 "[telemetry]") {
  QueueSource source;
  metrics->AddSource(source);
  std::vector<Result<std::string>> texts;
  const auto scrape = [&] {
    metrics->Scrape([&](Result<std::string> scraped) { texts.push_back(std::move(scraped)); });
  };
  scrape();
  for (size_t i = 0; i <= Metrics::kScrapesMax; ++i) scrape();
  executor.WaitFor([&] { return texts.size() == 1; });
  CHECK(texts[0].error().code == ErrorCode::kThrottled);
  source.refreshed();
  executor.WaitFor([&] { return texts.size() == 2; });
  source.value = 7;
  source.refreshed();
  executor.WaitFor([&] { return texts.size() == 2 + Metrics::kScrapesMax; });
  CHECK(texts.back()->find("} 7\n") != std::string::npos);
}

TEST_CASE_METHOD(MetricsFixture, "no callback runs after the metrics have gone", "[telemetry]") {
  bool called = false;
  metrics->Scrape([&](const Result<std::string>&) { called = true; });
  metrics.reset();  // joins the thread, which has posted its text
  bool posted = false;
  executor.Post([&] { posted = true; });
  executor.WaitFor([&] { return posted; });
  CHECK_FALSE(called);
}

}  // namespace hearth
