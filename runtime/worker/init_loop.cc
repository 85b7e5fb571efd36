#include "runtime/worker/init_loop.h"

#include <poll.h>
#include <signal.h>
#include <sys/signalfd.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cstring>

#include "runtime/wire/packet.h"
#include "runtime/wire/worker_frames.h"
#include "runtime/worker/setup_frames.h"
#include "runtime/worker/stages.h"
#include "sandbox/private_root.h"
#include "sandbox/seccomp_filter.h"

namespace hearth {
namespace {

uint64_t Microseconds(const timeval& time) {
  return static_cast<uint64_t>(time.tv_sec) * 1'000'000 + static_cast<uint64_t>(time.tv_usec);
}

int32_t ExitCodeOf(int status) { return WIFEXITED(status) ? WEXITSTATUS(status) : -1; }
int32_t SignalOf(int status) { return WIFSIGNALED(status) ? WTERMSIG(status) : 0; }

}  // namespace

uint64_t FilesForTmp(uint64_t tmp_bytes) { return std::max<uint64_t>(1024, tmp_bytes / 4096); }

void InitLoop::Run() {
  for (;;) {
    // poll() passes over a descriptor of -1.
    pollfd watched[] = {{d_.zygote, POLLIN, 0},
                        {d_.children, POLLIN, 0},
                        {d_.channel, POLLIN, 0},
                        {d_.setup, POLLIN, 0},
                        {listener_.get(), POLLIN, 0}};
    if (poll(watched, std::size(watched), -1) < 0 && errno != EINTR) _exit(1);
    // The zygote first: it names the children that are reaped next.
    if (watched[0].revents != 0) OnZygote();
    if (watched[4].revents != 0) OnViolation();
    if (watched[1].revents != 0) OnChildren();
    if (watched[2].revents != 0) OnHearthd();
    if (watched[3].revents != 0) {
      if (!loaded_) _exit(1);
      close(d_.setup);
      d_.setup = -1;
    }
  }
}

void InitLoop::Tell(const std::string& packet) {
  if (!SendPacket(d_.channel, packet).ok()) _exit(0);  // hearthd has gone, or has given this sandbox up
}

void InitLoop::OnHearthd() {
  const auto received = ReceivePacket(d_.channel, FdPolicy::kAccept);
  if (!received.ok()) return;
  if (received->kind == ReceivedPacket::Kind::kEndOfFile) _exit(0);
  if (const auto request = DecodeForkWorker(received->packet.bytes))
    ForkWorker(*request, received->packet.fds);
}

void InitLoop::ForkWorker(const ForkWorkerFrame& request, const std::vector<UniqueFd>& fds) {
  if (d_.own_worker != 0)
    return Refuse(request.worker_id, {"fork", EINVAL, "this sandbox has a worker of its own", 0});
  if (d_.zygote < 0) return Refuse(request.worker_id, {"fork", ESRCH, "the zygote has exited", 0});
  if (fds.size() < 3)
    return Refuse(request.worker_id, {"fork", EINVAL, "channel, stdout and stderr are missing", 0});
  auto tmp = tmp_ ? Result<UniqueFd>(std::move(tmp_)) : MakeTmp();
  if (!tmp.ok()) return Refuse(request.worker_id, {"make /tmp", 0, tmp.error().message, 0});
  std::vector<int> passed{fds[0].get(), fds[1].get(), fds[2].get(), tmp->get()};
  for (size_t i = 3; i < fds.size(); ++i) passed.push_back(fds[i].get());
  const auto sent = SendPacket(d_.zygote, Encode(request), passed);
  if (!sent.ok()) return Refuse(request.worker_id, {"fork", 0, sent.error().message, 0});
  if (*sent == SendOutcome::kWouldBlock)
    return Refuse(request.worker_id, {"fork", EAGAIN, "the zygote is stuck", 0});
  asked_.push_back(request.worker_id);
  PrepareTmp();
}

Result<UniqueFd> InitLoop::MakeTmp() const {
  return MakeDetachedTmpfs(d_.tmp_bytes, FilesForTmp(d_.tmp_bytes), d_.tmp_uid);
}

// If it cannot be had now, the next worker's start tries again and says so.
void InitLoop::PrepareTmp() {
  if (auto tmp = MakeTmp(); tmp.ok()) tmp_ = std::move(tmp).value();
}

void InitLoop::Refuse(uint64_t worker_id, StageFailure failure) {
  Tell(Encode(ForkFailedFrame{worker_id, std::move(failure)}));
}

void InitLoop::OnZygote() {
  auto received = ReceivePacket(d_.zygote, listener_.valid() ? FdPolicy::kRefuse : FdPolicy::kAccept);
  if (!received.ok()) return;  // foreign bytes: dropped
  if (received->kind == ReceivedPacket::Kind::kEndOfFile) {
    d_.zygote = -1;  // its exit is told by SIGCHLD
    return;
  }
  const std::string& bytes = received->packet.bytes;
  if (TakeCrash(bytes)) return;
  if (SetupKindOf(bytes) == SetupFrameKind::kListener) {
    if (received->packet.fds.size() == 1) listener_ = std::move(received->packet.fds[0]);
    return;
  }
  if (const auto forked = DecodeWorkerForked(bytes)) return OnForked(*forked);
  if (const auto failed = DecodeForkFailed(bytes)) return OnForkFailed(*failed);
  const auto kind = SetupKindOf(bytes);
  if (loaded_ || !kind) return;
  if (const auto stage = DecodeStage(bytes)) stage_ = *stage;
  loaded_ = kind == SetupFrameKind::kLoaded;
  (void)SendPacket(d_.setup, bytes);
  if (kind == SetupFrameKind::kFailed) _exit(1);
  if (loaded_ && d_.own_worker == 0) PrepareTmp();
}

// Its last words, each time with more of the names; of a zygote that forks already they are of no more use.
bool InitLoop::TakeCrash(const std::string& packet) {
  std::string_view body;
  const auto header = TakeHeader(packet, body);
  if (!header || header->kind != static_cast<uint16_t>(WorkerFrameKind::kCrash)) return false;
  if (auto crash = DecodeCrash(body); crash && !loaded_) backtrace_ = std::move(crash->text);
  return true;
}

// A thread stands before a system call that no function may make; it never comes back from there.
void InitLoop::OnViolation() {
  const auto violation = NextViolation(listener_.get());
  if (!violation) {
    // The last process with this filter has gone, or somebody was killed in between.
    pollfd gone{listener_.get(), POLLIN, 0};
    if (poll(&gone, 1, 0) > 0 && (gone.revents & POLLHUP) != 0) listener_.Reset();
    return;
  }
  violators_[getpgid(violation->thread)] = violation->system_call;
  kill(violation->thread, SIGKILL);
}

void InitLoop::OnForked(const WorkerForkedFrame& forked) {
  if (failed_.erase(forked.worker_id) != 0) {
    if (unclaimed_.erase(forked.pid) == 0) workers_[forked.pid] = kNobody;
    return;
  }
  const auto asked = std::find(asked_.begin(), asked_.end(), forked.worker_id);
  if (asked == asked_.end()) return;
  asked_.erase(asked);
  Tell(Encode(forked));
  const auto exited = unclaimed_.find(forked.pid);
  if (exited == unclaimed_.end()) {
    workers_[forked.pid] = forked.worker_id;
    return;
  }
  ReportExit(forked.worker_id, exited->second);
  unclaimed_.erase(exited);
}

// From the zygote (no process was made) or from a worker that could not confine itself; hearthd hears nothing
// more of it.
void InitLoop::OnForkFailed(const ForkFailedFrame& failed) {
  const auto asked = std::find(asked_.begin(), asked_.end(), failed.worker_id);
  const auto worker = std::find_if(workers_.begin(), workers_.end(),
                                   [&](const auto& each) { return each.second == failed.worker_id; });
  if (asked == asked_.end() && worker == workers_.end()) return;
  if (asked != asked_.end()) {
    asked_.erase(asked);
    if (failed_.size() < kUnclaimedMax) failed_.insert(failed.worker_id);
  }
  if (worker != workers_.end()) worker->second = kNobody;
  Tell(Encode(failed));
}

void InitLoop::OnChildren() {
  signalfd_siginfo ignored;
  while (read(d_.children, &ignored, sizeof ignored) > 0) {
  }
  for (;;) {
    Exit exit;
    const pid_t pid = wait4(-1, &exit.status, WNOHANG, &exit.usage);
    if (pid <= 0) return;
    if (const auto violator = violators_.extract(pid);
        !violator.empty() && SignalOf(exit.status) == SIGKILL) {
      exit.violation = SystemCallName(violator.mapped());
      exit.status = SIGSYS;  // what the filter would have killed it with
    }
    if (pid == d_.zygote_pid) {
      OnZygoteExit(exit);
    } else {
      OnWorkerExit(pid, exit);
    }
  }
}

void InitLoop::OnZygoteExit(const Exit& exit) {
  // Its last words first.
  while (d_.zygote >= 0) {
    pollfd left{d_.zygote, POLLIN, 0};
    if (poll(&left, 1, 0) <= 0) break;
    OnZygote();
  }
  d_.zygote = -1;
  if (!loaded_) {
    (void)SendPacket(d_.setup,
                     EncodeSetupFailed(CrashInStage(stage_, ExitCodeOf(exit.status), SignalOf(exit.status),
                                                    exit.violation, backtrace_)));
    _exit(1);
  }
  if (d_.own_worker != 0) return ReportExit(d_.own_worker, exit);
  for (const uint64_t worker_id : asked_) Refuse(worker_id, {"fork", ESRCH, "the zygote has exited", 0});
  asked_.clear();
  Tell(EncodeZygoteExited(ExitCodeOf(exit.status), SignalOf(exit.status)));
}

void InitLoop::OnWorkerExit(pid_t pid, const Exit& exit) {
  const auto worker = workers_.find(pid);
  if (worker == workers_.end()) {
    if (unclaimed_.size() < kUnclaimedMax) unclaimed_[pid] = exit;
    return;
  }
  if (worker->second != kNobody) ReportExit(worker->second, exit);
  workers_.erase(worker);
}

void InitLoop::ReportExit(uint64_t worker_id, const Exit& exit) {
  Tell(Encode(
      WorkerExitedFrame{.worker_id = worker_id,
                        .exit_code = ExitCodeOf(exit.status),
                        .signal = SignalOf(exit.status),
                        .max_rss_kib = static_cast<uint64_t>(exit.usage.ru_maxrss),
                        .cpu_us = Microseconds(exit.usage.ru_utime) + Microseconds(exit.usage.ru_stime),
                        .violation = exit.violation}));
}

}  // namespace hearth
