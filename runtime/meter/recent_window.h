#pragma once

#include <bit>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <memory>
#include <type_traits>

#include "runtime/base/check.h"

namespace hearth {

// The last `capacity` keys that were put in, each with a value; the oldest goes when another comes.
//
// One flat table with linear probing, since this is asked for every invocation: a map with a node for each
// key was two thirds of what recording an invocation cost, all of it waiting for memory.
//
// Thread: one.
// Memory: (sizeof(Key) + sizeof(Value)) x 2 + sizeof(Key), about 90 bytes a key; pages are taken as they are
// first used.
template <class Key, class Value, class Hash>
class RecentWindow final {
 public:
  explicit RecentWindow(size_t capacity)
      : capacity_(capacity),
        mask_(std::bit_ceil(2 * capacity) - 1),
        slots_(Zeroed<Slot>(mask_ + 1)),
        order_(Zeroed<Key>(capacity)) {
    CHECK_TRUE(capacity > 0);
  }

  // It will be asked for soon: a key that is new lies anywhere, and nowhere in the processor's cache.
  void Prefetch(const Key& key) const { __builtin_prefetch(&slots_[HomeOf(key)]); }
  // Null when it was never put in, or too long ago. Valid until the next Put().
  const Value* Find(const Key& key) const {
    const Slot& slot = slots_[Probe(key)];
    return slot.used ? &slot.value : nullptr;
  }
  // Keeps the first value of a key that is there already.
  void Put(const Key& key, const Value& value) {
    if (slots_[Probe(key)].used) return;
    if (size_ == capacity_) {
      Erase(Probe(order_[next_]));
    } else {
      ++size_;
    }
    slots_[Probe(key)] = {key, value, true};
    order_[next_] = key;
    next_ = next_ + 1 == capacity_ ? 0 : next_ + 1;
    if (size_ == capacity_) __builtin_prefetch(&slots_[HomeOf(order_[next_])]);  // the one that goes next
  }
  size_t size() const { return size_; }

 private:
  struct Slot {
    Key key;
    Value value;
    bool used;
  };
  static_assert(std::is_trivially_copyable_v<Slot>, "zero bytes are an empty slot");

  struct Free {
    void operator()(void* memory) const { std::free(memory); }
  };
  // calloc gives pages that cost nothing until they are touched; a vector would touch them all.
  template <class T>
  static std::unique_ptr<T[], Free> Zeroed(size_t count) {
    auto* memory = static_cast<T*>(std::calloc(count, sizeof(T)));
    CHECK_TRUE(memory != nullptr);
    return std::unique_ptr<T[], Free>(memory);
  }

  // Fibonacci hashing: spreads whatever the hash left in its low bits.
  size_t HomeOf(const Key& key) const { return (Hash()(key) * 0x9e3779b97f4a7c15ULL >> 32) & mask_; }
  // Its slot, or the empty one where it would go. There is one: at most half are used.
  size_t Probe(const Key& key) const {
    size_t at = HomeOf(key);
    while (slots_[at].used && !(slots_[at].key == key)) at = (at + 1) & mask_;
    return at;
  }
  // Moves back whatever probing would no longer find past the hole.
  void Erase(size_t hole) {
    for (size_t at = (hole + 1) & mask_; slots_[at].used; at = (at + 1) & mask_) {
      const size_t home = HomeOf(slots_[at].key);
      if (((at - home) & mask_) < ((at - hole) & mask_)) continue;
      slots_[hole] = slots_[at];
      hole = at;
    }
    slots_[hole].used = false;
  }

  const size_t capacity_;
  const size_t mask_;
  const std::unique_ptr<Slot[], Free> slots_;
  const std::unique_ptr<Key[], Free> order_;  // a ring
  size_t size_ = 0;
  size_t next_ = 0;  // where the next key goes; once full, the oldest
};

}  // namespace hearth
