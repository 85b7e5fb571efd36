#include "runtime/telemetry/metric_text.h"

#include <algorithm>
#include <limits>
#include <sstream>
#include <utility>

#include <prometheus/metric_family.h>
#include <prometheus/text_serializer.h>

#include "runtime/base/check.h"

namespace hearth {
namespace {

using prometheus::ClientMetric;

constexpr double kNsPerSecond = 1e9;

prometheus::MetricType TypeOf(MetricType type) {
  switch (type) {
    case MetricType::kCounter:
      return prometheus::MetricType::Counter;
    case MetricType::kGauge:
      return prometheus::MetricType::Gauge;
    case MetricType::kHistogram:
      return prometheus::MetricType::Histogram;
  }
  return prometheus::MetricType::Untyped;
}

std::string Presentable(std::string_view value) {
  std::string out(value.substr(0, MetricText::kLabelBytesMax));
  std::replace_if(
      out.begin(), out.end(), [](char c) { return c != '\n' && (c < ' ' || c > '~'); }, '?');
  return out;
}

std::vector<std::string> Presentable(MetricWriter::Labels labels) {
  std::vector<std::string> out;
  out.reserve(labels.size());
  for (const std::string_view label : labels) out.push_back(Presentable(label));
  return out;
}

ClientMetric Labelled(std::string_view names, const std::vector<std::string>& values) {
  ClientMetric out;
  out.label.reserve(values.size());
  for (const std::string& value : values) {
    const size_t comma = std::min(names.find(','), names.size());
    out.label.push_back({std::string(names.substr(0, comma)), value});
    names.remove_prefix(std::min(comma + 1, names.size()));
  }
  return out;
}

bool InSeconds(const MetricDefinition& metric) { return metric.name.ends_with("_seconds"); }

}  // namespace

// Entities come one after the other, so a change of the first label is a new one.
bool MetricText::HasRoom(Family& family, Labels labels) {
  if (labels.size() == 0) return true;
  const std::string_view entity = *labels.begin();
  if (entity == kOverflow) return false;
  if (family.entities > 0 && family.last_entity == entity) return family.entities <= entities_max_;
  if (family.entities <= entities_max_) ++family.entities;
  family.last_entity = entity;
  return family.entities <= entities_max_;
}

void MetricText::Write(MetricRef metric, Labels labels, double value) {
  const MetricDefinition& definition = metric.definition();
  DCHECK_TRUE(labels.size() == LabelCount(definition) && definition.type != MetricType::kHistogram);
  Family& family = families_[metric.index()];
  Values values = Presentable(labels);
  if (HasRoom(family, labels)) return Add(family, definition, values, value);
  values.front() = kOverflow;
  double& sum = family.overflow[std::move(values)];
  const bool largest = definition.type == MetricType::kGauge && InSeconds(definition);
  sum = largest ? std::max(sum, value) : sum + value;
}

void MetricText::Write(MetricRef metric, Labels labels, const HistogramView& histogram) {
  const MetricDefinition& definition = metric.definition();
  DCHECK_TRUE(labels.size() == LabelCount(definition) && definition.type == MetricType::kHistogram);
  Family& family = families_[metric.index()];
  const bool overflow = labels.size() > 0 && *labels.begin() == kOverflow;
  if (!overflow && !HasRoom(family, labels)) return;
  const double per_unit = InSeconds(definition) ? kNsPerSecond : 1;
  ClientMetric sample = Labelled(definition.labels, Presentable(labels));
  sample.histogram.bucket.reserve(histogram.counts.size());
  uint64_t cumulative = 0;
  for (size_t i = 0; i < histogram.counts.size(); ++i) {
    cumulative += histogram.counts[i];
    const double bound = i == histogram.bounds.size() ? std::numeric_limits<double>::infinity()
                                                      : static_cast<double>(histogram.bounds[i]) / per_unit;
    sample.histogram.bucket.push_back({cumulative, bound});
  }
  sample.histogram.sample_sum = static_cast<double>(histogram.sum) / per_unit;
  sample.histogram.sample_count = cumulative;
  samples_ += histogram.counts.size() + 2;
  family.samples.push_back(std::move(sample));
}

void MetricText::Add(Family& family, const MetricDefinition& metric, const Values& labels, double value) {
  ClientMetric sample = Labelled(metric.labels, labels);
  (metric.type == MetricType::kCounter ? sample.counter.value : sample.gauge.value) = value;
  ++samples_;
  family.samples.push_back(std::move(sample));
}

std::string MetricText::Text(size_t* samples) && {
  std::vector<prometheus::MetricFamily> all;
  for (size_t i = 0; i < kMetricCount; ++i) {
    Family family = std::exchange(families_[i], {});
    const MetricDefinition& definition = kMetrics[i];
    for (const auto& [labels, value] : family.overflow) Add(family, definition, labels, value);
    if (family.samples.empty()) continue;
    all.push_back({std::string(definition.name), std::string(definition.meaning), TypeOf(definition.type),
                   std::move(family.samples)});
  }
  if (samples) *samples = samples_;
  std::ostringstream out;
  prometheus::TextSerializer().Serialize(out, all);
  return std::move(out).str();
}

}  // namespace hearth
