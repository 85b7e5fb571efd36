#pragma once

#include <cstdint>
#include <functional>
#include <vector>

#include "runtime/base/random.h"
#include "runtime/loop/executor.h"
#include "runtime/meter/account.h"

namespace hearth {

// Where the memory that the node has for workers is at one moment, in MiB. What is left of `capacity` is free.
struct NodeMemory {
  uint64_t capacity = 0;
  uint64_t busy = 0;
  uint64_t reserved_busy = 0;
  uint64_t reserved_idle = 0;
  uint64_t spot = 0;
  uint64_t dedicated = 0;
  uint64_t keep_alive = 0;
  uint64_t platform = 0;
};

// Writes into the ledger where the node's memory was in each hour: what a bill's share of idle is drawn from.
// It looks about once a second, at moments that no event's rhythm can follow, and takes what it sees for the whole time
// since it looked last.
//
// Owned by the daemon. Borrows: account, executor, random, what `look` asks; all outlive it.
// Thread:  loop thread.
// Failure: what the ledger does not take is kept and tried again with the next look, the last kKept hours of it;
//          `on_failure` is told once, until it works again. A daemon that is killed loses the hour that runs.
// Promise: no callback runs after the destructor returns.
class NodeHours final {
 public:
  static constexpr milliseconds kEvery{1'000};  // on average; half of it to half more
  static constexpr size_t kKept = 48;

  using Look = std::function<NodeMemory()>;
  using OnFailure = std::function<void(const Error&)>;

  NodeHours(Account& account, Executor& executor, Random& random, Look look, OnFailure on_failure);
  void Start();
  // Looks once more and writes what there is of the hour; no more looks.
  void Stop();

 private:
  void LookLater();
  void Observe();
  void Add(const NodeMemory& memory, uint64_t ms);
  void EndHour();
  void Write();

  // Borrowed.
  Account& account_;
  Executor& executor_;
  Random& random_;
  // Constant after construction.
  const Look look_;
  const OnFailure on_failure_;
  // Mutable.
  NodeHour hour_;                    // that runs
  std::vector<NodeHour> unwritten_;  // oldest first
  MonotonicTime looked_{};
  bool failing_ = false;
  Timer timer_;
};

}  // namespace hearth
