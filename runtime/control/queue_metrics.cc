#include "runtime/control/queue_metrics.h"

#include <set>

namespace hearth {
namespace {

constexpr const char* kMoveStates[] = {"running", "completed", "cancelling", "cancelled", "failed"};

}  // namespace

struct QueueMetrics::Refreshing {
  std::function<void()> done;
  Figures figures{};
  std::vector<std::string> sources{};  // dead-letter queues that are still to be asked, last first
};

bool QueueMetrics::Refresh(std::function<void()> done) {
  auto refreshing = std::make_shared<Refreshing>(Refreshing{std::move(done)});
  queues_.AllStatistics([weak = weak_.Get(), refreshing](auto all) {
    if (!weak) return;
    if (!all.ok()) return refreshing->done();  // the store says why elsewhere; what was known is shown
    refreshing->figures.queues = std::move(all).value();
    weak->queues_.List([weak, refreshing](const Result<std::vector<QueueDescription>>& queues) {
      if (!weak) return;
      std::set<std::string> sources;
      if (queues.ok()) {
        for (const QueueDescription& queue : *queues) sources.insert(queue.settings.dead_letter_queue);
      }
      sources.erase("");
      while (sources.size() > kMoveSourcesMax) sources.erase(std::prev(sources.end()));
      refreshing->sources.assign(sources.rbegin(), sources.rend());
      weak->AskMoves(refreshing);
    });
  });
  return true;
}

void QueueMetrics::AskMoves(const std::shared_ptr<Refreshing>& refreshing) {
  if (refreshing->sources.empty()) {
    figures_ = std::move(refreshing->figures);
    return refreshing->done();
  }
  const std::string source = std::move(refreshing->sources.back());
  refreshing->sources.pop_back();
  queues_.ListMoves(
      source, [weak = weak_.Get(), refreshing, source](const Result<std::vector<MoveTask>>& tasks) {
        if (!weak) return;
        if (tasks.ok() && !tasks->empty()) {
          MovesByState& counts = refreshing->figures.moves.emplace_back(source, MovesByState()).second;
          for (const MoveTask& task : *tasks) ++counts[static_cast<size_t>(task.state)];
        }
        weak->AskMoves(refreshing);
      });
}

void QueueMetrics::Collect(MetricWriter& out) const {
  for (const auto& [queue, statistics] : figures_.queues) {
    out.Write("hearth_queue_messages", {queue, "visible"}, static_cast<double>(statistics.visible));
    out.Write("hearth_queue_messages", {queue, "in_flight"}, static_cast<double>(statistics.in_flight));
    out.Write("hearth_queue_messages", {queue, "delayed"}, static_cast<double>(statistics.delayed));
    out.Write("hearth_queue_oldest_message_age_seconds", {queue},
              std::chrono::duration<double>(statistics.oldest_age).count());
    out.Write("hearth_queue_sent_total", {queue}, static_cast<double>(statistics.sent));
    out.Write("hearth_queue_received_total", {queue}, static_cast<double>(statistics.received));
    out.Write("hearth_queue_deleted_total", {queue}, static_cast<double>(statistics.deleted));
    out.Write("hearth_queue_dead_lettered_total", {queue}, static_cast<double>(statistics.dead_lettered));
  }
  for (const auto& [queue, counts] : figures_.moves) {
    for (size_t state = 0; state < counts.size(); ++state) {
      if (counts[state] > 0)
        out.Write("hearth_queue_move_tasks", {queue, kMoveStates[state]}, static_cast<double>(counts[state]));
    }
  }
}

}  // namespace hearth
