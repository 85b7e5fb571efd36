#pragma once

#include <functional>

#include "runtime/loop/loop.h"

namespace hearth {

enum class FdEvents { kReadable = 1, kWritable = 2, kBoth = 3 };

// Calls back, level-triggered, while a descriptor is readable or writable (also on hang-up and error: the
// next call on the descriptor tells; after an error there is one call only). The descriptor is borrowed and
// outlives the watch; it becomes non-blocking. One watch a descriptor. Destroying the watch inside its
// callback is legal.
class FdWatch final {
 public:
  static Result<std::unique_ptr<FdWatch>> Create(Loop& loop, int fd, FdEvents events,
                                                 std::function<void(FdEvents ready)> on_ready);
  ~FdWatch();
  Status Change(FdEvents events);

 private:
  struct Uv;
  FdWatch() = default;
  Uv* uv_ = nullptr;  // freed by its close callback
};

}  // namespace hearth
