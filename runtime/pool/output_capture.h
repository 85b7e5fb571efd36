#pragma once

#include <functional>
#include <memory>
#include <string>

#include "runtime/base/unique_fd.h"
#include "runtime/loop/fd_watch.h"

namespace hearth {

// Reads one pipe of a worker (its stdout or stderr) and hands it on line by line.
//
// Owns:    the read end. Owned by the worker.
// Limits:  a line is cut at kLineBytesMax, the cut marked; kBytesPerTurn are read before others get their
//          turn.
// Failure: a pipe that fails is closed and said nothing more of.
class OutputCapture final {
 public:
  static constexpr size_t kLineBytesMax = 8192;
  static constexpr size_t kBytesPerTurn = 65536;

  using OnLine = std::function<void(std::string_view line)>;
  // A pipe that is closed already has nothing to read. `on_readable` is called in place of Drain() when there is something; it may destroy the capture.
  static Result<std::unique_ptr<OutputCapture>> Create(Loop& loop, UniqueFd pipe, OnLine on_line,
                                                       std::function<void()> on_readable = nullptr);
  // Everything that has been written so far: called before an attempt is reported, so that its output belongs
  // to it.
  void Drain();
  // The last line, though it has no end.
  void Flush();
  int fd() const { return pipe_.get(); }  // negative: closed
  // Reads no more; what was not read stays in it.
  UniqueFd Release();

 private:
  OutputCapture(UniqueFd pipe, OnLine on_line) : pipe_(std::move(pipe)), on_line_(std::move(on_line)) {}
  void Take(std::string_view bytes);
  void EmitLine();

  UniqueFd pipe_;
  const OnLine on_line_;
  std::unique_ptr<FdWatch> watch_;
  std::string line_;
  uint64_t cut_ = 0;
};

}  // namespace hearth
