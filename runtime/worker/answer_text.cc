#include "runtime/worker/answer_text.h"

#include <algorithm>
#include <utility>

namespace hearth {

void AnswerText::Begin(std::span<char> window) {
  window_ = window;
  size_ = 0;
  moved_out_ = window.empty();
  own_.clear();
}

void AnswerText::Append(std::string_view bytes) {
  if (!moved_out_ && bytes.size() <= window_.size() - size_) {
    std::copy(bytes.begin(), bytes.end(), window_.data() + size_);
    size_ += bytes.size();
    return;
  }
  if (!std::exchange(moved_out_, true)) own_.assign(window_.data(), size_);
  own_ += bytes;
}

}  // namespace hearth
