#include "runtime/registry/reserved_concurrency.h"

#include <algorithm>
#include <string>

namespace hearth {

Status CheckReservation(size_t account_max, size_t reserved_by_others, size_t wanted) {
  const size_t shared_min = account_max / 10;
  const size_t free = account_max - std::min(account_max, reserved_by_others + shared_min);
  if (wanted <= free) return Ok();
  return Error{ErrorCode::kInvalidArgument,
               "Specified ReservedConcurrentExecutions for function decreases account's "
               "UnreservedConcurrentExecution below its minimum value of [" +
                   std::to_string(shared_min) + "]: of " + std::to_string(account_max) +
                   " (--concurrency-max) others have reserved " + std::to_string(reserved_by_others) + ", " +
                   std::to_string(free) + " are left"};
}

}  // namespace hearth
