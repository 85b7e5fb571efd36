#pragma once

#include <cstdint>
#include <optional>

#include "runtime/base/clock.h"
#include "runtime/base/units.h"
#include "runtime/model/async_invocation.h"
#include "runtime/model/event_invoke_config.h"
#include "runtime/model/outcome.h"

// What becomes of an asynchronous event: decisions, without effects.

namespace hearth {

struct RetryPolicy {
  uint32_t retries_max = kEventRetriesMax;
  seconds age_max = kEventAgeMax;
  seconds retry_delay{60};  // before the first retry; doubled for the second
};

// What the function has set, on top of `defaults`. `config` may be null.
RetryPolicy PolicyOf(const RetryPolicy& defaults, const EventInvokeConfig* config);

// Before retry number `failures` (from 1): the policy's delay, doubled each time, and up to a quarter more, so that what
// failed together does not come back together. `random`: any 64 bits.
seconds RetryDelay(const RetryPolicy& policy, uint32_t failures, uint64_t random);

// Of an event that has `failures` behind it and was queued at `queued`, after an attempt that ended so: its end, or how
// long it waits. `failures` counts this attempt if it was one (CountsAsFailure()).
struct EventFate {
  std::optional<EventEnd> end{};
  seconds delay{0};
};
EventFate FateAfter(const RetryPolicy& policy, OutcomeKind kind, uint32_t failures, WallTime queued,
                    WallTime now, uint64_t random);

// The function's doing. What was ours is tried again without counting.
bool CountsAsFailure(OutcomeKind kind);

// Of one that is to be tried now, if it may not.
enum class FunctionSwitch : uint8_t { kOn, kOff };
std::optional<EventEnd> EndBefore(const RetryPolicy& policy, WallTime queued, WallTime now,
                                  FunctionSwitch function);

}  // namespace hearth
