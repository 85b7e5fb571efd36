#pragma once

#include <cstdint>
#include <functional>
#include <string>

#include "runtime/meter/attempt_book.h"

namespace hearth {

// The attempts of one loop beside the first. A record goes into a slot of this loop's own, which survives kill -9 at
// once, and from there, with many others, into the ledger, which the first loop keeps; then the slot is free again.
//
// Owns:    two files of slots: attempts that are open, and records that are on their way.
// Borrows: the ledger's side, which outlives it.
// Thread:  that of its loop. Record() makes no system call and takes no lock.
// Limits:  slots; while all of the second file are taken, a record is kHeld.
// Promise: what is on its way when the daemon dies is in the ledger once it has started again (Meter::Open()).
class LoopAttempts final : public AttemptBook {
 public:
  // Which slot a record came from.
  struct Source {
    enum class File { kSettled, kOpen };
    File file = File::kSettled;
    OpenSlots::Id slot;
  };
  // The first loop, from here: nothing is answered inside these calls. OnTaken() follows each Take(), once the ledger has
  // the record.
  class Ledger {
   public:
    virtual ~Ledger() = default;
    virtual void Take(Source source, std::string record) = 0;
    // Once all that was taken before survives power loss.
    virtual void Sync(std::function<void(Status)> done) = 0;
  };

  LoopAttempts(std::unique_ptr<OpenSlots> open, std::unique_ptr<OpenSlots> settled, uint64_t boot_id,
               Ledger& ledger)
      : boot_id_(boot_id), ledger_(ledger), open_(std::move(open)), settled_(std::move(settled)) {}

  Result<OpenSlots::Id> Begin(const InvocationRecord& opening) override;
  void Withdraw(OpenSlots::Id open) override { open_->Free(open); }
  Result<Recorded> Record(const InvocationRecord& record, OpenSlots::Id open) override;
  void Sync(std::function<void(Status)> done) override { ledger_.Sync(std::move(done)); }
  bool writable() const override { return writable_; }
  uint64_t boot_id() const override { return boot_id_; }

  void OnTaken(Source source) { (source.file == Source::File::kOpen ? *open_ : *settled_).Free(source.slot); }
  void SetWritable(bool writable) { writable_ = writable; }
  size_t on_their_way() const { return settled_->taken(); }

 private:
  const uint64_t boot_id_;
  Ledger& ledger_;
  const std::unique_ptr<OpenSlots> open_;
  const std::unique_ptr<OpenSlots> settled_;
  bool writable_ = true;
};

}  // namespace hearth
