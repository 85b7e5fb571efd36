#pragma once

#include <cerrno>
#include <optional>
#include <string>
#include <string_view>

#include "runtime/base/result.h"

namespace hearth {

// What went wrong where: the kernel's step, its errno, and more if there is more to say.
struct StepFailure {
  std::string stage;  // "bind /usr/lib", "drop capabilities"
  int error = 0;      // errno, or 0
  std::string detail;
};

// Hears of each stage before it is tried, so that a crash or a hang in one can be named too.
class StepObserver {
 public:
  virtual ~StepObserver() = default;
  virtual void Entered(std::string_view stage) = 0;
};

// Keeps a flat list of system calls readable and each failure named:
//
//   return steps.At("make mounts private").Ok(mount(...)) &&
//          steps.At("set host name").Ok(sethostname(...));
//
// At() is evaluated before the arguments of Ok() (C++17), hence before the call it names.
class Steps final {
 public:
  explicit Steps(StepObserver* observer = nullptr) : observer_(observer) {}

  Steps& At(std::string_view stage) {
    stage_ = stage;
    if (observer_ != nullptr) observer_->Entered(stage);
    return *this;
  }
  // What a system call returned.
  bool Ok(long result) {
    if (result >= 0) return true;
    failure_ = StepFailure{stage_, errno, {}};
    return false;
  }
  bool Ok(const Status& status) {
    if (status.ok()) return true;
    failure_ = StepFailure{stage_, 0, status.error().message};
    return false;
  }
  bool Fail(int error, std::string detail) {
    failure_ = StepFailure{stage_, error, std::move(detail)};
    return false;
  }

  const std::string& stage() const { return stage_; }
  const std::optional<StepFailure>& failure() const { return failure_; }

 private:
  StepObserver* const observer_;
  std::string stage_;
  std::optional<StepFailure> failure_;
};

}  // namespace hearth
