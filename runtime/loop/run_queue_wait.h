#pragma once

#include "runtime/base/clock.h"
#include "runtime/base/unique_fd.h"
#include "runtime/base/units.h"

namespace hearth {

// How long the kernel has let the thread that made this one wait for a processor since it began (the second figure of
// /proc/thread-self/schedstat). Zero where the kernel does not count that.
class RunQueueWait final {
 public:
  RunQueueWait();
  nanoseconds Total() const;

 private:
  UniqueFd stat_;
};

}  // namespace hearth
