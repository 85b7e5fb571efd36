#include "runtime/loop/run_queue_wait.h"

#include <sched.h>

#include <atomic>
#include <fstream>
#include <thread>

#include <catch2/catch.hpp>

namespace hearth {
namespace {

// Two that want one processor: one of them waits.
TEST_CASE("how long a thread waited for a processor is counted, of its own alone", "[loop]") {
  cpu_set_t before, one;
  REQUIRE(sched_getaffinity(0, sizeof before, &before) == 0);
  CPU_ZERO(&one);
  CPU_SET(static_cast<size_t>(sched_getcpu()), &one);
  REQUIRE(sched_setaffinity(0, sizeof one, &one) == 0);
  const RunQueueWait wait;
  const nanoseconds at_first = wait.Total();
  std::atomic<bool> done{false};
  std::thread other([&] {
    while (!done) {
    }
  });
  nanoseconds waited{0};
  const auto patience = std::chrono::steady_clock::now() + seconds(20);
  while (waited < milliseconds(5) && std::chrono::steady_clock::now() < patience)
    waited = wait.Total() - at_first;
  done = true;
  other.join();
  REQUIRE(sched_setaffinity(0, sizeof before, &before) == 0);
  if (!std::ifstream("/proc/thread-self/schedstat").good()) {
    WARN("this kernel does not count it");
    CHECK(waited == nanoseconds(0));
    return;
  }
  CHECK(waited >= milliseconds(5));
}

}  // namespace
}  // namespace hearth
