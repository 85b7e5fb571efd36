#include "runtime/base/heap.h"

#include <malloc.h>

#include <string>

#include <catch2/catch.hpp>

namespace hearth {
namespace {

TEST_CASE("a body's memory is neither mapped nor given back to the kernel between two requests", "[heap]") {
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
  WARN("not looked at: the sanitizer has a malloc of its own; a build without one looks");
  KeepHeapForBodies();
#else
  KeepHeapForBodies();
  { const std::string first(512 << 10, 'x'); }
  const struct mallinfo2 before = mallinfo2();
  for (int request = 0; request < 100; ++request) {
    const std::string body(512 << 10, 'x');
    CHECK(mallinfo2().hblks == before.hblks);
  }
  CHECK(mallinfo2().arena == before.arena);
#endif
}

}  // namespace
}  // namespace hearth
