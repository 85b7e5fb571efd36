#pragma once

#include <array>
#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include <prometheus/client_metric.h>

#include "runtime/model/metric_source.h"

namespace hearth {

// One scrape in Prometheus's text format, version 0.0.4: samples as they come, put together by metric and written
// by prometheus-cpp at the end.
//
// Thread:  one at a time; begun on the loop, finished on the thread that renders.
// Limits:  kEntitiesMax different first labels a metric: what comes after is added up under "overflow" (the
//          largest of it for a gauge in seconds; histograms are left out). What is called "overflow" by its
//          owner counts there too. Label values are cut at kLabelBytesMax; what is no printable ASCII is "?".
class MetricText final : public MetricWriter {
 public:
  static constexpr size_t kEntitiesMax = 1'000;
  static constexpr size_t kLabelBytesMax = 256;
  static constexpr std::string_view kOverflow = "overflow";
  static constexpr const char* kContentType = "text/plain; version=0.0.4; charset=utf-8";

  void Write(MetricRef metric, Labels labels, double value) override;
  void Write(MetricRef metric, Labels labels, const HistogramView& histogram) override;
  // For series that are within a limit of their own.
  void set_entities_max(size_t entities_max) { entities_max_ = entities_max; }

  size_t samples() const { return samples_; }
  std::string Text(size_t* samples = nullptr) &&;

 private:
  using Values = std::vector<std::string>;  // of labels, fit to be shown
  struct Family {
    std::vector<prometheus::ClientMetric> samples;
    size_t entities = 0;
    std::string last_entity;
    std::map<Values, double> overflow;
  };
  bool HasRoom(Family& family, Labels labels);
  void Add(Family& family, const MetricDefinition& metric, const Values& labels, double value);

  std::array<Family, kMetricCount> families_;
  size_t entities_max_ = kEntitiesMax;
  size_t samples_ = 0;
};

}  // namespace hearth
