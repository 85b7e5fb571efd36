#include "runtime/control/queue_figures.h"

#include <algorithm>

namespace hearth {
namespace {

// Counters only grow, but start anew with a queue that is made again.
double PerSecond(uint64_t before, uint64_t after, double elapsed_s) {
  return after < before ? 0 : static_cast<double>(after - before) / elapsed_s;
}

}  // namespace

const QueueStatistics* QueueFigures::Find(const std::string& queue) const {
  const auto found =
      std::lower_bound(queues.begin(), queues.end(), queue,
                       [](const auto& one, const std::string& name) { return one.first < name; });
  return found != queues.end() && found->first == queue ? &found->second : nullptr;
}

std::optional<QueueRates> RatesBetween(const QueueFigures& before, const QueueFigures& after,
                                       const std::string& queue) {
  const QueueStatistics* first = before.Find(queue);
  const QueueStatistics* last = after.Find(queue);
  const double elapsed_s = std::chrono::duration<double>(after.taken - before.taken).count();
  if (!first || !last || elapsed_s <= 0 || last->sent < first->sent) return std::nullopt;
  return QueueRates{PerSecond(first->sent, last->sent, elapsed_s),
                    PerSecond(first->received, last->received, elapsed_s),
                    PerSecond(first->deleted, last->deleted, elapsed_s)};
}

}  // namespace hearth
