#pragma once

#include <cstddef>
#include <span>
#include <string>
#include <string_view>

namespace hearth {

// An answer that is being written: in the window, from its first byte, as long as it fits there; else in memory of its own,
// which it keeps for the next.
class AnswerText final {
 public:
  // Nothing is written yet. `window`: empty, or where it may go.
  void Begin(std::span<char> window);
  void Append(std::string_view bytes);
  void Clear() { Begin(window_); }
  std::string_view view() const { return moved_out_ ? own_ : std::string_view(window_.data(), size_); }
  size_t size() const { return moved_out_ ? own_.size() : size_; }
  bool in_window() const { return !moved_out_ && !window_.empty(); }

 private:
  std::span<char> window_{};
  size_t size_ = 0;  // in the window
  bool moved_out_ = true;
  std::string own_;
};

}  // namespace hearth
