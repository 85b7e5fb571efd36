#pragma once

#include <algorithm>
#include <utility>

#include "runtime/base/check.h"
#include "runtime/base/units.h"
#include "runtime/pool/scaling.h"

namespace hearth {

// The configured memory of all workers of the node may not pass the budget, nor what is free of it go below
// what is promised to workers that commitments keep and do not live yet. A move-only Lease gives its share
// back when it goes.
// Thread:  loop thread. Outlives its leases.
class MemoryBudget final {
 public:
  enum class Share { kFree, kPromised };

  class Lease final {
   public:
    Lease() = default;
    Lease(Lease&& other) noexcept
        : budget_(std::exchange(other.budget_, nullptr)), size_(other.size_), share_(other.share_) {}
    Lease& operator=(Lease&& other) noexcept {
      if (this != &other) {
        GiveBack();
        budget_ = std::exchange(other.budget_, nullptr);
        size_ = other.size_;
        share_ = other.share_;
      }
      return *this;
    }
    ~Lease() { GiveBack(); }
    explicit operator bool() const { return budget_ != nullptr; }

   private:
    friend class MemoryBudget;
    Lease(MemoryBudget* budget, Bytes size, Share share) : budget_(budget), size_(size), share_(share) {}
    void GiveBack() {
      if (budget_ == nullptr) return;
      budget_->used_.count -= size_.count;
      if (share_ == Share::kPromised) budget_->promised_used_.count -= size_.count;
      budget_ = nullptr;
    }
    MemoryBudget* budget_ = nullptr;
    Bytes size_;
    Share share_ = Share::kFree;
  };

  explicit MemoryBudget(Bytes total) : total_(total) {}
  ~MemoryBudget() { CHECK_TRUE(used_.count == 0); }
  MemoryBudget(const MemoryBudget&) = delete;

  // Empty when there is no room. What is promised is for kPromised alone.
  Lease Take(Bytes size, Share share = Share::kFree) {
    const uint64_t kept = share == Share::kFree ? unfilled().count : 0;
    const uint64_t room = total_.count - used_.count;
    if (kept > room || size.count > room - kept) return {};
    used_.count += size.count;
    if (share == Share::kPromised) promised_used_.count += size.count;
    return {this, size, share};
  }
  // To commitments, in all.
  void Promise(Bytes promised) { promised_ = promised; }
  Bytes promised() const { return promised_; }
  // What idle workers that have leases are worth.
  EvictionClock& clock() { return clock_; }
  Bytes used() const { return used_; }
  Bytes total() const { return total_; }

 private:
  Bytes unfilled() const { return Bytes{promised_.count - std::min(promised_.count, promised_used_.count)}; }

  const Bytes total_;
  Bytes used_{0};
  Bytes promised_{0};
  Bytes promised_used_{0};
  EvictionClock clock_;
};

}  // namespace hearth
