#include "runtime/base/heap.h"

#include <malloc.h>

namespace hearth {

void KeepHeapForBodies() {
  constexpr int kMappedFromBytes = 1 << 20, kEndKeptBytes = 8 << 20;
  mallopt(M_MMAP_THRESHOLD, kMappedFromBytes);
  mallopt(M_TRIM_THRESHOLD, kEndKeptBytes);
}

}  // namespace hearth
