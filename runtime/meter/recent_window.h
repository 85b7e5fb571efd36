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
// The keys lie in a ring, in the order they came; a table of eight bytes a slot, with linear probing, says where each is.
// This is asked for every invocation, of a key that was never seen: what that costs is the wait for one slot that lies
// anywhere, so that the table is as small as it can be. With the keys in its slots it was five times as large, and a tenth of
// what hearthd computed for a request was that wait; with a node for each key it was more.
//
// Thread: one.
// Memory: 16 to 32 bytes a key, sizeof(Key) and sizeof(Value); pages are taken as they are first used.
template <class Key, class Value, class Hash>
class RecentWindow final {
 public:
  explicit RecentWindow(size_t capacity)
      : capacity_(capacity),
        mask_(std::bit_ceil(2 * capacity) - 1),
        slots_(Zeroed<Slot>(mask_ + 1)),
        ring_(Zeroed<Entry>(capacity)) {
    CHECK_TRUE(capacity > 0 && capacity < UINT32_MAX);
  }

  // Null when it was never put in, or too long ago. Valid until the next Put().
  const Value* Find(const Key& key) const {
    const Slot& slot = slots_[Probe(key)];
    return slot.place != 0 ? &ring_[slot.place - 1].value : nullptr;
  }
  // Keeps the first value of a key that is there already.
  void Put(const Key& key, const Value& value) {
    if (slots_[Probe(key)].place != 0) return;
    if (size_ == capacity_) {
      Erase(Probe(ring_[next_].key));
    } else {
      ++size_;
    }
    slots_[Probe(key)] = {MarkOf(key), static_cast<uint32_t>(next_ + 1)};
    ring_[next_] = {key, value};
    next_ = next_ + 1 == capacity_ ? 0 : next_ + 1;
    if (size_ == capacity_) __builtin_prefetch(&slots_[MarkOf(ring_[next_].key) & mask_]);  // goes next
  }
  size_t size() const { return size_; }

 private:
  struct Slot {
    uint32_t mark;   // of the key's hash: where it is looked for first, and what tells most others apart
    uint32_t place;  // in the ring, from 1; 0: empty
  };
  struct Entry {
    Key key;
    Value value;
  };
  static_assert(std::is_trivially_copyable_v<Entry>, "zero bytes are an entry that nothing points at");

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
  static uint32_t MarkOf(const Key& key) {
    return static_cast<uint32_t>(Hash()(key) * 0x9e3779b97f4a7c15ULL >> 32);
  }
  bool Holds(const Slot& slot, uint32_t mark, const Key& key) const {
    return slot.mark == mark && ring_[slot.place - 1].key == key;
  }
  // Its slot, or the empty one where it would go. There is one: at most half are used.
  size_t Probe(const Key& key) const {
    const uint32_t mark = MarkOf(key);
    size_t at = mark & mask_;
    while (slots_[at].place != 0 && !Holds(slots_[at], mark, key)) at = (at + 1) & mask_;
    return at;
  }
  // Moves back whatever probing would no longer find past the hole.
  void Erase(size_t hole) {
    for (size_t at = (hole + 1) & mask_; slots_[at].place != 0; at = (at + 1) & mask_) {
      const size_t home = slots_[at].mark & mask_;
      if (((at - home) & mask_) < ((at - hole) & mask_)) continue;
      slots_[hole] = slots_[at];
      hole = at;
    }
    slots_[hole] = {};
  }

  const size_t capacity_;
  const size_t mask_;
  const std::unique_ptr<Slot[], Free> slots_;
  const std::unique_ptr<Entry[], Free> ring_;
  size_t size_ = 0;
  size_t next_ = 0;  // where the next key goes; once full, the oldest
};

}  // namespace hearth
