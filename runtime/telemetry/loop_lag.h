#pragma once

#include "runtime/base/units.h"
#include "runtime/loop/executor.h"
#include "runtime/model/metric_source.h"

namespace hearth {

// Measures how late the loop is: a timer each 200 ms, five wake-ups a second.
//
// Borrows: Executor&, outlives it.
// Thread:  loop thread.
class LoopLag final : public MetricSource {
 public:
  static constexpr milliseconds kEvery{200};

  explicit LoopLag(Executor& executor) : executor_(executor) { Arm(); }
  void Collect(MetricWriter& out) const override { out.Write("hearth_loop_lag_seconds", {}, lag_.view()); }

 private:
  void Arm();

  Executor& executor_;
  CoarseHistogram lag_;
  Timer timer_;
};

}  // namespace hearth
