#include "triggers/bucket/receipt_book.h"

#include <algorithm>
#include <cstring>
#include <memory>
#include <optional>
#include <sstream>

#include "runtime/base/digest.h"
#include "triggers/bucket/s3_event_json.h"

namespace hearth {
namespace {

constexpr std::string_view kVersion = "1", kVersionWithHash = "2";
constexpr size_t kHashDigits = 64;
// An error's text is for a human; what is longer is cut, so that a receipt stays far below the store's limit.
constexpr size_t kErrorBytesMax = 500;
// One transaction of the store.
constexpr size_t kDropBatch = 1000;
// Receipts are loaded in so many parts, by the first two digits of their hash: a million of them would
// otherwise be held twice, and decoded in one turn of the loop.
constexpr uint32_t kLoadParts = 256;

std::string_view NameOf(Receipt::State state) {
  switch (state) {
    case Receipt::State::kDone:
      return "done";
    case Receipt::State::kFailed:
      return "failed";
    case Receipt::State::kSkipped:
      break;
  }
  return "skipped";
}

std::optional<Receipt::State> StateOf(std::string_view name) {
  for (const auto state : {Receipt::State::kDone, Receipt::State::kFailed, Receipt::State::kSkipped}) {
    if (name == NameOf(state)) return state;
  }
  return std::nullopt;
}

}  // namespace

std::string EncodeReceipt(const Receipt& receipt) {
  // A receipt without a hash stays readable to a daemon of before.
  return std::string(receipt.hash.empty() ? kVersion : kVersionWithHash) + ' ' +
         std::string(NameOf(receipt.state)) + ' ' + receipt.identity.Text() + ' ' +
         EncodeKey(receipt.target) + ' ' + EncodeKey(receipt.key) + ' ' +
         (receipt.hash.empty() ? "" : receipt.hash + ' ') +
         EncodeKey(std::string_view(receipt.error).substr(0, kErrorBytesMax));
}

Result<Receipt> DecodeReceipt(std::string_view text) {
  std::istringstream in{std::string(text)};
  std::string version, state, target, key, error;
  Receipt receipt;
  ObjectIdentity& identity = receipt.identity;
  in >> version >> state >> identity.inode >> identity.size >> identity.mtime_ns >> identity.ctime_ns >>
      target >> key;
  const auto known = StateOf(state);
  if (version == kVersionWithHash) in >> receipt.hash;
  const bool versed =
      version == kVersion || (version == kVersionWithHash && receipt.hash.size() == kHashDigits);
  if (!in || !versed || !known) {
    return Error{ErrorCode::kCorrupt, "receipt \"" + std::string(text.substr(0, 200)) + "\" cannot be read"};
  }
  in >> error;
  receipt.state = *known;
  receipt.target = DecodeKey(target);
  receipt.key = DecodeKey(key);
  receipt.error = DecodeKey(error);
  return receipt;
}

void ReceiptBook::Load(Done done) { LoadPart(0, std::move(done)); }

void ReceiptBook::LoadPart(uint32_t part, Done done) {
  if (part == kLoadParts) return done(Ok());
  const char digits[] = {"0123456789abcdef"[part >> 4], "0123456789abcdef"[part & 15]};
  keys_.List(prefix_ + std::string(digits, 2), [weak = weak_.Get(), part, done = std::move(done)](
                                                   const Result<std::vector<KeyStore::Entry>>& entries) {
    if (!weak) return;
    if (!entries.ok()) return done(entries.error());
    for (const KeyStore::Entry& entry : *entries) weak->Add(entry);
    weak->LoadPart(part + 1, done);
  });
}

// One that cannot be read counts as none: its file runs once more.
void ReceiptBook::Add(const KeyStore::Entry& entry) {
  auto receipt = DecodeReceipt(entry.value);
  if (!receipt.ok()) return;
  const Id id = IdOf(receipt->target, receipt->key);
  index_[id] = {receipt->identity, 0, !receipt->hash.empty()};
  if (receipt->state == Receipt::State::kFailed) failed_[HexOf(id)] = std::move(*receipt);
}

bool ReceiptBook::Has(const std::string& target, const std::string& key, const ObjectIdentity& identity) {
  const auto found = index_.find(IdOf(target, key));
  if (found == index_.end()) return false;
  if (std::exchange(found->second.scan, scan_) != scan_) ++seen_;
  return found->second.identity == identity;
}

bool ReceiptBook::HasHashOf(const std::string& target, const std::string& key) const {
  const auto found = index_.find(IdOf(target, key));
  return found != index_.end() && found->second.hashed;
}

void ReceiptBook::HashOf(const std::string& target, const std::string& key,
                         std::function<void(std::string)> done) {
  keys_.Get(prefix_ + HexOf(IdOf(target, key)),
            [weak = weak_.Get(), done = std::move(done)](const Result<std::optional<std::string>>& text) {
              if (!weak) return;
              if (!text.ok() || !*text) return done("");
              const auto receipt = DecodeReceipt(**text);
              done(receipt.ok() && receipt->state == Receipt::State::kDone ? receipt->hash : "");
            });
}

void ReceiptBook::Record(Receipt receipt, Done done) {
  const Id id = IdOf(receipt.target, receipt.key);
  std::vector<KeyStore::Write> writes{{prefix_ + HexOf(id), EncodeReceipt(receipt)}};
  keys_.Apply(std::move(writes), [weak = weak_.Get(), id, receipt = std::move(receipt),
                                  done = std::move(done)](const Status& stored) {
    if (!weak) return;
    if (stored.ok()) {
      weak->index_[id] = {receipt.identity, weak->scan_, !receipt.hash.empty()};
      weak->failed_.erase(HexOf(id));
      if (receipt.state == Receipt::State::kFailed) weak->failed_[HexOf(id)] = receipt;
    }
    done(stored);
  });
}

void ReceiptBook::Skip(const std::string& target, const std::string& key, const ObjectIdentity& identity) {
  const Id id = IdOf(target, key);
  index_[id] = {identity, scan_, false};
  failed_.erase(HexOf(id));
  skipped_.push_back(
      {prefix_ + HexOf(id), EncodeReceipt({Receipt::State::kSkipped, target, key, identity, ""})});
  if (skipped_.size() < kDropBatch) return;
  keys_.Apply(std::exchange(skipped_, {}), [weak = weak_.Get()](const Status& stored) {
    if (weak && !stored.ok()) weak->skipped_stored_ = stored;
  });
}

void ReceiptBook::FlushSkipped(Done done) {
  if (skipped_.empty()) return done(std::exchange(skipped_stored_, Ok()));
  keys_.Apply(std::exchange(skipped_, {}),
              [weak = weak_.Get(), done = std::move(done)](const Status& stored) {
                if (!weak) return;
                const Status before = std::exchange(weak->skipped_stored_, Ok());
                done(before.ok() ? stored : before);
              });
}

void ReceiptBook::Forget(const std::string& target, const std::string& key) {
  const Id id = IdOf(target, key);
  // If the store fails here the receipt lives on there until a scan sweeps it: its identity cannot come again
  // by then.
  if (index_.contains(id)) Drop({id}, [](const Status&) {});
}

void ReceiptBook::ForgetAll(Done done) {
  std::vector<Id> ids;
  for (const auto& [id, entry] : index_) ids.push_back(id);
  Drop(ids, std::move(done));
}

void ReceiptBook::BeginScan() {
  ++scan_;
  seen_ = 0;
}

void ReceiptBook::Sweep() {
  std::vector<Id> ids;
  for (const auto& [id, entry] : index_) {
    if (entry.scan != scan_) ids.push_back(id);
  }
  Drop(ids, [](const Status&) {});
}

void ReceiptBook::TakeUnseen(size_t max, OnUnseen done) {
  struct Taken {
    std::vector<Receipt> unseen;
    size_t open = 0;
    bool left = false;
    OnUnseen done;
  };
  auto taken = std::make_shared<Taken>();
  std::vector<Id> ids;
  for (const auto& [id, entry] : index_) {
    if (entry.scan == scan_) continue;
    taken->left = ids.size() == max;
    if (taken->left) break;
    ids.push_back(id);
  }
  taken->open = ids.size();
  taken->done = std::move(done);
  if (ids.empty()) return taken->done({}, false);
  for (const Id& id : ids) {
    keys_.Get(prefix_ + HexOf(id), [taken](const Result<std::optional<std::string>>& text) {
      if (text.ok() && *text) {
        if (auto receipt = DecodeReceipt(**text); receipt.ok()) taken->unseen.push_back(std::move(*receipt));
      }
      if (--taken->open == 0) taken->done(std::move(taken->unseen), taken->left);
    });
  }
}

void ReceiptBook::Drop(const std::vector<Id>& ids, Done done) {
  for (size_t from = 0; from < ids.size() || from == 0; from += kDropBatch) {
    std::vector<KeyStore::Write> writes;
    const size_t to = std::min(ids.size(), from + kDropBatch);
    for (size_t i = from; i < to; ++i) {
      index_.erase(ids[i]);
      failed_.erase(HexOf(ids[i]));
      writes.push_back({prefix_ + HexOf(ids[i]), std::nullopt});
    }
    // The store keeps the order of calls: the last batch's completion is that of all.
    keys_.Apply(std::move(writes), to == ids.size() ? std::move(done) : Done([](const Status&) {}));
    if (to == ids.size()) return;
  }
}

size_t ReceiptBook::IdHash::operator()(const Id& id) const {
  size_t hash;
  std::memcpy(&hash, id.data(), sizeof hash);
  return hash;
}

ReceiptBook::Id ReceiptBook::IdOf(const std::string& target, const std::string& key) {
  const Sha256Digest digest = Sha256(target + '\0' + key);
  Id id;
  std::copy_n(digest.begin(), id.size(), id.begin());
  return id;
}

std::string ReceiptBook::HexOf(const Id& id) {
  return ToHex(std::string_view(reinterpret_cast<const char*>(id.data()), id.size()));
}

}  // namespace hearth
