#pragma once

#include "runtime/base/clock.h"
#include "runtime/model/metric_source.h"

namespace hearth {

// What the kernel says of this process, under Prometheus' own names. Reads /proc/self, which never blocks; what
// cannot be read is left out.
class ProcessSource final : public MetricSource {
 public:
  explicit ProcessSource(const Clock& clock) : started_(clock.WallNow()) {}
  void Collect(MetricWriter& out) const override;

 private:
  const WallTime started_;
};

}  // namespace hearth
