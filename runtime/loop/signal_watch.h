#pragma once

#include <functional>

#include "runtime/loop/loop.h"

namespace hearth {

// Calls back on the loop when the process gets a signal (SIGTERM, SIGINT, SIGHUP). Destroying the watch
// inside its callback is legal.
class SignalWatch final {
 public:
  static Result<std::unique_ptr<SignalWatch>> Create(Loop& loop, int signal_number,
                                                     std::function<void()> on_signal);
  ~SignalWatch();

 private:
  struct Uv;
  SignalWatch() = default;
  Uv* uv_ = nullptr;  // freed by its close callback
};

}  // namespace hearth
