#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "runtime/base/result.h"

namespace hearth {

inline constexpr uint32_t kReservedConcurrencyMax = 1'000'000;  // as concurrency_max

// How many workers a function may have. Of the function, not of a version: a change replaces no worker.
struct FunctionScaling {
  // Lambda's: at most so many workers, and so many events at once are admitted however busy others are. 0: the
  // function is switched off. Nothing: it shares what nobody has reserved.
  std::optional<uint32_t> reserved_concurrency{};
  friend bool operator==(const FunctionScaling&, const FunctionScaling&) = default;
};

// Stored form. Unknown keys are kept out, missing ones take their default.
std::string EncodeScalingJson(const FunctionScaling& scaling);
Result<FunctionScaling> DecodeScalingJson(std::string_view json);

}  // namespace hearth
