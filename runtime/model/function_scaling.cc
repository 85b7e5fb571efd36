#include "runtime/model/function_scaling.h"

namespace hearth {
namespace {

Status CheckAtMost(const char* field, uint64_t value, uint64_t most) {
  if (value <= most) return Ok();
  return Error{ErrorCode::kInvalidArgument,
               std::string(field) + " is " + std::to_string(value) + ", at most " + std::to_string(most)};
}

}  // namespace

Status ValidateScaling(const FunctionScaling& scaling) {
  HEARTH_TRY(
      CheckAtMost("reserved concurrency", scaling.reserved_concurrency.value_or(0), kReservedConcurrencyMax));
  HEARTH_TRY(CheckAtMost("the least number of workers", scaling.workers_min, kWorkersMinMax));
  HEARTH_TRY(CheckAtMost("the number of spare workers", scaling.workers_spare, kWorkersSpareMax));
  const seconds idle = scaling.idle_time_out.value_or(seconds(0));
  if (idle >= seconds(0) && idle <= kIdleTimeOutMax) return Ok();
  return Error{ErrorCode::kInvalidArgument, "the idle time-out is " + std::to_string(idle.count()) +
                                                " s, it is to be 0 to " +
                                                std::to_string(kIdleTimeOutMax.count())};
}

}  // namespace hearth
