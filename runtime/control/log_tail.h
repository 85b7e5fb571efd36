#pragma once

#include <string>

#include "runtime/base/ids.h"
#include "runtime/model/outcome.h"
#include "runtime/telemetry/log_store.h"

namespace hearth {

// The log of one attempt as Lambda shows it (X-Amz-Log-Result before base64): START, what the handler wrote,
// END, REPORT; of the whole the last 4 KiB.
std::string AttemptLogTail(const LogStore& logs, const std::string& function, const Outcome& outcome,
                           const RequestId& request_id);

}  // namespace hearth
