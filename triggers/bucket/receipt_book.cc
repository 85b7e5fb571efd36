#include "triggers/bucket/receipt_book.h"

#include <algorithm>
#include <cstring>
#include <sstream>

#include "runtime/base/digest.h"
#include "triggers/bucket/s3_event_json.h"

namespace hearth {
namespace {

constexpr std::string_view kVersion = "1";
// An error's text is for a human; what is longer is cut, so that a receipt stays far below the store's limit.
constexpr size_t kErrorBytesMax = 500;
// One transaction of the store.
constexpr size_t kDropBatch = 1000;

}  // namespace

std::string EncodeReceipt(const Receipt& receipt) {
  const std::string_view state = receipt.state == Receipt::State::kDone ? "done" : "failed";
  return std::string(kVersion) + ' ' + std::string(state) + ' ' + receipt.identity.Text() + ' ' +
         EncodeKey(receipt.target) + ' ' + EncodeKey(receipt.key) + ' ' +
         EncodeKey(std::string_view(receipt.error).substr(0, kErrorBytesMax));
}

Result<Receipt> DecodeReceipt(std::string_view text) {
  std::istringstream in{std::string(text)};
  std::string version, state, target, key, error;
  Receipt receipt;
  ObjectIdentity& identity = receipt.identity;
  in >> version >> state >> identity.inode >> identity.size >> identity.mtime_ns >> identity.ctime_ns >>
      target >> key;
  const bool known = state == "done" || state == "failed";
  if (!in || version != kVersion || !known) {
    return Error{ErrorCode::kCorrupt, "receipt \"" + std::string(text.substr(0, 200)) + "\" cannot be read"};
  }
  in >> error;
  receipt.state = state == "done" ? Receipt::State::kDone : Receipt::State::kFailed;
  receipt.target = DecodeKey(target);
  receipt.key = DecodeKey(key);
  receipt.error = DecodeKey(error);
  return receipt;
}

void ReceiptBook::Load(Done done) {
  keys_.List(prefix_, [weak = weak_.Get(),
                       done = std::move(done)](const Result<std::vector<KeyStore::Entry>>& entries) {
    if (!weak) return;
    if (!entries.ok()) return done(entries.error());
    for (const KeyStore::Entry& entry : *entries) {
      // One that cannot be read counts as none: its file runs once more.
      auto receipt = DecodeReceipt(entry.value);
      if (!receipt.ok()) continue;
      const Id id = IdOf(receipt->target, receipt->key);
      weak->index_[id] = {receipt->identity, 0};
      if (receipt->state == Receipt::State::kFailed) weak->failed_[HexOf(id)] = std::move(*receipt);
    }
    done(Ok());
  });
}

bool ReceiptBook::Has(const std::string& target, const std::string& key, const ObjectIdentity& identity) {
  const auto found = index_.find(IdOf(target, key));
  if (found == index_.end()) return false;
  if (std::exchange(found->second.scan, scan_) != scan_) ++seen_;
  return found->second.identity == identity;
}

void ReceiptBook::Record(Receipt receipt, Done done) {
  const Id id = IdOf(receipt.target, receipt.key);
  std::vector<KeyStore::Write> writes{{prefix_ + HexOf(id), EncodeReceipt(receipt)}};
  keys_.Apply(std::move(writes), [weak = weak_.Get(), id, receipt = std::move(receipt),
                                  done = std::move(done)](const Status& stored) {
    if (!weak) return;
    if (stored.ok()) {
      weak->index_[id] = {receipt.identity, weak->scan_};
      weak->failed_.erase(HexOf(id));
      if (receipt.state == Receipt::State::kFailed) weak->failed_[HexOf(id)] = receipt;
    }
    done(stored);
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
