#include "runtime/model/event_invoke_config.h"

#include "runtime/model/arn.h"

namespace hearth {
namespace {

Error OutOfRange(const char* field, int64_t value, int64_t least, int64_t most) {
  return {ErrorCode::kInvalidArgument, std::string(field) + " is " + std::to_string(value) + "; it can be " +
                                           std::to_string(least) + " to " + std::to_string(most)};
}

}  // namespace

Status ValidateEventInvokeConfig(const EventInvokeConfig& config) {
  if (config.retries_max && *config.retries_max > kEventRetriesMax)
    return OutOfRange("MaximumRetryAttempts", *config.retries_max, 0, kEventRetriesMax);
  if (config.age_max && (*config.age_max < kEventAgeMin || *config.age_max > kEventAgeMax)) {
    return OutOfRange("MaximumEventAgeInSeconds", config.age_max->count(), kEventAgeMin.count(),
                      kEventAgeMax.count());
  }
  for (const std::string* arn : {&config.on_success, &config.on_failure}) {
    if (!arn->empty()) HEARTH_TRY(ParseArn(*arn));
  }
  return Ok();
}

}  // namespace hearth
