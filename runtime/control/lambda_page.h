#pragma once

#include <functional>

#include "runtime/control/api_call.h"

namespace hearth {

// Lambda's lists: `MaxItems` (1 to 10,000; more than 50 are never answered at once) and an opaque `Marker`,
// answered as `NextMarker` while there is more.
void AnswerPage(ApiCall& call, const char* member, size_t count,
                const std::function<Json(size_t index)>& item);

}  // namespace hearth
