#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "runtime/base/result.h"
#include "runtime/base/units.h"

namespace hearth {

inline constexpr uint32_t kReservedConcurrencyMax = 1'000'000;  // as concurrency_max

inline constexpr seconds kIdleTimeOutMax{86'400};
inline constexpr uint32_t kWorkersMinMax = 1'000;
inline constexpr uint32_t kWorkersSpareMax = 100;

// How many workers a function may and shall have. Of the function, not of a version: a change replaces no worker.
struct FunctionScaling {
  // Lambda's: at most so many workers, and so many events at once are admitted however busy others are. 0: the
  // function is switched off. Nothing: it shares what nobody has reserved.
  std::optional<uint32_t> reserved_concurrency{};
  std::optional<seconds> idle_time_out{};  // an idle worker ends after this; 0: at once. Nothing: the node's
  // Initialised ahead of events while memory is free: nobody pays for them, so they go when others need it.
  uint32_t workers_min = 0;    // of each version that has events, and of $LATEST
  uint32_t workers_spare = 0;  // idle ones beside those that are busy, while any is
  friend bool operator==(const FunctionScaling&, const FunctionScaling&) = default;
};

// kInvalidArgument names the field and its limits.
Status ValidateScaling(const FunctionScaling& scaling);

// Stored form. Unknown keys are kept out, missing ones take their default.
std::string EncodeScalingJson(const FunctionScaling& scaling);
Result<FunctionScaling> DecodeScalingJson(std::string_view json);

}  // namespace hearth
