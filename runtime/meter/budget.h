#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "runtime/base/result.h"
#include "runtime/meter/money.h"

namespace hearth {

enum class BudgetAction : uint8_t { kWarn, kThrottle };
std::string_view NameOf(BudgetAction action);
Result<BudgetAction> ParseBudgetAction(std::string_view name);

// So much money a calendar month (UTC), for the account, a function, or whatever bears a tag.
struct Budget {
  struct Step {
    uint32_t percent = 100;  // of the amount
    BudgetAction action = BudgetAction::kWarn;
    friend bool operator==(const Step&, const Step&) = default;
  };

  std::string name;
  std::string function;   // "" with tag_key "": the account
  std::string tag_key;    // "cost-center"
  std::string tag_value;  // "vision"
  Money monthly;
  std::vector<Step> steps;  // percent ascending; at most kBudgetStepsMax

  friend bool operator==(const Budget&, const Budget&) = default;
};

inline constexpr size_t kBudgetsMax = 1'000;
inline constexpr size_t kBudgetStepsMax = 10;
inline constexpr uint32_t kBudgetPercentMax = 1'000;

Status ValidateBudget(const Budget& budget);

}  // namespace hearth
