#pragma once

#include <cstddef>
#include <unordered_map>
#include <vector>

#include "runtime/base/check.h"

namespace hearth {

// The last `capacity` keys that were put in, each with a value; the oldest goes when another comes.
// Thread: one. Memory: about 70 bytes a key, taken as they come.
template <class Key, class Value, class Hash>
class RecentWindow final {
 public:
  explicit RecentWindow(size_t capacity) : capacity_(capacity) { CHECK_TRUE(capacity > 0); }

  // Null when it was never put in, or too long ago.
  const Value* Find(const Key& key) const {
    const auto found = values_.find(key);
    return found == values_.end() ? nullptr : &found->second;
  }
  // Keeps the first value of a key that is there already.
  void Put(const Key& key, const Value& value) {
    if (!values_.try_emplace(key, value).second) return;
    if (order_.size() < capacity_) {
      order_.push_back(key);
      return;
    }
    values_.erase(order_[oldest_]);
    order_[oldest_] = key;
    oldest_ = (oldest_ + 1) % capacity_;
  }
  size_t size() const { return values_.size(); }

 private:
  const size_t capacity_;
  std::unordered_map<Key, Value, Hash> values_;
  std::vector<Key> order_;  // a ring once it is full
  size_t oldest_ = 0;
};

}  // namespace hearth
