#pragma once

#include <memory>
#include <string>

#include "runtime/telemetry/function_series.h"

namespace hearth {

// Writes figures in Prometheus' text format; its source is the door to prometheus-cpp. A series that would be
// 0 and has no meaning before its first event (an outcome that never was) is left out; counters and
// histograms of a function are all there.
class Exposition final {
 public:
  Exposition();
  ~Exposition();
  void Add(const std::string& function, const FunctionSeries& series);
  std::string Text() &&;

 private:
  class Families;
  std::unique_ptr<Families> families_;
};

}  // namespace hearth
