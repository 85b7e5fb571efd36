#pragma once

#include <cstdint>
#include <utility>

namespace hearth {

// How much of what one attempt prints and logs is kept. Whole lines, in order: from the first one that does not fit, none
// is kept until the next attempt begins, so that what is there is the beginning and has no holes.
class OutputBudget final {
 public:
  explicit OutputBudget(uint64_t bytes_max) : bytes_max_(bytes_max) {}

  enum class Verdict { kKeep, kFirstCut, kCut };
  // Of the next line; a line of no bytes costs one.
  Verdict Take(uint64_t bytes) {
    const uint64_t cost = bytes + 1;
    if (!over_ && cost <= bytes_max_ - used_) {
      used_ += cost;
      return Verdict::kKeep;
    }
    bytes_cut_ += bytes;
    ++lines_cut_;
    return std::exchange(over_, true) ? Verdict::kCut : Verdict::kFirstCut;
  }

  // What was cut and has not been told.
  uint64_t lines_cut() const { return lines_cut_; }
  uint64_t bytes_cut() const { return bytes_cut_; }
  // It was told; the attempt goes on, with nothing left to it.
  void EndCut() { lines_cut_ = bytes_cut_ = 0; }
  void Begin() { *this = OutputBudget(bytes_max_); }

 private:
  uint64_t bytes_max_;
  uint64_t used_ = 0, lines_cut_ = 0, bytes_cut_ = 0;
  bool over_ = false;
};

}  // namespace hearth
