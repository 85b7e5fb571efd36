#pragma once

#include <string>
#include <string_view>

#include "runtime/base/result.h"
#include "runtime/base/units.h"
#include "runtime/model/event.h"

namespace hearth {

// What an event may take there: Lambda's 1 MiB of payload, and room for the other fields, which come in the head of a
// request (64 KiB at most).
inline constexpr Bytes kEventPayloadMax = 1_MiB;
inline constexpr Bytes kStoredEventBytesMax{(1 << 20) + (128 << 10)};

// An event as it lies in the queue of asynchronous events: a version byte, then the fields in order.
// `attempt` and `log_tail` are not kept: the first is the message's receive count, the second belongs to a
// caller who waits.
std::string EncodeEvent(const Event& event);
Result<Event> DecodeEvent(std::string_view bytes);

}  // namespace hearth
