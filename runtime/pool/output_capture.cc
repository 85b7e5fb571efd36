#include "runtime/pool/output_capture.h"

#include <unistd.h>

#include <cerrno>

namespace hearth {

Result<std::unique_ptr<OutputCapture>> OutputCapture::Create(Loop& loop, UniqueFd pipe, OnLine on_line,
                                                             std::function<void()> on_readable) {
  std::unique_ptr<OutputCapture> capture(new OutputCapture(std::move(pipe), std::move(on_line)));
  if (!capture->pipe_.valid()) return capture;
  if (!on_readable) on_readable = [raw = capture.get()] { raw->Drain(); };
  HEARTH_ASSIGN(capture->watch_, FdWatch::Create(loop, capture->pipe_.get(), FdEvents::kReadable,
                                                 [read = std::move(on_readable)](FdEvents) { read(); }));
  return capture;
}

void OutputCapture::Drain() {
  char block[16384];
  for (size_t taken = 0; pipe_.valid() && taken < kBytesPerTurn;) {
    const ssize_t n = ::read(pipe_.get(), block, sizeof block);
    if (n < 0 && errno == EINTR) continue;
    if (n < 0 && errno == EAGAIN) return;
    if (n <= 0) {
      watch_.reset();
      pipe_.Reset();
      return;
    }
    taken += n;
    Take({block, static_cast<size_t>(n)});
  }
}

void OutputCapture::Take(std::string_view bytes) {
  while (!bytes.empty()) {
    const size_t end = bytes.find('\n');
    const std::string_view part = bytes.substr(0, end);
    const size_t room = kLineBytesMax - line_.size();
    line_.append(part.substr(0, room));
    if (part.size() > room) cut_ += part.size() - room;
    if (end == std::string_view::npos) return;
    EmitLine();
    bytes.remove_prefix(end + 1);
  }
}

void OutputCapture::EmitLine() {
  if (cut_ > 0) line_ += " [truncated " + std::to_string(cut_) + " bytes]";
  cut_ = 0;
  on_line_(line_);
  line_.clear();
}

UniqueFd OutputCapture::Release() {
  Flush();
  watch_.reset();
  return std::move(pipe_);
}

void OutputCapture::Flush() {
  if (!line_.empty()) EmitLine();
}

}  // namespace hearth
