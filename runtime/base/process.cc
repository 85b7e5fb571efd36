#include "runtime/base/process.h"

#include <signal.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#include <cerrno>

namespace hearth {

ChildProcess::ChildProcess(ChildProcess&& other) noexcept
    : pid_(std::exchange(other.pid_, -1)), pidfd_(std::move(other.pidfd_)) {}

ChildProcess& ChildProcess::operator=(ChildProcess&& other) noexcept {
  if (this != &other) {
    ChildProcess gone(std::move(*this));
    pid_ = std::exchange(other.pid_, -1);
    pidfd_ = std::move(other.pidfd_);
  }
  return *this;
}

ChildProcess::~ChildProcess() {
  if (!valid()) return;
  (void)Signal(SIGKILL);
  (void)Wait();
}

Status ChildProcess::Signal(int signal_number) {
  if (syscall(SYS_pidfd_send_signal, pidfd_.get(), signal_number, nullptr, 0) != 0) {
    return ErrnoError("signal child " + std::to_string(pid_));
  }
  return Ok();
}

Result<ExitStatus> ChildProcess::Wait() {
  siginfo_t info{};
  int failed;
  do {
    failed = waitid(static_cast<idtype_t>(P_PIDFD), pidfd_.get(), &info, WEXITED);
  } while (failed != 0 && errno == EINTR);
  if (failed != 0) return ErrnoError("wait for child " + std::to_string(pid_));
  pidfd_.Reset();
  if (info.si_code == CLD_EXITED) return ExitStatus{info.si_status, 0};
  return ExitStatus{-1, info.si_status};
}

}  // namespace hearth
