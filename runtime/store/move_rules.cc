#include "runtime/store/move_rules.h"

#include <algorithm>

namespace hearth {
namespace {

// Steps a second of a fast task; and what one without a rate moves at a time: some 3 ms of the writer thread.
constexpr uint32_t kStepsPerSecond = 10;
constexpr uint32_t kUnpacedStep = 256;

Error Invalid(std::string message) { return Error{ErrorCode::kInvalidArgument, std::move(message)}; }

}  // namespace

MovePace PaceOf(uint32_t per_second_max) {
  if (per_second_max == 0) return {kUnpacedStep, microseconds(0)};
  const uint32_t count = std::clamp(per_second_max / kStepsPerSecond, 1u, kUnpacedStep);
  return {count, microseconds((uint64_t{count} * 1'000'000 + per_second_max - 1) / per_second_max)};
}

Status CheckMove(std::string_view source, const QueueSettings& source_settings, bool is_dead_letter_queue,
                 std::string_view destination, const QueueSettings* destination_settings) {
  const std::string context = "move messages of queue " + std::string(source) + ": ";
  if (!is_dead_letter_queue) {
    return Invalid(context + "no queue has it as its dead-letter queue; only dead letters are moved");
  }
  if (destination.empty()) return Ok();
  if (destination == source) return Invalid(context + "the destination is the queue itself");
  if (!destination_settings) return NoSuchQueue(destination);
  if (destination_settings->kind != source_settings.kind) {
    return Invalid(context + "the destination " + std::string(destination) +
                   " is of the other kind: FIFO goes to FIFO, standard to standard");
  }
  return Ok();
}

Error MoveIsRunning(std::string_view source) {
  return {ErrorCode::kConflict, "move messages of queue " + std::string(source) +
                                    ": a task of this queue is running; wait for it or cancel it"};
}

Error NoSuchMove(std::string_view handle) {
  return {ErrorCode::kNotFound, "move task " + std::string(handle.substr(0, 64)) +
                                    " does not exist or does not run; list the tasks of its queue"};
}

Error NoWayBack(std::string_view message_id, std::string_view source) {
  const std::string what = "message " + std::string(message_id) + ": ";
  if (source.empty()) {
    return {ErrorCode::kNotFound, what + "it was not moved here by a queue; name a destination"};
  }
  return {ErrorCode::kNotFound, what + "queue " + std::string(source) +
                                    " does not exist; create it again or name another destination"};
}

}  // namespace hearth
