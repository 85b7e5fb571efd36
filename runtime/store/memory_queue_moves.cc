#include <algorithm>

#include "runtime/base/ids.h"
#include "runtime/store/memory_queue_store.h"
#include "runtime/store/move_rules.h"

// Move tasks of the driver without a disk.

namespace hearth {

void MemoryQueueStore::StartMove(std::string source, std::string destination, uint32_t per_second_max,
                                 Reply<std::string> handle) {
  Complete<std::string>(
      [&]() -> Result<std::string> {
        HEARTH_ASSIGN(Queue* const from, Find(source));
        const bool is_dead_letter_queue = std::any_of(queues_.begin(), queues_.end(), [&](const auto& entry) {
          return entry.second.description.settings.dead_letter_queue == source;
        });
        const auto to = queues_.find(destination);
        HEARTH_TRY(CheckMove(source, from->description.settings, is_dead_letter_queue, destination,
                             to == queues_.end() ? nullptr : &to->second.description.settings));
        for (const auto& [other, moving] : moves_) {
          if (moving.task.source == source && moving.task.state == MoveTask::State::kRunning) {
            return MoveIsRunning(source);
          }
        }
        const std::string id = MakeUuid(random_);
        Moving& moving = moves_[id];
        moving.number = next_move_++;
        moving.until_message = next_message_;
        moving.task = {.handle = id,
                       .source = source,
                       .destination = destination,
                       .per_second_max = per_second_max,
                       .to_move = StatisticsOf(*from).visible,
                       .started = now_.wall};
        DriveMove(moving);
        return id;
      },
      std::move(handle));
}

void MemoryQueueStore::DriveMove(Moving& moving) {
  moving.timer = executor_.After(PaceOf(moving.task.per_second_max).wait,
                                 [this, handle = moving.task.handle] { StepMove(handle); });
}

void MemoryQueueStore::StepMove(const std::string& handle) {
  now_ = clock_.Now();
  MakeDueVisible();
  Moving& moving = moves_.at(handle);
  Queue& from = queues_.find(moving.task.source)->second;
  Expire(from);
  uint32_t left = PaceOf(moving.task.per_second_max).count;
  moving.task.state = MoveTask::State::kCompleted;
  for (const int64_t number : Visible(from)) {
    if (number >= moving.until_message) continue;
    if (left == 0) {
      moving.task.state = MoveTask::State::kRunning;
      break;
    }
    const QueueMessage& message = from.messages.at(number).content;
    const std::string& name =
        moving.task.destination.empty() ? message.dead_letter_source : moving.task.destination;
    const auto to = queues_.find(name);
    if (to == queues_.end()) {
      moving.task.failure = NoWayBack(message.message_id, name).message;
      moving.task.state = MoveTask::State::kFailed;
      break;
    }
    MoveTo(from, number, to->second, "");
    ++moving.task.moved;
    --left;
  }
  if (moving.task.state == MoveTask::State::kRunning) DriveMove(moving);
  TellVisible();
  ArmTimer();
}

void MemoryQueueStore::CancelMove(std::string handle, Reply<uint64_t> reply) {
  Complete<uint64_t>(
      [&]() -> Result<uint64_t> {
        const auto moving = moves_.find(handle);
        if (moving == moves_.end() || moving->second.task.state != MoveTask::State::kRunning) {
          return NoSuchMove(handle);
        }
        moving->second.timer.Cancel();
        moving->second.task.state = MoveTask::State::kCancelled;
        return moving->second.task.moved;
      },
      std::move(reply));
}

void MemoryQueueStore::ListMoves(std::string source, Reply<std::vector<MoveTask>> reply) {
  Complete<std::vector<MoveTask>>(
      [&]() -> Result<std::vector<MoveTask>> {
        HEARTH_TRY(Find(source));
        std::map<int64_t, MoveTask, std::greater<>> newest_first;
        for (const auto& [handle, moving] : moves_) {
          if (moving.task.source == source) newest_first.emplace(moving.number, moving.task);
        }
        std::vector<MoveTask> tasks;
        for (const auto& [number, task] : newest_first) {
          if (tasks.size() < kMovesListedMax) tasks.push_back(task);
        }
        return tasks;
      },
      std::move(reply));
}

}  // namespace hearth
