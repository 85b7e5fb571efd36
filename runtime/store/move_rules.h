#pragma once

#include <string_view>

#include "runtime/store/queue_store.h"

namespace hearth {

// What every driver of QueueStore does alike about move tasks.

// How a task is paced: a wait, then so many messages, so that at no time more have been moved than the rate
// allows since the start. Without a rate: steps with room for others between them.
struct MovePace {
  uint32_t count = 0;
  microseconds wait{0};
};
MovePace PaceOf(uint32_t per_second_max);

// nullptr: there is no such queue.
Status CheckMove(std::string_view source, const QueueSettings& source_settings, bool is_dead_letter_queue,
                 std::string_view destination, const QueueSettings* destination_settings);
Error MoveIsRunning(std::string_view source);
Error NoSuchMove(std::string_view handle);
// A message that came from nowhere, or from a queue that is no more.
Error NoWayBack(std::string_view message_id, std::string_view source);

}  // namespace hearth
