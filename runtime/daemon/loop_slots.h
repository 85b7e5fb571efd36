#pragma once

#include <string>
#include <vector>

#include "runtime/base/result.h"
#include "runtime/store/open_slots.h"

namespace hearth {

// The slots of loops beside the first (LoopAttempts), two files each in the ledger's folder: open.N.slots, settled.N.slots.
// There may be more than there are loops now: of a life of the daemon with more, until what is left in them is recorded.
class LoopSlots final {
 public:
  static constexpr size_t kSettledSlots = 8'192;  // records on their way from one loop: 4 MiB

  static Result<LoopSlots> Open(const std::string& folder, size_t loops, size_t open_slots);
  // Of all files, for Meter::Open().
  std::vector<OpenSlots::Opened*> all();
  // After that: files of loops that are no more, and in which nothing is left, are removed.
  Status RemoveSpent();
  // Of loop `number`, from 1; once.
  std::unique_ptr<OpenSlots> TakeOpen(size_t number) { return std::move(files_[number - 1].open.slots); }
  std::unique_ptr<OpenSlots> TakeSettled(size_t number) {
    return std::move(files_[number - 1].settled.slots);
  }

 private:
  struct Files {
    std::string open_path, settled_path;
    OpenSlots::Opened open, settled;
  };
  size_t loops_ = 0;
  std::vector<Files> files_;
};

}  // namespace hearth
