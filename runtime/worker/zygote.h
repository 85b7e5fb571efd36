#pragma once

#include <vector>

#include "runtime/base/unique_fd.h"
#include "runtime/worker/setup_frames.h"

namespace hearth {

// Loads the author's library behind the first seccomp filter and, for each request of init, forks a worker from
// itself. `channel` leads to init. Ends with _exit when init has gone. Where the configuration says so, runs the handler's
// init before there is a worker, with `fds` (its channel to hearthd, stdout and stderr) for what that has to say.
[[noreturn]] void RunZygote(int channel, const ZygoteConfigFrame& config, std::vector<UniqueFd> fds);

}  // namespace hearth
