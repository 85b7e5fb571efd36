#pragma once

#include <cstddef>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

namespace hearth {

// Events under way, against the account's limit and what functions have reserved of it: Lambda's reserved
// concurrency. What a function has reserved is there for it, however busy others are; the others share the rest.
//
// Owned by: the router. A Pass, one an event, must not outlive it.
// Thread:   loop thread.
// Limits:   reserved in all <= account_max, which whoever reserves sees to (runtime/registry/reserved_concurrency.h).
class ConcurrencyLimits final {
 private:
  struct Use {
    size_t under_way = 0;
    std::optional<size_t> reserved;
    bool gone = false;
    size_t OnShared() const {
      const size_t own = reserved.value_or(0);
      return under_way > own ? under_way - own : 0;
    }
  };
  using Uses = std::map<std::string, Use, std::less<>>;

 public:
  // An event under way; it has ended when this goes.
  class Pass final {
   public:
    Pass() = default;
    Pass(Pass&& other) noexcept : limits_(std::exchange(other.limits_, nullptr)), use_(other.use_) {}
    Pass& operator=(Pass&& other) noexcept {
      if (this != &other) {
        Leave();
        limits_ = std::exchange(other.limits_, nullptr);
        use_ = other.use_;
      }
      return *this;
    }
    ~Pass() { Leave(); }

   private:
    friend class ConcurrencyLimits;
    Pass(ConcurrencyLimits& limits, Uses::iterator use) : limits_(&limits), use_(use) {}
    void Leave() {
      if (limits_ != nullptr) std::exchange(limits_, nullptr)->Leave(use_);
    }
    ConcurrencyLimits* limits_ = nullptr;
    Uses::iterator use_{};
  };

  enum class Verdict { kAdmit, kFunctionOff, kAccountFull };

  explicit ConcurrencyLimits(size_t account_max) : account_max_(account_max) {}
  ConcurrencyLimits(const ConcurrencyLimits&) = delete;

  // 0: the function is switched off; nullopt: it shares what nobody has reserved.
  void Reserve(std::string_view function, std::optional<size_t> reserved);
  Verdict Check(std::string_view function) const;
  Pass Enter(const std::string& function);
  // It has been deleted: forgotten, with its last event.
  void Forget(std::string_view function);

  size_t reserved() const { return reserved_; }
  size_t shared_max() const { return account_max_ > reserved_ ? account_max_ - reserved_ : 0; }
  size_t functions() const { return uses_.size(); }

 private:
  void Leave(Uses::iterator use);

  const size_t account_max_;
  Uses uses_;  // of functions that had an event or a reservation: kept, so that an event allocates nothing
  size_t reserved_ = 0;  // in all
  size_t shared_ = 0;    // events on what nobody has reserved
};

}  // namespace hearth
