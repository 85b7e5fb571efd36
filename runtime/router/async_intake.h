#pragma once

#include "runtime/router/event_sink.h"

namespace hearth {

// Takes events that run later.
class AsyncIntake {
 public:
  virtual ~AsyncIntake() = default;
  // `accepted` runs once, later: Ok when it is stored durably. kThrottled: too many wait already. A key that is known:
  // Ok, and nothing is stored.
  virtual void Add(Event event, EventSink::OnAccepted accepted) = 0;
};

}  // namespace hearth
