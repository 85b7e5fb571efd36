#include "runtime/store/memory_key_store.h"

namespace hearth {

void MemoryKeyStore::Apply(std::vector<Write> writes, Done done) {
  Status status = TakeFailure();
  if (status.ok()) status = ValidateWrites(writes);
  if (status.ok()) {
    for (Write& write : writes) {
      if (write.value) {
        entries_[write.key] = std::move(*write.value);
      } else {
        entries_.erase(write.key);
      }
    }
  }
  Reply<void>(std::move(done), std::move(status));
}

void MemoryKeyStore::Get(std::string key, std::function<void(Result<std::optional<std::string>>)> done) {
  using Found = std::optional<std::string>;
  if (Status failure = TakeFailure(); !failure.ok()) return Reply<Found>(std::move(done), failure.error());
  const auto entry = entries_.find(key);
  Reply<Found>(std::move(done), entry == entries_.end() ? Found() : Found(entry->second));
}

void MemoryKeyStore::List(std::string prefix, std::function<void(Result<std::vector<Entry>>)> done) {
  using Found = std::vector<Entry>;
  if (Status failure = TakeFailure(); !failure.ok()) return Reply<Found>(std::move(done), failure.error());
  Found found;
  for (auto at = entries_.lower_bound(prefix); at != entries_.end() && at->first.starts_with(prefix); ++at) {
    found.push_back({at->first, at->second});
  }
  Reply<Found>(std::move(done), std::move(found));
}

Status MemoryKeyStore::TakeFailure() {
  if (failures_.empty()) return Ok();
  Error error = std::move(failures_.front());
  failures_.erase(failures_.begin());
  return error;
}

template <class T>
void MemoryKeyStore::Reply(std::function<void(Result<T>)> done, Result<T> result) {
  executor_.Post([weak = weak_factory_.Get(), done = std::move(done),
                  held = std::make_shared<Result<T>>(std::move(result))] {
    if (weak) done(std::move(*held));
  });
}

}  // namespace hearth
