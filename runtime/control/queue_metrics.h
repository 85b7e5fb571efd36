#pragma once

#include <array>
#include <functional>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "runtime/base/weak_ptr.h"
#include "runtime/model/metric_source.h"
#include "runtime/store/queue_store.h"

namespace hearth {

// Figures of queues for scrapes: asked of the store when somebody scrapes, so that a queue's series are there
// as long as the queue is.
//
// Borrows: QueueStore&, outlives it.
// Thread:  loop thread.
// Limits:  move tasks of the first kMoveSourcesMax dead-letter queues by name; queues themselves as
//          MetricText has it.
class QueueMetrics final : public MetricSource {
 public:
  static constexpr size_t kMoveSourcesMax = 100;

  explicit QueueMetrics(QueueStore& queues) : queues_(queues) {}

  bool Refresh(std::function<void()> done) override;
  void Collect(MetricWriter& out) const override;

 private:
  using MovesByState = std::array<uint64_t, 5>;
  struct Figures {
    std::vector<std::pair<std::string, QueueStatistics>> queues;
    std::vector<std::pair<std::string, MovesByState>> moves;
  };
  struct Refreshing;

  void AskMoves(const std::shared_ptr<Refreshing>& refreshing);

  QueueStore& queues_;
  Figures figures_;
  WeakPtrFactory<QueueMetrics> weak_{this};
};

}  // namespace hearth
