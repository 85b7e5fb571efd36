#pragma once

#include <chrono>
#include <compare>
#include <cstdint>

// Units are in the type inside the program; at the edges (JSON, metrics, flags) they are last in the name.

namespace hearth {

using std::chrono::microseconds;
using std::chrono::milliseconds;
using std::chrono::nanoseconds;
using std::chrono::seconds;

struct Bytes {
  uint64_t count = 0;

  constexpr uint64_t mib() const { return count >> 20; }
  friend constexpr auto operator<=>(Bytes, Bytes) = default;
};

constexpr Bytes operator""_B(unsigned long long n) { return {n}; }
constexpr Bytes operator""_KiB(unsigned long long n) { return {n << 10}; }
constexpr Bytes operator""_MiB(unsigned long long n) { return {n << 20}; }
constexpr Bytes operator""_GiB(unsigned long long n) { return {n << 30}; }

}  // namespace hearth
