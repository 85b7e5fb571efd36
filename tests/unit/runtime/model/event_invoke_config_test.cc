#include "runtime/model/event_invoke_config.h"

#include <catch2/catch.hpp>

namespace hearth {
namespace {

TEST_CASE("retries and age at their limits and one past", "[model]") {
  EventInvokeConfig config;
  config.retries_max = kEventRetriesMax;
  config.age_max = kEventAgeMax;
  CHECK(ValidateEventInvokeConfig(config).ok());
  config.age_max = kEventAgeMax + seconds(1);
  CHECK(ValidateEventInvokeConfig(config).error().message ==
        "MaximumEventAgeInSeconds is 21601; it can be 60 to 21600");
  config.age_max = kEventAgeMin;
  CHECK(ValidateEventInvokeConfig(config).ok());
  config.age_max = kEventAgeMin - seconds(1);
  CHECK_FALSE(ValidateEventInvokeConfig(config).ok());
  config.age_max.reset();
  config.retries_max = kEventRetriesMax + 1;
  CHECK_FALSE(ValidateEventInvokeConfig(config).ok());
  config.retries_max = 0;
  config.on_failure = "failed";
  CHECK_FALSE(ValidateEventInvokeConfig(config).ok());
}

TEST_CASE("it comes back from its stored form whole; what is not set stays so", "[model]") {
  EventInvokeConfig config;
  config.retries_max = 0;
  config.on_success = "arn:aws:sqs:us-east-1:000000000000:won";
  config.modified = WallTime(std::chrono::sys_days(std::chrono::year(2026) / 11 / 29));
  CHECK(DecodeEventInvokeJson(EncodeEventInvokeJson(config)).value() == config);
  CHECK(DecodeEventInvokeJson("{}").value() == EventInvokeConfig());
  CHECK(DecodeEventInvokeJson("{").error().code == ErrorCode::kCorrupt);
}

}  // namespace
}  // namespace hearth
