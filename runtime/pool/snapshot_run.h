#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "runtime/base/unique_fd.h"
#include "runtime/loop/fd_watch.h"
#include "runtime/loop/loop.h"
#include "runtime/pool/output_capture.h"
#include "runtime/pool/phase_clock.h"
#include "runtime/pool/worker_log.h"
#include "runtime/pool/worker_process.h"
#include "runtime/wire/worker_frames.h"

namespace hearth {

// A handler's init that runs in a zygote, once for all workers of the version: what it says, and how long it takes. To us
// the zygote is until then a worker that is told Init and gets no event.
//
// Owns:    our ends of its channel, stdout and stderr. Owned by the sandbox, while that is made.
// Borrows: the context.
// States:  waiting for Started -> running -> Ready or InitFailed; whether there is a sandbox is the launcher's to tell.
// Limits:  init_limit, from Init to Ready.
// Failure: a frame out of turn, or the limit: `broken` runs once, and the sandbox is to be killed.
// Promise: no callback runs after the destructor returns.
class SnapshotRun final {
 public:
  static Result<std::unique_ptr<SnapshotRun>> Create(WorkerContext& context,
                                                     std::shared_ptr<const FunctionVersion> version,
                                                     std::function<void(Error)> broken);
  // The zygote's ends: channel, stdout, stderr. Open until ClosePassed().
  std::vector<int> passed() const { return {theirs_.get(), their_stdout_.get(), their_stderr_.get()}; }
  void ClosePassed();
  // The sandbox is there, or never will be: everything that was said until now is heard, and the log gets its last line.
  void End(const Status& made);
  // What init took; empty: it did not end well.
  std::optional<nanoseconds> took() const { return ready_ ? std::optional(took_) : std::nullopt; }

 private:
  SnapshotRun(WorkerContext& context, std::shared_ptr<const FunctionVersion> version,
              std::function<void(Error)> broken);
  void ReadPackets(size_t packets_max);
  void OnPacket(const Packet& packet);
  void BeginInit();
  void OnLimit();
  void Break(ErrorCode code, std::string why);
  void Report();

  // Borrowed.
  WorkerContext& context_;
  // Owned.
  const std::shared_ptr<const FunctionVersion> version_;
  UniqueFd channel_, theirs_, their_stdout_, their_stderr_;
  std::unique_ptr<FdWatch> watch_;
  WorkerLog log_;
  std::unique_ptr<OutputCapture> stdout_, stderr_;
  // Mutable.
  std::function<void(Error)> broken_;
  bool running_ = false;
  bool ready_ = false;
  bool ended_ = false;
  PhaseClock phase_;
  nanoseconds took_{0};
  std::optional<ErrorFrame> failed_;
  Timer limit_;
};

}  // namespace hearth
