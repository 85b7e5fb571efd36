#pragma once

#include <functional>
#include <string>
#include <utility>
#include <vector>

#include "runtime/store/ledger_log.h"

namespace hearth {

// A ledger in memory; full when the test says so.
class MemoryLedger final : public LedgerLog {
 public:
  Result<uint64_t> Append(std::string_view record) override {
    if (full_) return Error{ErrorCode::kUnavailable, "the disk is full"};
    if (std::exchange(lose_next_, false)) return next_++;
    records_.emplace_back(record);
    return next_++;
  }
  bool writable() const override { return writable_; }
  void Sync(std::function<void(Status)> done) override {
    if (!hold_syncs_) return done(Ok());
    syncs_.push_back(std::move(done));
  }
  Status Read(uint64_t from, const std::function<bool(uint64_t, std::string_view)>& visit) const override {
    for (uint64_t n = from; n < records_.size(); ++n) {
      if (!visit(n, records_[n])) break;
    }
    return Ok();
  }
  uint64_t size() const override { return next_; }
  Status Verify() const override { return Ok(); }

  void HoldSyncs() { hold_syncs_ = true; }
  void FinishSyncs(const Status& status) {
    for (auto& done : std::exchange(syncs_, {})) done(status);
  }
  void BecomeFull() { full_ = true; }
  void HaveRoom() { full_ = false; }
  bool full() const { return full_; }
  // A broken ledger, for tests of tests.
  void LoseNext() { lose_next_ = true; }
  void SetWritable(bool writable) { writable_ = writable; }

 private:
  std::vector<std::string> records_;
  uint64_t next_ = 0;
  bool lose_next_ = false;
  std::vector<std::function<void(Status)>> syncs_;
  bool hold_syncs_ = false;
  bool full_ = false;
  bool writable_ = true;
};

}  // namespace hearth
