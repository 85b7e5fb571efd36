#pragma once

#include <cstddef>

#include "runtime/base/result.h"

namespace hearth {

// At least a tenth of the account's limit stays for functions that have reserved none, as Lambda keeps 100 of 1000.
// kInvalidArgument, with the figures, when `wanted` is too much beside what others have reserved.
Status CheckReservation(size_t account_max, size_t reserved_by_others, size_t wanted);

}  // namespace hearth
