#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace hearth {

// Asked at admission, on the loop, for each event: must cost no more than a look-up.
//
// The router refuses with a throttle (429) and `message`; an event that waits in a queue stays there, without
// a receive counted. What runs already is finished.
class BudgetGate {
 public:
  struct Refusal {
    std::string budget;   // its name, for metrics
    std::string message;  // what, why, until when, what to do
  };

  virtual ~BudgetGate() = default;
  // Nothing: go on.
  virtual std::optional<Refusal> Check(std::string_view function) const = 0;
};

// For daemons without budgets, and tests.
class OpenBudgetGate final : public BudgetGate {
 public:
  std::optional<Refusal> Check(std::string_view) const override { return std::nullopt; }
};

}  // namespace hearth
