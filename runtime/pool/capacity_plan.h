#pragma once

#include <cstddef>
#include <memory>
#include <string>
#include <vector>

#include "runtime/model/plan.h"

namespace hearth {

// How the place that a worker has is paid for.
struct Seat {
  Plan plan = Plan::kOnDemand;
  std::string commitment;  // "" on demand
  friend bool operator==(const Seat&, const Seat&) = default;
};
using SeatPtr = std::shared_ptr<const Seat>;  // shared by workers and leases

// What the account's commitments mean for one function version.
struct CapacityPlan {
  struct Reserved {
    std::string commitment;
    size_t workers = 0;  // kept initialised
    friend bool operator==(const Reserved&, const Reserved&) = default;
  };
  std::vector<Reserved> reserved;  // oldest commitment first
  std::string dedicated;           // commitment on whose processors all its workers run; "": everybody's

  size_t reserved_workers() const {
    size_t workers = 0;
    for (const Reserved& one : reserved) workers += one.workers;
    return workers;
  }
  friend bool operator==(const CapacityPlan&, const CapacityPlan&) = default;
};

}  // namespace hearth
