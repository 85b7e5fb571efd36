#pragma once

#include <cstdint>
#include <string>

#include "runtime/base/clock.h"
#include "runtime/base/weak_ptr.h"
#include "runtime/store/key_store.h"

namespace hearth {

// Numbers that only grow, of one bucket: microseconds of the wall clock, or the last one plus one where the
// clock is not past it. A clock that is set back while the daemon is down does not set them back, since they
// stay below a mark that is stored ahead of them.
//
// Owned by LiveBucket.
// Borrows: KeyStore, Clock.
// Thread:  loop thread only.
// Stored:  "sequencer/BUCKET": the mark, in decimal; kAhead past what was given out.
// Failure: while the mark cannot be stored numbers go on past it; they could come again after a restart under
//          a clock that was set back.
class Sequencer final {
 public:
  // A minute of numbers: while there are events a mark is stored every half a minute.
  static constexpr uint64_t kAhead = 60'000'000;

  Sequencer(KeyStore& keys, const Clock& clock, const std::string& bucket);
  void Load(KeyStore::Done done);  // that the mark cannot be stored is no failure
  uint64_t Next();

 private:
  void StoreMark(KeyStore::Done done);

  KeyStore& keys_;
  const Clock& clock_;
  const std::string key_;
  uint64_t last_ = 0;
  uint64_t mark_ = 0;
  bool storing_ = false;
  WeakPtrFactory<Sequencer> weak_{this};
};

}  // namespace hearth
