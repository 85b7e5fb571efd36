#pragma once

#include <string>

#include "runtime/base/clock.h"
#include "runtime/meter/meter.h"
#include "runtime/model/function.h"

namespace hearth {

// The init of a published version's snapshot, as the ledger keeps it: no request, but time that is billed as a worker's
// init is, on the plan of `dedicated` (a commitment) or on demand. Once for each version: not for another process that
// is made in the place of one that was lost.
InvocationRecord SnapshotRecord(const FunctionVersion& version, nanoseconds init, std::string request_id,
                                WallTime ended, const std::string& dedicated);

}  // namespace hearth
