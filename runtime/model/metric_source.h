#pragma once

#include <functional>
#include <initializer_list>
#include <string_view>

#include "runtime/base/histogram.h"
#include "runtime/model/metric_definitions.h"

namespace hearth {

// Takes samples of one scrape. Values are escaped, cut and counted against the limits by whoever implements it.
class MetricWriter {
 public:
  using Labels = std::initializer_list<std::string_view>;  // values, in the order of the definition's names

  virtual ~MetricWriter() = default;
  // A counter or a gauge. Each combination of labels once a scrape.
  virtual void Write(MetricRef metric, Labels labels, double value) = 0;
  // A histogram; of nanoseconds where the metric's name ends in _seconds.
  virtual void Write(MetricRef metric, Labels labels, const HistogramView& histogram) = 0;
};

// What has figures to show. Counters stay plain integers where they are counted; they are folded into samples
// when somebody scrapes (telemetry/metrics.h, AddSource).
//
// Thread:  loop thread. Outlives the Metrics that it is added to, or is never scraped again.
class MetricSource {
 public:
  virtual ~MetricSource() = default;
  // Before Collect(), for figures that have to be asked for first (a store). True: `done` will run once, later,
  // on the loop; after Metrics::kRefreshLimit the scrape goes on with what the source had before.
  virtual bool Refresh(std::function<void()> done) {
    (void)done;
    return false;
  }
  // Makes no system call that could block. Entities (queues, buckets) in an order that stays the same, one
  // after the other.
  virtual void Collect(MetricWriter& out) const = 0;
};

}  // namespace hearth
