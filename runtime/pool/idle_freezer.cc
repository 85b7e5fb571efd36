#include "runtime/pool/idle_freezer.h"

#include <signal.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <utility>

namespace hearth {

void IdleFreezer::BeginIdle(MonotonicTime since) {
  state_ = State::kLingering;
  idle_since_ = since;
  if (!timer_.armed()) Linger(linger_);
}

void IdleFreezer::Linger(nanoseconds left) {
  timer_ = executor_.After(left, [this] { OnLinger(); });
}

void IdleFreezer::OnLinger() {
  timer_.Cancel();
  if (state_ != State::kLingering) return;  // busy: the end of its event begins another linger
  const nanoseconds idle = executor_.clock().Now() - idle_since_;
  if (idle < linger_) return Linger(linger_ - idle);
  if (const Status stopped = Stop(Frozen::kYes); !stopped.ok()) {
    if (!std::exchange(told_, true)) observer_.trouble(stopped.error().message);
    return;
  }
  state_ = State::kFrozen;
  Check(kChecksMax);
  observer_.frozen();
}

// What runs on another processor stops a moment later, and what waits for a disk when it has its data. That
// is waited for, not for long.
void IdleFreezer::Check(int checks_left) {
  check_.Cancel();
  if (state_ != State::kFrozen || group_ == nullptr || group_->freezer() == FreezerKind::kNone) return;
  const auto frozen = group_->IsFrozen();
  if (frozen.ok() && *frozen) return;
  if (checks_left > 0) {
    check_ = executor_.After(kCheckInterval, [this, checks_left] { Check(checks_left - 1); });
    return;
  }
  if (!std::exchange(told_, true)) observer_.trouble(frozen.ok() ? "it runs on" : frozen.error().message);
}

void IdleFreezer::Leave() {
  state_ = State::kAwake;
  check_.Cancel();
}

void IdleFreezer::Resume(Frozen frozen) {
  if (frozen == Frozen::kNo) return BeginIdle(executor_.clock().Now());
  state_ = State::kFrozen;
}

Status IdleFreezer::EndIdle() {
  const State before = std::exchange(state_, State::kAwake);
  if (before != State::kFrozen) return Ok();
  check_.Cancel();
  return Stop(Frozen::kNo);
}

Status IdleFreezer::Stop(Frozen frozen) {
  if (group_ != nullptr && group_->freezer() != FreezerKind::kNone) return group_->Freeze(frozen);
  if (pidfd_ < 0) return Ok();
  const int signal = frozen == Frozen::kYes ? SIGSTOP : SIGCONT;
  if (syscall(SYS_pidfd_send_signal, pidfd_, signal, nullptr, 0) != 0) {
    return ErrnoError(frozen == Frozen::kYes ? "send SIGSTOP" : "send SIGCONT");
  }
  return Ok();
}

}  // namespace hearth
