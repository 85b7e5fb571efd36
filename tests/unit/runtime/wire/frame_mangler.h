#pragma once

#include <cstdint>
#include <functional>
#include <random>
#include <string>
#include <string_view>

#include <catch2/catch.hpp>

namespace hearth {

// Given the bytes, the frame read from them and written again; empty when they were refused.
using ReadAndWrite = std::function<std::string(std::string_view)>;

// What every frame promises: itself back; nothing from any shorter or longer packet; and, from bytes changed
// at random, either nothing or a frame that says exactly those bytes.
inline void CheckFrameReader(const std::string& whole, const ReadAndWrite& again) {
  REQUIRE(again(whole) == whole);
  for (size_t size = 0; size < whole.size(); ++size) {
    INFO("cut to " << size << " bytes");
    REQUIRE(again(std::string_view(whole).substr(0, size)).empty());
  }
  REQUIRE(again(whole + '\0').empty());

  constexpr uint32_t kSeed = 20261123;
  std::mt19937 random(kSeed);
  for (int round = 0; round < 2000; ++round) {
    std::string bytes = whole;
    const size_t changes = 1 + random() % 4;
    for (size_t i = 0; i < changes; ++i) bytes[random() % bytes.size()] = static_cast<char>(random());
    const std::string read = again(bytes);
    INFO("seed " << kSeed << " round " << round);
    REQUIRE((read.empty() || read == bytes));
  }
}

}  // namespace hearth
