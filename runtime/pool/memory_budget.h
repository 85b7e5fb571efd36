#pragma once

#include <utility>

#include "runtime/base/check.h"
#include "runtime/base/units.h"

namespace hearth {

// The configured memory of all workers of the node may not pass the budget. A move-only Lease gives its share
// back when it goes.
// Thread:  loop thread. Outlives its leases.
class MemoryBudget final {
 public:
  class Lease final {
   public:
    Lease() = default;
    Lease(Lease&& other) noexcept : budget_(std::exchange(other.budget_, nullptr)), share_(other.share_) {}
    Lease& operator=(Lease&& other) noexcept {
      if (this != &other) {
        GiveBack();
        budget_ = std::exchange(other.budget_, nullptr);
        share_ = other.share_;
      }
      return *this;
    }
    ~Lease() { GiveBack(); }
    explicit operator bool() const { return budget_ != nullptr; }

   private:
    friend class MemoryBudget;
    Lease(MemoryBudget* budget, Bytes share) : budget_(budget), share_(share) {}
    void GiveBack() {
      if (budget_ != nullptr) std::exchange(budget_, nullptr)->used_.count -= share_.count;
    }
    MemoryBudget* budget_ = nullptr;
    Bytes share_;
  };

  explicit MemoryBudget(Bytes total) : total_(total) {}
  ~MemoryBudget() { CHECK_TRUE(used_.count == 0); }
  MemoryBudget(const MemoryBudget&) = delete;

  // Empty when there is no room.
  Lease Take(Bytes share) {
    if (share.count > total_.count - used_.count) return {};
    used_.count += share.count;
    return {this, share};
  }
  Bytes used() const { return used_; }
  Bytes total() const { return total_; }

 private:
  const Bytes total_;
  Bytes used_{0};
};

}  // namespace hearth
