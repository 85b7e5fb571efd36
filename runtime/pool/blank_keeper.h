#pragma once

#include <cstdint>
#include <functional>
#include <string>

#include "runtime/base/log.h"
#include "runtime/base/units.h"
#include "runtime/loop/executor.h"

namespace hearth {

// What a blank sandbox takes while it waits: two processes (0.5 MiB of private memory) and what the kernel keeps of six
// namespaces (0.35 MiB), measured; rounded up.
inline constexpr Bytes kBlankMemory = 1_MiB;
inline constexpr uint32_t kBlanksMax = 64;

// Pure. One while there is a function that uses them, and one for each that was used lately; never more than `most`.
uint32_t BlanksWanted(bool used_by_some_function, uint32_t lately, uint32_t most);

// How many blank sandboxes are kept ahead, for workers that share nothing with their siblings.
//
// Borrows: everything it is given; all outlive it. Owned by SandboxHost.
// Thread:  loop thread.
// Limits:  most <= kBlanksMax; never more than the node's memory has room for.
// Failure: when the launcher gives up making them, or a worker needs their memory, starts take longer; kAgain later it is
//          tried again.
class BlankKeeper final {
 public:
  static constexpr seconds kSpan{10};  // what "lately" is: this span of time and the one before
  static constexpr seconds kAgain{60};

  // Tells the launcher to keep so many.
  using Keep = std::function<void(uint32_t count)>;
  // Of so many, for how many there is memory, which is theirs from then on.
  using Room = std::function<uint32_t(uint32_t wanted)>;

  BlankKeeper(uint32_t most, Executor& executor, Log& log, Keep keep);

  // Does any function use them?
  void SetUsed(std::function<bool()> used) { used_ = std::move(used); }
  void SetRoom(Room room) { room_ = std::move(room); }

  // There is a launcher, which keeps none yet.
  void OnLauncher();
  void OnLauncherDeath();
  // A worker that uses one was started; from one, or because there was none as a whole.
  void OnStart(bool was_blank);
  // One with a sandbox of its own that no blank one can be.
  void OnWholeStart() { ++without_; }
  void OnBlanks(uint32_t ready, const std::string& problem);
  // A worker needed the memory.
  void OnRoomTaken();
  // Functions have come, gone or changed.
  void Review();

  uint32_t wanted() const { return wanted_; }
  uint32_t ready() const { return ready_; }
  uint64_t starts_from_blanks() const { return from_blanks_; }
  uint64_t starts_without() const { return without_; }

 private:
  uint32_t Lately();
  void Adjust();
  void GiveUp();

  const uint32_t most_;
  Executor& executor_;
  Log& log_;
  const Keep keep_;
  std::function<bool()> used_;
  Room room_;
  bool launcher_ = false;
  bool is_used_ = false;  // as of the last Review()
  bool given_up_ = false;
  uint32_t wanted_ = 0;
  uint32_t ready_ = 0;
  uint64_t from_blanks_ = 0, without_ = 0;
  int64_t span_ = 0;               // the number of the span that `now_` counts
  uint32_t now_ = 0, before_ = 0;  // starts in it, and in the one before
  Timer again_;
};

}  // namespace hearth
