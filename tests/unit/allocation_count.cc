#include "tests/unit/allocation_count.h"

#include <atomic>
#include <cstdlib>
#include <new>

// Of this program every piece of memory that C++ asks for is counted. Not of C's malloc(): nothing on a request's way calls it.
namespace {
std::atomic<size_t> allocations = 0;  // NOLINT: operator new has no object that it could ask

void* Counted(size_t bytes, size_t alignment) {
  ++allocations;
  const size_t rounded = (bytes + alignment - 1) / alignment * alignment;
  if (void* memory = std::aligned_alloc(alignment, rounded == 0 ? alignment : rounded)) return memory;
  std::abort();
}
}  // namespace

void* operator new(size_t bytes) { return Counted(bytes, alignof(std::max_align_t)); }
void* operator new(size_t bytes, std::align_val_t alignment) {
  return Counted(bytes, static_cast<size_t>(alignment));
}
void* operator new(size_t bytes, const std::nothrow_t&) noexcept {
  return Counted(bytes, alignof(std::max_align_t));
}
void operator delete(void* memory) noexcept { std::free(memory); }
void operator delete(void* memory, size_t) noexcept { std::free(memory); }
void operator delete(void* memory, std::align_val_t) noexcept { std::free(memory); }
void operator delete(void* memory, size_t, std::align_val_t) noexcept { std::free(memory); }

namespace hearth {

double AllocationsOf(const std::function<void()>& step, size_t times) {
  for (size_t i = 0; i < times; ++i) step();
  const size_t before = allocations;
  for (size_t i = 0; i < times; ++i) step();
  return static_cast<double>(allocations - before) / static_cast<double>(times);
}

}  // namespace hearth
