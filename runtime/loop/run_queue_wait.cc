#include "runtime/loop/run_queue_wait.h"

#include <fcntl.h>
#include <unistd.h>

#include <cinttypes>
#include <cstdio>

namespace hearth {

RunQueueWait::RunQueueWait() : stat_(::open("/proc/thread-self/schedstat", O_RDONLY | O_CLOEXEC)) {}

nanoseconds RunQueueWait::Total() const {
  char text[96];
  const ssize_t size = ::pread(stat_.get(), text, sizeof text - 1, 0);
  if (size <= 0) return nanoseconds(0);
  text[size] = '\0';
  int64_t waited_ns = 0;
  return std::sscanf(text, "%*s %" SCNd64, &waited_ns) == 1 ? nanoseconds(waited_ns) : nanoseconds(0);
}

}  // namespace hearth
