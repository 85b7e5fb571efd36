#include <utility>

#include "runtime/pool/worker_process.h"

// A worker that goes from one loop to another: to the one that has an event for it, and back.

namespace hearth {

struct WorkerProcess::Kit final : WorkerKit {
  Parts parts;
  UniqueFd pidfd;
  bool alive = true;
  WorkerState state = WorkerState::kIdle;
  bool initialised = false;
  bool ran = false;
  bool keeps_others = false;
  bool idle_cpu_flagged = false;
  TakeBacks take_backs = TakeBacks::kNotAsked;
  nanoseconds init_took{0};
  nanoseconds prepare_took{0};
  uint64_t last_sequence = 0;
  uint64_t cpu_us_before = 0;
  std::optional<uint64_t> cpu_us_when_idle;
  MonotonicTime idle_since{};
};

std::unique_ptr<WorkerKit> WorkerProcess::Pack(std::function<void(WorkerNews)> on_news) {
  CHECK_TRUE(!lent_);
  auto kit = std::make_unique<Kit>();
  kit->alive = usable();
  if (!kit->alive) Kill();
  watch_.reset();
  limit_.Cancel();
  report_limit_.Cancel();
  invoke_limit_.Lift();
  hold_up_.Lift();
  kit->parts.id = id_;
  kit->parts.channel = std::move(channel_);
  if (stdout_) kit->parts.stdout_pipe = stdout_->Release();
  if (stderr_) kit->parts.stderr_pipe = stderr_->Release();
  log_.TellCut();
  kit->parts.cgroup = std::move(cgroup_);
  kit->parts.their_cookie = their_cookie_;
  kit->pidfd = std::move(pidfd_);
  kit->state = freezer_.frozen() ? WorkerState::kFrozen : WorkerState::kIdle;
  freezer_.Leave();
  window_.reset();
  large_bodies_ = false;
  DropLane();
  kit->initialised = initialised_;
  kit->ran = ran_;
  kit->keeps_others = keeps_others_;
  kit->idle_cpu_flagged = idle_cpu_flagged_;
  kit->take_backs = take_backs_;
  kit->init_took = init_took_;
  kit->prepare_took = std::exchange(prepare_took_, nanoseconds(0));
  kit->last_sequence = last_sequence_;
  kit->cpu_us_before = cpu_us_before_;
  kit->cpu_us_when_idle = std::exchange(cpu_us_when_idle_, std::nullopt);
  kit->idle_since = idle_since_;
  SetState(WorkerState::kBusy, "lent to another loop");
  lent_ = true;
  on_news_ = std::move(on_news);
  return kit;
}

void WorkerProcess::Unpack(std::unique_ptr<WorkerKit> kit) {
  CHECK_TRUE(lent_);
  lent_ = false;
  on_news_ = nullptr;
  Settle(static_cast<Kit&>(*kit));  // every kit is one of ours
}

std::unique_ptr<WorkerProcess> WorkerProcess::FromKit(WorkerContext& context,
                                                      std::shared_ptr<const FunctionVersion> version,
                                                      std::unique_ptr<WorkerKit> kit) {
  Kit& own = static_cast<Kit&>(*kit);
  Parts parts;
  parts.id = own.parts.id;
  parts.their_cookie = own.parts.their_cookie;
  parts.cgroup = std::move(own.parts.cgroup);  // from the beginning: what freezes it knows it by then
  std::unique_ptr<WorkerProcess> worker(new WorkerProcess(context, std::move(version), std::move(parts)));
  worker->Settle(own);
  return worker;
}

// A worker that has ended, here or there, keeps what is to be given back, and is of no more use.
void WorkerProcess::Settle(Kit& kit) {
  channel_ = std::move(kit.parts.channel);
  if (kit.parts.cgroup) cgroup_ = std::move(kit.parts.cgroup);
  pidfd_ = std::move(kit.pidfd);
  initialised_ = kit.initialised;
  ran_ = kit.ran;
  keeps_others_ = kit.keeps_others;
  idle_cpu_flagged_ = kit.idle_cpu_flagged;
  take_backs_ = kit.take_backs;
  init_took_ = kit.init_took;
  prepare_took_ = kit.prepare_took;
  last_sequence_ = kit.last_sequence;
  cpu_us_before_ = kit.cpu_us_before;
  cpu_us_when_idle_ = kit.cpu_us_when_idle;
  idle_since_ = kit.idle_since;
  usage_.reset();
  if (!kit.alive || exit_ || !ended_because_.empty())
    return SetState(WorkerState::kDying, "it ended while another loop had it");
  SetState(kit.state, "idle on this loop");
  freezer_.SetProcess(pidfd_.get());
  freezer_.Resume(kit.state == WorkerState::kFrozen ? Frozen::kYes : Frozen::kNo);
  Status watched = Watch();
  const auto capture = [this](UniqueFd pipe, LogSource source,
                              std::unique_ptr<OutputCapture>& captured) -> Status {
    HEARTH_ASSIGN(captured, Capture(std::move(pipe), source, captured));
    return Ok();
  };
  if (watched.ok()) watched = capture(std::move(kit.parts.stdout_pipe), LogSource::kStdout, stdout_);
  if (watched.ok()) watched = capture(std::move(kit.parts.stderr_pipe), LogSource::kStderr, stderr_);
  if (!watched.ok())
    EndWorker("it cannot be watched: " + watched.error().message, OutcomeKind::kPlatformFault);
}

}  // namespace hearth
