#pragma once

#include <string>
#include <string_view>

#include "runtime/meter/account_state.h"
#include "runtime/meter/bill.h"

namespace hearth {

// Usage for metering products, an event for each hour, function, version, plan and size of memory. Only hours
// that are complete: nothing runs longer than 15 minutes and its init, so 16 minutes after its end.
//
// The id is that of what the event is about, so that sending it again is the same event: OpenMeter knows it by
// source and id, Lago by transaction_id. What comes of an hour after it was closed has an id of its own.
inline constexpr std::chrono::minutes kUsageSettles{16};

// A batch of CloudEvents 1.0 in JSON (application/cloudevents-batch+json), as OpenMeter takes them.
std::string CloudEventsJson(const Bill& bill, const AccountState& account, std::string_view source,
                            WallTime now);
// {"events": [...]}, the body of Lago's POST /api/v1/events/batch (which takes 100 at once: split it); the
// subscription is the function's tag "cost-center", else the function.
std::string LagoEventsJson(const Bill& bill, const AccountState& account, WallTime now);

}  // namespace hearth
