#pragma once

#include <cstdint>
#include <functional>
#include <utility>

#include "runtime/base/check.h"

namespace hearth {

// Draining: while it is open work may Enter(); after Close() no more may, and when the last holder has left,
// the callback runs. A move-only Pass leaves the gate when it goes.
// Thread:  one. Owned by whatever drains; outlives its passes.
class Gate final {
 public:
  class Pass final {
   public:
    Pass() = default;
    Pass(Pass&& other) noexcept : gate_(std::exchange(other.gate_, nullptr)) {}
    Pass& operator=(Pass&& other) noexcept {
      if (this != &other) {
        Leave();
        gate_ = std::exchange(other.gate_, nullptr);
      }
      return *this;
    }
    ~Pass() { Leave(); }
    explicit operator bool() const { return gate_ != nullptr; }

   private:
    friend class Gate;
    explicit Pass(Gate* gate) : gate_(gate) {}
    void Leave() {
      if (gate_) std::exchange(gate_, nullptr)->Left();
    }
    Gate* gate_ = nullptr;
  };

  Gate() = default;
  Gate(const Gate&) = delete;
  Gate& operator=(const Gate&) = delete;
  ~Gate() { CHECK_TRUE(holders_ == 0); }

  // An empty pass when closed.
  Pass Enter() {
    if (closed_) return {};
    ++holders_;
    return Pass(this);
  }
  // Also when closed, while somebody is inside: for what that one's work needs.
  Pass EnterWithin() {
    if (holders_ == 0) return {};
    ++holders_;
    return Pass(this);
  }
  // `drained` runs once: at once when nobody is inside, else from the last holder's leave.
  void Close(std::function<void()> drained) {
    CHECK_TRUE(!closed_);
    closed_ = true;
    drained_ = std::move(drained);
    if (holders_ == 0) Drained();
  }
  bool closed() const { return closed_; }
  uint64_t holders() const { return holders_; }

 private:
  void Left() {
    if (--holders_ == 0 && closed_) Drained();
  }
  void Drained() {
    if (auto run = std::exchange(drained_, nullptr)) run();
  }

  bool closed_ = false;
  uint64_t holders_ = 0;
  std::function<void()> drained_;
};

}  // namespace hearth
