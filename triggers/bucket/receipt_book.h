#pragma once

#include <array>
#include <cstdint>
#include <functional>
#include <map>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "runtime/base/weak_ptr.h"
#include "runtime/store/key_store.h"
#include "triggers/bucket/object_identity.h"

namespace hearth {

// What was done, for whom: one receipt a (target, key), so that a file makes one event however often it is
// seen.
struct Receipt {
  enum class State {
    kDone,
    kFailed,
    kSkipped,  // was there before its function's time
  };
  State state = State::kDone;
  std::string target;  // "name" or "name:qualifier"
  std::string key;     // raw bytes
  ObjectIdentity identity;
  std::string error;      // of the last attempt, when kFailed
  std::string hash = {};  // of the content, 64 hexadecimal digits; "": not known
};

// Stored form, one line: "1 done|failed|skipped INODE SIZE MTIME_NS CTIME_NS TARGET KEY ERROR"; the last three are
// percent-encoded, so they hold no blank. 1 is the version of the format. With a hash of the content the version is 2, and
// the hash stands between KEY and ERROR.
std::string EncodeReceipt(const Receipt& receipt);
Result<Receipt> DecodeReceipt(std::string_view text);

// The receipts of one bucket.
//
// Owns:    an index of all in memory (about 100 bytes each), the receipts themselves of those that failed.
//          Owned by LiveBucket.
// Borrows: KeyStore.
// Thread:  loop thread only.
// Stored:  "receipt/BUCKET/HASH"; HASH is 32 hex digits of SHA-256 over target and key, since a key may be
//          longer than a KeyStore's. A scan asks for each file that there is; a receipt that a complete scan
//          never asked for belongs to a file that is gone.
// Promise: no callback runs after the destructor returns.
class ReceiptBook final {
 public:
  using Done = KeyStore::Done;
  ReceiptBook(KeyStore& keys, std::string bucket)
      : keys_(keys), prefix_("receipt/" + std::move(bucket) + "/") {}

  void Load(Done done);
  // True when the target is done with (or has failed for good on) this content of the key. Counts as seen by
  // the scan.
  bool Has(const std::string& target, const std::string& key, const ObjectIdentity& identity);
  // Has it one of other content, whose hash is known?
  bool HasHashOf(const std::string& target, const std::string& key) const;
  // "" when there is none, or none that can be read.
  void HashOf(const std::string& target, const std::string& key, std::function<void(std::string)> done);
  // Has the key a receipt, of whatever content?
  bool Knows(const std::string& target, const std::string& key) const {
    return index_.contains(IdOf(target, key));
  }
  // Durable when `done` says so; Has() is true from then on.
  void Record(Receipt receipt, Done done);
  // A receipt kSkipped: counts at once, is durable after FlushSkipped().
  void Skip(const std::string& target, const std::string& key, const ObjectIdentity& identity);
  void FlushSkipped(Done done);  // may run `done` within the call
  void Forget(const std::string& target, const std::string& key);
  void ForgetAll(Done done);

  void BeginScan();
  size_t seen_in_scan() const { return seen_; }
  // Forgets what BeginScan() to now neither asked for nor recorded.
  void Sweep();
  // The same, but one by one: whose file has gone, up to `max`. What is not forgotten by the one who asks is
  // found again after the next scan. `left`: there were more.
  using OnUnseen = std::function<void(std::vector<Receipt> unseen, bool left)>;
  void TakeUnseen(size_t max, OnUnseen done);

  size_t size() const { return index_.size(); }
  const std::map<std::string, Receipt>& failed() const { return failed_; }  // by hash

 private:
  using Id = std::array<uint8_t, 16>;
  struct IdHash {
    size_t operator()(const Id& id) const;
  };
  struct Entry {
    ObjectIdentity identity;
    uint32_t scan = 0;  // the last that asked for it
    bool hashed = false;
  };
  static Id IdOf(const std::string& target, const std::string& key);
  static std::string HexOf(const Id& id);
  void Drop(const std::vector<Id>& ids, Done done);
  void LoadPart(uint32_t part, Done done);
  void Add(const KeyStore::Entry& entry);

  KeyStore& keys_;
  const std::string prefix_;
  std::unordered_map<Id, Entry, IdHash> index_;
  std::map<std::string, Receipt> failed_;
  std::vector<KeyStore::Write> skipped_;  // not yet stored
  Status skipped_stored_ = Ok();          // the first failure since the last flush
  uint32_t scan_ = 1;
  size_t seen_ = 0;
  WeakPtrFactory<ReceiptBook> weak_{this};
};

}  // namespace hearth
