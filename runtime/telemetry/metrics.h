#pragma once

#include <cstddef>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "runtime/base/result.h"
#include "runtime/base/weak_ptr.h"
#include "runtime/loop/executor.h"
#include "runtime/loop/work_thread.h"
#include "runtime/model/metric_source.h"
#include "runtime/model/observers.h"
#include "runtime/telemetry/metric_text.h"

namespace hearth {

class SeriesTable;

// What Prometheus scrapes: counters, gauges and histograms; model/metric_definitions.h has them all.
//
// Owns:    the figures of each function, as integers (nanoseconds, MB x ms), so that what is billed there equals
//          the ledger to the millisecond; a thread that renders. Owned by main.
// Borrows: the sources, which outlive it or are never scraped again.
// Thread:  loop thread. An observation is one hash look-up of the function's name and a few additions: no
//          allocation once the function has its series.
// Scrape:  the loop copies the figures and asks the sources (about 1 ms for 1,000 functions); the text is made on
//          the thread, all of one moment.
// Limits:  1,000 functions (setting) and 250,000 series; whatever comes after counts under function="overflow",
//          so that sums stay right. 8 versions a function, then version="overflow"; 16 throttle reasons, then
//          reason="other". kScrapesMax at once.
// Failure: figures begin at 0 with each start, as Prometheus expects. A scrape over kScrapesMax is kThrottled.
// Promise: no callback runs after the destructor returns.
class Metrics final : public InvocationObserver, public PoolObserver {
 public:
  struct Options {
    size_t functions_max = 1'000;
    size_t series_max = 250'000;
    // Whether that function (version "") or that version is deployed now; empty: everything is. What ends after
    // its function was deleted counts under "overflow" and makes no series.
    std::function<bool(std::string_view function, std::string_view version)> is_deployed{};
  };
  using OnText = std::function<void(Result<std::string>)>;
  static constexpr milliseconds kRefreshLimit{1'000};
  static constexpr size_t kScrapesMax = 8;
  static constexpr const char* kContentType = MetricText::kContentType;

  explicit Metrics(Executor& executor);
  Metrics(Executor& executor, Options options);
  ~Metrics() override;

  // Figures that are counted elsewhere. No removal: a source is there for as long as there are scrapes.
  void AddSource(MetricSource& source) { sources_.push_back(&source); }

  // Does nothing: what has not ended is seen in hearth_workers{state="busy"}.
  void OnInvocationStarted(const FunctionVersion& version, const Event& event) override;
  void OnInvocationSettled(const InvocationRecord& record) override;
  void OnThrottled(std::string_view function, std::string_view reason) override;
  void OnOverhead(std::string_view function, nanoseconds overhead) override;
  void OnReservedSpillover(const FunctionVersion& version) override;
  // A worker's first state may come with `from` equal to it or kGone.
  void OnWorkerState(const FunctionVersion& version, WorkerId worker, WorkerState from,
                     WorkerState to) override;
  void OnWorkerStarted(const FunctionVersion& version, nanoseconds request_to_started) override;
  void OnOutputCut(const FunctionVersion& version, uint64_t bytes) override;
  void OnIdleCpu(const FunctionVersion& version, WorkerId worker, uint64_t cpu_us) override;

  void OnWorkerCrashed(const FunctionVersion& version, CrashCause cause) override;

  // Removes the function's series and gives their memory back.
  void ForgetFunction(std::string_view function);
  void ForgetVersion(std::string_view function, std::string_view version);

  // The figures as they are now or, while another scrape is under way, right after it; `done` runs later.
  void Scrape(OnText done);

 private:
  void Begin();
  void OnRefreshed(uint64_t scrape);
  void Render();
  struct Rendered {
    std::string text;
    size_t samples = 0;
    nanoseconds took{0};
  };
  void OnRendered(Rendered rendered);
  void WriteLastScrape(MetricWriter& out) const;

  Executor& executor_;
  const std::unique_ptr<SeriesTable> table_;
  std::vector<MetricSource*> sources_;
  // The scrape that is under way, and who waits for the next.
  uint64_t scrape_ = 0;  // number of the one whose sources are asked; 0: none
  uint64_t scrapes_ = 0;
  size_t asked_ = 0;
  Timer refresh_limit_;
  struct {
    nanoseconds loop{0};
    nanoseconds render{0};
    size_t samples = 0;
  } last_;
  std::vector<OnText> serving_;
  std::vector<OnText> waiting_;
  WorkThread renderer_;
  WeakPtrFactory<Metrics> weak_{this};
};

}  // namespace hearth
