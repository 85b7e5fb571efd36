#include "runtime/telemetry/metric_text.h"

#include <algorithm>
#include <charconv>
#include <cmath>

#include "runtime/base/check.h"

namespace hearth {
namespace {

constexpr double kNsPerSecond = 1e9;
constexpr double kExactIntegerMax = 9'007'199'254'740'992;  // 2^53

std::string_view TypeName(MetricType type) {
  switch (type) {
    case MetricType::kCounter:
      return "counter";
    case MetricType::kGauge:
      return "gauge";
    case MetricType::kHistogram:
      return "histogram";
  }
  return "untyped";
}

void AppendEscaped(std::string& out, std::string_view value) {
  for (const char c : value.substr(0, MetricText::kLabelBytesMax)) {
    if (c == '\\') {
      out += "\\\\";
    } else if (c == '"') {
      out += "\\\"";
    } else if (c == '\n') {
      out += "\\n";
    } else {
      out += c >= ' ' && c <= '~' ? c : '?';
    }
  }
}

// name="value",name="value"
std::string Pairs(std::string_view names, MetricWriter::Labels values) {
  std::string out;
  out.reserve(names.size() + 48);
  for (const std::string_view value : values) {
    const size_t comma = std::min(names.find(','), names.size());
    if (!out.empty()) out += ',';
    out += names.substr(0, comma);
    out += "=\"";
    AppendEscaped(out, value);
    out += '"';
    names.remove_prefix(std::min(comma + 1, names.size()));
  }
  return out;
}

// Integers without an exponent, everything else in the fewest digits that read back the same.
void AppendNumber(std::string& out, double value) {
  if (std::isinf(value)) {
    out += value > 0 ? "+Inf" : "-Inf";
    return;
  }
  if (std::isnan(value)) {
    out += "NaN";
    return;
  }
  char digits[32];
  const bool whole = std::trunc(value) == value && std::abs(value) <= kExactIntegerMax;
  const auto end = whole ? std::to_chars(digits, digits + sizeof digits, static_cast<int64_t>(value))
                         : std::to_chars(digits, digits + sizeof digits, value);
  out.append(digits, end.ptr);
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
  if (HasRoom(family, labels)) {
    return Sample(family.text, definition.name, "", Pairs(definition.labels, labels), value);
  }
  std::string pairs = Pairs(definition.labels, labels);
  const size_t first = definition.labels.substr(0, definition.labels.find(',')).size() + 2;
  size_t end = first;
  while (pairs[end] != '"') end += pairs[end] == '\\' ? 2 : 1;
  pairs.replace(first, end - first, kOverflow);
  double& sum = family.overflow[std::move(pairs)];
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
  std::string pairs = Pairs(definition.labels, labels);
  if (!pairs.empty()) pairs += ',';
  pairs += "le=\"";
  const size_t bound_at = pairs.size();
  uint64_t cumulative = 0;
  for (size_t i = 0; i < histogram.counts.size(); ++i) {
    cumulative += histogram.counts[i];
    pairs.resize(bound_at);
    if (i == histogram.bounds.size()) {
      pairs += "+Inf";
    } else {
      AppendNumber(pairs, static_cast<double>(histogram.bounds[i]) / per_unit);
    }
    pairs += '"';
    Sample(family.text, definition.name, "_bucket", pairs, static_cast<double>(cumulative));
  }
  const size_t own = bound_at - std::string_view(",le=\"").size();
  pairs.resize(labels.size() > 0 ? own : 0);
  Sample(family.text, definition.name, "_sum", pairs, static_cast<double>(histogram.sum) / per_unit);
  Sample(family.text, definition.name, "_count", pairs, static_cast<double>(cumulative));
}

void MetricText::Sample(std::string& out, std::string_view name, std::string_view suffix,
                        std::string_view labels, double value) {
  ++samples_;
  out += name;
  out += suffix;
  if (!labels.empty()) {
    out += '{';
    out += labels;
    out += '}';
  }
  out += ' ';
  AppendNumber(out, value);
  out += '\n';
}

std::string MetricText::Text(size_t* samples) && {
  size_t bytes = 0;
  for (const Family& family : families_) bytes += family.text.size() + 256;
  std::string all;
  all.reserve(bytes);
  for (size_t i = 0; i < kMetricCount; ++i) {
    Family& family = families_[i];
    const MetricDefinition& definition = kMetrics[i];
    for (const auto& [labels, value] : family.overflow) {
      Sample(family.text, definition.name, "", labels, value);
    }
    if (family.text.empty()) continue;
    all.append("# HELP ").append(definition.name).append(" ").append(definition.meaning).append("\n# TYPE ");
    all.append(definition.name).append(" ").append(TypeName(definition.type)).append("\n");
    all += family.text;
    family = {};
  }
  if (samples) *samples = samples_;
  return all;
}

}  // namespace hearth
