#pragma once

#include "runtime/worker/setup_frames.h"

namespace hearth {

// Loads the author's library behind the first seccomp filter and, for each request of init, forks a worker from
// itself. `channel` leads to init. Ends with _exit when init has gone.
[[noreturn]] void RunZygote(int channel, const ZygoteConfigFrame& config);

}  // namespace hearth
