// What metrics cost in-process; metrics.py drives it. One JSON object on stdout.
//
//   settle FUNCTIONS ROUNDS   one settled invocation and all that is told of it: its record, its overhead, two changes of its worker
//   scrape FUNCTIONS ROUNDS   a scrape of functions that have every histogram: what it holds the loop up, what its thread takes, its bytes
#include "runtime/telemetry/metrics.h"

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <functional>
#include <new>
#include <string>
#include <vector>

#include "runtime/base/check.h"
#include "runtime/base/clock.h"
#include "runtime/loop/loop.h"

namespace {
uint64_t allocations = 0;  // of this thread alone while one thread runs
}

void* operator new(size_t bytes) {
  ++allocations;
  if (void* memory = std::malloc(bytes)) return memory;
  std::abort();
}
void operator delete(void* memory) noexcept { std::free(memory); }
void operator delete(void* memory, size_t) noexcept { std::free(memory); }

namespace hearth {
namespace {

struct Bench {
  explicit Bench(size_t functions) : loop(std::move(Loop::Create(clock)).value()), metrics(*loop) {
    for (size_t i = 0; i < functions; ++i) {
      FunctionVersion version;
      version.function = "function-number-" + std::to_string(i);
      version.version = "1";
      versions.push_back(version);
      InvocationRecord record;
      record.request_id = "00000000-0000-0000-0000-000000000000";
      record.function = version.function;
      record.version = version.version;
      record.trigger = TriggerKind::kHttp;
      record.duration_ns = 80'000 + i;
      record.queued_ns = 9'000;
      record.billed_ms = 1;
      record.memory_mib = 128;
      record.cpu_us = 70;
      record.memory_peak_kib = 9'000;
      record.usage_source = UsageSource::kCgroup;
      records.push_back(record);
    }
  }

  void Settle(size_t i) {
    metrics.OnWorkerState(versions[i], WorkerId(i + 1), WorkerState::kIdle, WorkerState::kBusy);
    metrics.OnInvocationSettled(records[i]);
    metrics.OnWorkerState(versions[i], WorkerId(i + 1), WorkerState::kBusy, WorkerState::kIdle);
    metrics.OnOverhead(versions[i].function, nanoseconds(12'000));
  }

  // Every figure that a function in use has.
  void Fill() {
    for (size_t i = 0; i < versions.size(); ++i) {
      metrics.OnWorkerState(versions[i], WorkerId(i + 1), WorkerState::kForking, WorkerState::kForking);
      metrics.OnWorkerState(versions[i], WorkerId(i + 1), WorkerState::kForking, WorkerState::kIdle);
      metrics.OnWorkerStarted(versions[i], nanoseconds(400'000));
      InvocationRecord failed = records[i];
      failed.outcome = OutcomeKind::kFunctionError;
      failed.init_ns = 1'000'000;
      failed.billed_ms = 2;
      metrics.OnInvocationSettled(failed);
      metrics.OnThrottled(versions[i].function, "ConcurrentInvocationLimitExceeded");
      Settle(i);
    }
  }

  std::string Scrape() {
    std::string text;
    metrics.Scrape([&](Result<std::string> scraped) {
      text = std::move(scraped).value();
      loop->Stop();
    });
    loop->Run();
    return text;
  }

  const SystemClock clock;
  const std::unique_ptr<Loop> loop;
  Metrics metrics;
  std::vector<FunctionVersion> versions;
  std::vector<InvocationRecord> records;
};

double Value(const std::string& text, const std::string& series) {
  const size_t at = text.find("\n" + series + " ");
  CHECK_TRUE(at != std::string::npos);
  return std::strtod(text.c_str() + at + series.size() + 2, nullptr);
}

double Median(std::vector<double> figures) {
  std::sort(figures.begin(), figures.end());
  return figures[figures.size() / 2];
}

void MeasureSettle(size_t functions, size_t rounds) {
  Bench bench(functions);
  bench.Fill();
  constexpr size_t kOfARound = 200'000;
  std::vector<double> ns;
  const uint64_t allocated = allocations;
  ns.reserve(rounds);
  for (size_t round = 0; round < rounds; ++round) {
    const MonotonicTime began = bench.clock.Now();
    for (size_t i = 0; i < kOfARound; ++i) bench.Settle(i % functions);
    ns.push_back(static_cast<double>((bench.clock.Now() - began).count()) / kOfARound);
  }
  std::printf(R"({"ns": %.1f, "allocations": %.6f})"
              "\n",
              Median(ns),
              static_cast<double>(allocations - allocated - 1) / static_cast<double>(rounds * kOfARound));
}

void MeasureScrape(size_t functions, size_t rounds) {
  Bench bench(functions);
  bench.Fill();
  std::string text = bench.Scrape();
  std::vector<double> loop_ms, render_ms;
  for (size_t round = 0; round < rounds; ++round) {
    text = bench.Scrape();  // tells of the one before
    loop_ms.push_back(1e3 * Value(text, R"(hearth_scrape_seconds{part="loop"})"));
    render_ms.push_back(1e3 * Value(text, R"(hearth_scrape_seconds{part="render"})"));
  }
  std::printf(R"({"loop_ms": %.3f, "render_ms": %.3f, "bytes": %zu, "samples": %.0f})"
              "\n",
              Median(loop_ms), Median(render_ms), text.size(), Value(text, "hearth_scrape_samples"));
}

}  // namespace
}  // namespace hearth

int main(int argc, char** argv) {
  if (argc != 4) return 2;
  const auto functions = static_cast<size_t>(std::strtoull(argv[2], nullptr, 10));
  const auto rounds = static_cast<size_t>(std::strtoull(argv[3], nullptr, 10));
  if (functions == 0 || rounds == 0) return 2;
  if (std::strcmp(argv[1], "settle") == 0) hearth::MeasureSettle(functions, rounds);
  if (std::strcmp(argv[1], "scrape") == 0) hearth::MeasureScrape(functions, rounds);
  return 0;
}
