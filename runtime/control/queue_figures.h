#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "runtime/base/clock.h"
#include "runtime/store/queue_store.h"

namespace hearth {

struct QueueRates {
  double sent_per_s = 0;
  double received_per_s = 0;
  double deleted_per_s = 0;
};

// The figures of all queues at one moment; the difference of two gives rates.
struct QueueFigures {
  std::vector<std::pair<std::string, QueueStatistics>> queues{};
  MonotonicTime taken{};

  const QueueStatistics* Find(const std::string& queue) const;
};

// Nothing when the queue is not in both, or was made anew between them.
std::optional<QueueRates> RatesBetween(const QueueFigures& before, const QueueFigures& after,
                                       const std::string& queue);

}  // namespace hearth
