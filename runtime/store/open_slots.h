#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "runtime/base/ids.h"
#include "runtime/base/result.h"
#include "runtime/store/ledger_segment.h"

namespace hearth {

// What is under way, each in a slot of a small mapped file: written before the work begins, freed when its
// record is in the ledger. What is in a slot at the next start was interrupted. docs/ledger-format.md has the
// bytes.
//
// Owns:    the mapping. Owned by the meter.
// Thread:  one (the loop's). Put() and Free() are copies into the mapping: no system call.
// Durable: against kill -9. Never synced: after power loss a slot may be as it was up to half a minute
//          before, so what is in one is held against the ledger before it is believed.
// Limits:  `slots` at once, on top of those that were left over; 504 bytes each.
class OpenSlots final {
 public:
  using Id = NumberId<struct OpenSlotTag>;
  static constexpr size_t kSlotBytes = 512;  // in one page and one sector: all of it is old or new
  static constexpr size_t kPayloadBytesMax = kSlotBytes - kFrameHeaderBytes;

  struct Left {
    Id slot;
    std::string payload;
  };
  struct Opened;

  // Makes the file anew, with what the last life left in its slots: those stay taken until they are freed.
  // kUnsupported: another format version.
  static Result<Opened> Open(const std::string& path, size_t slots);

  // kTooLarge; kUnavailable when every slot is taken.
  Result<Id> Put(std::string_view payload);
  void Free(Id slot);
  size_t taken() const { return capacity_ - free_.size(); }

 private:
  explicit OpenSlots(std::unique_ptr<LedgerSegment> file, size_t capacity, size_t taken);

  const std::unique_ptr<LedgerSegment> file_;
  const size_t capacity_;
  std::vector<uint32_t> free_;  // a stack, so that few slots are used over and over
};

struct OpenSlots::Opened {
  std::unique_ptr<OpenSlots> slots;
  std::vector<Left> left;
  uint64_t damaged = 0;  // slots that were in use and cannot be read
  std::string detail;    // of the damage
};

}  // namespace hearth
