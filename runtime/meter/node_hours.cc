#include "runtime/meter/node_hours.h"

#include <algorithm>
#include <utility>

namespace hearth {

NodeHours::NodeHours(Account& account, Executor& executor, Random& random, Look look, OnFailure on_failure)
    : account_(account),
      executor_(executor),
      random_(random),
      look_(std::move(look)),
      on_failure_(std::move(on_failure)) {}

void NodeHours::Start() {
  looked_ = executor_.clock().Now();
  hour_.hour = HourOf(executor_.clock().WallNow());
  LookLater();
}

void NodeHours::Stop() {
  if (!timer_.armed()) return;
  timer_.Cancel();
  Observe();
  EndHour();
  Write();
}

void NodeHours::LookLater() {
  const auto half = static_cast<uint64_t>(kEvery.count() / 2);
  timer_ = executor_.After(milliseconds(half + random_.Next64() % (2 * half + 1)), [this] {
    Observe();
    Write();
    LookLater();
  });
}

// How long it was says the monotonic clock; the wall clock only says in which hour.
void NodeHours::Observe() {
  const NodeMemory memory = look_();
  const WallTime now = executor_.clock().WallNow();
  const auto since = std::chrono::floor<milliseconds>(executor_.clock().Now() - looked_);
  looked_ += since;  // what is less than a millisecond counts the next time
  const UtcHour hour = HourOf(now);
  const milliseconds of_this_hour =
      hour == hour_.hour ? since : std::min(since, std::chrono::floor<milliseconds>(now - hour));
  Add(memory, static_cast<uint64_t>((since - of_this_hour).count()));
  if (hour != hour_.hour) {
    EndHour();
    hour_.hour = hour;
  }
  Add(memory, static_cast<uint64_t>(of_this_hour.count()));
}

void NodeHours::Add(const NodeMemory& memory, uint64_t ms) {
  hour_.observed_ms += ms;
  hour_.capacity += memory.capacity * ms;
  hour_.busy += memory.busy * ms;
  hour_.reserved_busy += memory.reserved_busy * ms;
  hour_.reserved_idle += memory.reserved_idle * ms;
  hour_.spot += memory.spot * ms;
  hour_.dedicated += memory.dedicated * ms;
  hour_.keep_alive += memory.keep_alive * ms;
  hour_.platform += memory.platform * ms;
}

void NodeHours::EndHour() {
  const NodeHour ended = std::exchange(hour_, NodeHour{.hour = hour_.hour});
  if (ended.observed_ms == 0) return;
  unwritten_.push_back(ended);
  if (unwritten_.size() > kKept) unwritten_.erase(unwritten_.begin());
}

void NodeHours::Write() {
  while (!unwritten_.empty()) {
    if (const Status written = account_.AddNodeHour(unwritten_.front()); !written.ok()) {
      if (!std::exchange(failing_, true) && on_failure_) on_failure_(written.error());
      return;
    }
    failing_ = false;
    unwritten_.erase(unwritten_.begin());
  }
}

}  // namespace hearth
