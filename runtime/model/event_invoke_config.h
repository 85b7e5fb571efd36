#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "runtime/base/clock.h"
#include "runtime/base/result.h"
#include "runtime/base/units.h"

namespace hearth {

// Lambda's limits and defaults for asynchronous events.
inline constexpr uint32_t kEventRetriesMax = 2;
inline constexpr seconds kEventAgeMin{60}, kEventAgeMax{21'600};

// How asynchronous events of a function, or of one of its versions or aliases, are tried, and who hears what became
// of them: Lambda's event invoke configuration.
struct EventInvokeConfig {
  std::optional<uint32_t> retries_max{};  // 0..kEventRetriesMax; nothing: that
  std::optional<seconds> age_max{};       // kEventAgeMin..kEventAgeMax; nothing: that
  std::string on_success{};               // ARN; "": nobody
  std::string on_failure{};
  WallTime modified{};
  friend bool operator==(const EventInvokeConfig&, const EventInvokeConfig&) = default;
};

// kInvalidArgument names the field and its limits.
Status ValidateEventInvokeConfig(const EventInvokeConfig& config);

// Stored form. Unknown keys are kept out, missing ones take their default.
std::string EncodeEventInvokeJson(const EventInvokeConfig& config);
Result<EventInvokeConfig> DecodeEventInvokeJson(std::string_view json);

}  // namespace hearth
