#pragma once

#include <string>
#include <string_view>

#include "runtime/base/result.h"
#include "runtime/model/event.h"

namespace hearth {

// An event as it lies in the queue of asynchronous events: a version byte, then the fields in order.
// `attempt` and `log_tail` are not kept: the first is the message's receive count, the second belongs to a
// caller who waits.
std::string EncodeEvent(const Event& event);
Result<Event> DecodeEvent(std::string_view bytes);

}  // namespace hearth
