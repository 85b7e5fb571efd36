#pragma once

#include <functional>
#include <string>

#include "runtime/base/log.h"
#include "runtime/base/result.h"
#include "runtime/base/units.h"
#include "runtime/loop/executor.h"

namespace hearth {

// Is new work refused, with so much room left? Refused below `reserve`; taken again from a quarter more on, so that a
// disk at the edge does not make both of each second.
bool IsDiskFull(bool was_full, Bytes free, Bytes reserve);

// May new work be taken?
class NewWork {
 public:
  virtual ~NewWork() = default;
  virtual Status Check() const = 0;  // kUnavailable with the reason why not
};

// Looks at the room on the data folder's disk and says whether new work may be taken. What runs is finished in the
// room that is left: that is what the reserve is for.
//
// Borrows: executor and log; both outlive it.
// Thread:  loop thread. It asks the kernel for a figure that is in memory, each kInterval.
// Failure: a disk that cannot be asked is taken for one with room: whoever writes finds out.
class DiskGuard final : public NewWork {
 public:
  static constexpr milliseconds kInterval{500};

  using Free = std::function<Result<Bytes>()>;

  // `reserve` 0: never full.
  DiskGuard(std::string folder, Bytes reserve, Free free, Executor& executor, Log& log);
  static Free FreeOf(std::string folder);

  // kUnavailable while the disk is full.
  Status Check() const override { return full_ ? Status(why_) : Ok(); }
  void Look();

 private:
  // Constant after construction.
  const std::string folder_;
  const Bytes reserve_;
  const Free free_;
  // Borrowed.
  Executor& executor_;
  Log& log_;
  // Mutable.
  bool full_ = false;
  Error why_;
  Timer next_;
};

}  // namespace hearth
