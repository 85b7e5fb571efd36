#include "runtime/telemetry/piece_queue.h"

#include <array>
#include <cstring>
#include <deque>
#include <set>
#include <string>

#include <catch2/catch.hpp>

#include "runtime/base/random.h"

namespace hearth {

TEST_CASE("pieces of any size keep what was written into them until they are dropped", "[telemetry]") {
  SeededRandom random(11);
  PieceQueue queue;
  std::deque<std::pair<char*, std::string>> pieces;
  for (int step = 0; step < 5'000; ++step) {
    std::array<std::byte, 4> raw;
    random.Fill(raw);
    const auto kind = std::to_integer<unsigned>(raw[0]);
    // Most are small; some fill a block, or are larger than one.
    size_t bytes = std::to_integer<size_t>(raw[1]);
    if (kind % 16 == 0) bytes = PieceQueue::kBlockBytesMax;
    if (kind % 64 == 1) bytes = PieceQueue::kBlockBytesMax + 1 + bytes;
    char* memory = queue.Add(bytes);
    CHECK(reinterpret_cast<uintptr_t>(memory) % alignof(uint64_t) == 0);
    std::memset(memory, static_cast<int>(kind), bytes);
    pieces.emplace_back(memory, std::string(bytes, static_cast<char>(kind)));
    const size_t kept = step / 1'000 % 2 == 0 ? 200 : 3;
    while (pieces.size() > kept) {
      const auto& [at, text] = pieces.front();
      CHECK(std::string_view(at, text.size()) == text);
      queue.DropOldest(text.size());
      pieces.pop_front();
    }
  }
}

TEST_CASE("what has room comes and goes in the same memory", "[telemetry]") {
  PieceQueue queue;
  std::set<char*> seen;
  for (int round = 0; round < 1'000; ++round) {
    seen.insert(queue.Add(1'024));
    if (round > 20) queue.DropOldest(1'024);
  }
  CHECK(seen.size() < 100);
}

}  // namespace hearth
