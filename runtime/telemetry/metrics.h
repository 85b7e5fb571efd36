#pragma once

#include <cstddef>
#include <memory>
#include <string>
#include <string_view>

#include "runtime/model/observers.h"

namespace hearth {

// What Prometheus scrapes: counters, gauges and histograms by function, all named hearth_*, in seconds and
// totals.
//
// Owns:    the figures, as integers (nanoseconds, MB x ms), so that what is billed there equals the ledger to
//          the millisecond; they become prometheus-cpp's types only when somebody scrapes. Owned by main.
// Thread:  loop thread. An observation is one hash look-up of the function's name and a few additions.
// Limits:  1,000 functions (setting); whatever comes after counts under function="overflow". 16 throttle
//          reasons a function, then reason="other".
// Failure: none; figures begin at 0 with each start, as Prometheus expects.
class Metrics final : public InvocationObserver, public PoolObserver {
 public:
  struct Options {
    size_t functions_max = 1'000;
  };
  Metrics();
  explicit Metrics(Options options);
  ~Metrics() override;

  // Does nothing yet: what has not ended is seen in hearth_workers{state="busy"}.
  void OnInvocationStarted(const FunctionVersion& version, const Event& event) override;
  void OnInvocationSettled(const InvocationRecord& record) override;
  void OnThrottled(std::string_view function, std::string_view reason) override;
  // A worker's first state may come with `from` equal to it or kGone.
  void OnWorkerState(const FunctionVersion& version, WorkerId worker, WorkerState from,
                     WorkerState to) override;
  void OnWorkerStarted(const FunctionVersion& version, nanoseconds request_to_started) override;

  // Removes the function's series; for when it is deleted and its workers are gone.
  void ForgetFunction(std::string_view function);

  // Prometheus text format, version 0.0.4. Costs about 0.1 ms a function that has all its series.
  std::string Scrape() const;
  static constexpr const char* kContentType = "text/plain; version=0.0.4; charset=utf-8";

 private:
  class Table;
  const std::unique_ptr<Table> table_;
};

}  // namespace hearth
