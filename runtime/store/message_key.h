#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace hearth {

// Where a message stands: the number of its row, 62 bits, from the top
//   heap (17)      the messages of one queue since its last purge; 1 and up
//   lane (1)       1: sent with a delay
//   sequence (44)  grows with each message of the store and is never given twice, not even after a restart
// So the rows of a heap lie together in the file, those of lane 0 in order of arrival: what has never been
// received needs no index, it is all that lies past a mark. 2^44 messages are eleven years at 50,000 a second.
struct MessageKey {
  static constexpr int kSequenceBits = 44;
  static constexpr int64_t kSequenceMax = (int64_t{1} << kSequenceBits) - 1;
  static constexpr int64_t kHeapMax = (int64_t{1} << 17) - 1;
  enum class Lane : int64_t { kDirect = 0, kDelayed = 1 };

  static constexpr int64_t First(int64_t heap, Lane lane = Lane::kDirect) {
    return (heap << 1 | static_cast<int64_t>(lane)) << kSequenceBits;
  }
  // One past the last.
  static constexpr int64_t End(int64_t heap, Lane lane = Lane::kDelayed) {
    return First(heap, lane) + kSequenceMax + 1;
  }
  static constexpr int64_t Make(int64_t heap, Lane lane, int64_t sequence) {
    return First(heap, lane) | sequence;
  }
  static constexpr int64_t HeapOf(int64_t row) { return row >> (kSequenceBits + 1); }
  static constexpr int64_t SequenceOf(int64_t row) { return row & kSequenceMax; }
};

// Message ids made from row numbers and back, so that no index of ids has to be kept: a UUID of version 8
// whose low 62 bits are the row, scrambled, and whose other 60 are a check that needs this store's key. A
// message that moves to another queue keeps its id, which then is no longer its row's: the row says so.
class MessageIds final {
 public:
  explicit MessageIds(uint64_t key = 0) : key_(key) {}
  std::string Encode(int64_t row) const;
  std::optional<int64_t> Decode(std::string_view id) const;

 private:
  uint64_t key_;
};

}  // namespace hearth
