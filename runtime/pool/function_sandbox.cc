#include "runtime/pool/function_sandbox.h"

#include <fcntl.h>
#include <unistd.h>

#include <utility>

#include "runtime/base/pipe.h"

namespace hearth {
namespace {

// Starts in one turn of the loop. One costs 0.4 ms here, most of it for its control group: 200 at once would keep those
// that have been started, and everybody else's events, waiting for as long as all of them take.
constexpr size_t kForksPerTurn = 4;

// A function of 16 MiB has a hundredth of a processor, which is 1 ms in 20: enough for 25 forks. With so many under way
// its zygote, which does nothing of the author's any more, has a whole one until the last has started.
constexpr size_t kManyForks = 8;
constexpr double kCpusOfManyForks = 1.0;

constexpr uint32_t kThreadsMax = 1024;  // Lambda's limit of threads and processes of one environment

CgroupLimits LimitsOf(const FunctionSettings& settings, const std::string& cpu_set) {
  CgroupLimits limits;
  limits.cpu_set = cpu_set;
  limits.memory_bytes = settings.memory.count;
  limits.pids_max = kThreadsMax;
  limits.cpus = CpusFor(limits.memory_bytes);
  return limits;
}

// What a handler finds in its environment: Lambda's names, then its own, which win.
std::vector<std::string> EnvironmentOf(const FunctionVersion& version) {
  const FunctionSettings& s = version.settings;
  std::map<std::string, std::string> all = {
      {"_HANDLER", s.handler},
      {"LAMBDA_TASK_ROOT", "/var/task"},
      {"AWS_LAMBDA_FUNCTION_NAME", version.function},
      {"AWS_LAMBDA_FUNCTION_VERSION", version.version},
      {"AWS_LAMBDA_FUNCTION_MEMORY_SIZE", std::to_string(s.memory.mib())},
      {"AWS_LAMBDA_INITIALIZATION_TYPE", StartsFromSnapshot(version) ? "snap-start" : "on-demand"},
      {"TZ", ":UTC"},
      {"LANG", "C.UTF-8"},
      {"HOME", "/tmp"},
      {"PATH", "/var/task"},
  };
  if (s.log.format == LogFormat::kJson) {
    all["AWS_LAMBDA_LOG_FORMAT"] = "JSON";
    all["AWS_LAMBDA_LOG_LEVEL"] = LogLevelName(s.log.application_level);
  }
  for (const auto& [name, value] : s.environment) all[name] = value;
  std::vector<std::string> environment;
  for (const auto& [name, value] : all) environment.push_back(name + "=" + value);
  return environment;
}

}  // namespace

FunctionSandbox::FunctionSandbox(SandboxId id, std::shared_ptr<const FunctionVersion> version,
                                 std::string cpu_set, LauncherClient& launcher, CgroupBackend& cgroups,
                                 WorkerContext& workers, Log& log)
    : id_(id),
      version_(std::move(version)),
      cpu_set_(std::move(cpu_set)),
      launcher_(launcher),
      cgroups_(cgroups),
      workers_(workers),
      log_(log),
      forks_of_turn_(workers.loop, kForksPerTurn, [this] { ForkWaiting(); }) {}

FunctionSandbox::~FunctionSandbox() {
  if (state_ != State::kGone) launcher_.KillSandbox(id_);
}

MakeSandboxFrame FunctionSandbox::FrameOf(SandboxFiles& files) {
  const FunctionSettings& settings = version_->settings;
  const auto handler = ParseHandler(settings.handler);
  CHECK_TRUE(handler.ok());  // validated when it was set
  MakeSandboxFrame frame;
  frame.sandbox_id = id_.value();
  frame.name = version_->function;
  frame.code_folder = version_->code.folder;
  frame.library = handler->library;
  frame.symbol = handler->symbol;
  frame.function_name = version_->function;
  frame.function_version = version_->version;
  frame.memory_bytes = settings.memory.count;
  frame.tmp_bytes = settings.tmp.count;
  frame.pids_max = kThreadsMax;
  frame.host_uid = version_->host_uid;
  frame.has_memory_cgroup = cgroups_.limits_memory() ? 1 : 0;
  frame.environment = EnvironmentOf(*version_);
  frame.layers_folder = version_->layers_folder;
  frame.secrets = std::move(files.secrets);
  frame.mounts = files.mounts;
  frame.egress = settings.network == Network::kEgress ? 1 : 0;
  frame.tcp_ports.assign(settings.network_ports.begin(), settings.network_ports.end());
  mounts_ = std::move(files.mounts);
  return frame;
}

void FunctionSandbox::Make(SandboxFiles files, std::function<void(Status)> made) {
  made_ = std::move(made);
  MakeSandboxFrame frame = FrameOf(files);
  const Status begun = BeginZygote();
  if (!begun.ok()) {
    workers_.loop.Post([self = weak_.Get(), error = begun.error()] {
      if (self) self->OnMade(error);
    });
    return;
  }
  std::vector<int> fds;
  if (snapshot_) {
    frame.snapshot_limit_ms = static_cast<uint32_t>(workers_.init_limit.count());
    fds = snapshot_->passed();
  }
  for (const int fd : zygote_cgroup_->tasks_fds()) fds.push_back(fd);
  if (files.secret_values) fds.push_back(files.secret_values.get());
  launcher_.MakeSandbox(frame, fds, [self = weak_.Get()](Result<LauncherClient::MadeSandbox> result) {
    if (self) self->OnMade(std::move(result));
  });
  if (snapshot_) snapshot_->ClosePassed();
}

Status FunctionSandbox::BeginZygote() {
  HEARTH_ASSIGN(zygote_cgroup_, cgroups_.Create(LimitsOf(version_->settings, cpu_set_)));
  if (!StartsFromSnapshot(*version_)) return Ok();
  HEARTH_ASSIGN(snapshot_, SnapshotRun::Create(workers_, version_, [self = weak_.Get()](const Error& error) {
                  if (self) self->OnSnapshotBroken(error);
                }));
  return Ok();
}

// What it says is of no more use.
void FunctionSandbox::OnSnapshotBroken(const Error& error) {
  if (state_ != State::kMaking) return;
  launcher_.KillSandbox(id_);
  OnMade(error);
}

// Init has run in the zygote, or has ended it.
Status FunctionSandbox::EndSnapshot(Status made) {
  if (!snapshot_) return made;
  const std::unique_ptr<SnapshotRun> run = std::exchange(snapshot_, nullptr);
  run->End(made);
  snapshot_took_ = run->took().value_or(nanoseconds(0));
  if (made.ok() && !run->took())
    return Error{ErrorCode::kBadArtefact,
                 "run init: the process that workers are copies of did not say how it went"};
  if (made.ok()) return made;
  if (const auto kills = zygote_cgroup_->OomKills(); kills.ok() && *kills > 0) {
    return Error{ErrorCode::kBadArtefact, made.error().message + "; it used more than its memory limit of " +
                                              std::to_string(version_->settings.memory.mib()) + " MB"};
  }
  return made;
}

void FunctionSandbox::MakeWithWorker(SandboxFiles files, WorkerId id, OnWorker done) {
  own_worker_ = true;
  MakeSandboxFrame frame = FrameOf(files);
  frame.own_worker = id.value();
  auto beginning = BeginWorker(id);
  Status begun = beginning.ok() ? Ok() : Status(beginning.error());
  if (begun.ok()) {
    if (files.secret_values) beginning->passed.push_back(files.secret_values.get());
    launcher_.MakeSandbox(frame, beginning->passed,
                          [self = weak_.Get()](Result<LauncherClient::MadeSandbox> result) {
                            if (self) self->OnMade(std::move(result));
                          });
    begun = AddWorker(std::move(beginning).value(), done);
  }
  if (begun.ok()) return;
  state_ = State::kGone;
  launcher_.KillSandbox(id_);
  workers_.loop.Post([self = weak_.Get(), done = std::move(done), error = begun.error()] {
    if (self) done(error);
  });
}

// It is told here; if it has ended already, its channel has said so before, and this says why.
void FunctionSandbox::FailOwnWorker(const Error& error) {
  const WeakPtr<FunctionSandbox> self = weak_.Get();
  for (auto& [id, worker] : std::exchange(alive_, {})) {
    if (worker) worker->OnForkFailed(error);
  }
  if (self && on_worker_gone_) on_worker_gone_();
}

void FunctionSandbox::OnMade(Result<LauncherClient::MadeSandbox> made) {
  if (made.ok() && made->leaves_threads && snapshot_) {
    made = Error{
        ErrorCode::kBadArtefact,
        "its library starts threads while it is loaded, and a process with threads cannot be copied, as "
        "SnapStart does: start them in after_restore, or set SnapStart.ApplyOn to \"None\""};
  }
  if (const Status ended = EndSnapshot(made.ok() ? Ok() : Status(made.error())); !ended.ok())
    made = ended.error();
  if (made.ok() && made->leaves_threads) {
    state_ = State::kGone;
    const WeakPtr<FunctionSandbox> self = weak_.Get();
    on_threads_(std::exchange(waiting_, {}));
    // It was loaded, all the same.
    auto reply = self ? std::exchange(made_, nullptr) : nullptr;
    return reply ? reply(Ok()) : void();
  }
  if (!made.ok()) {
    state_ = State::kGone;
    if (own_worker_) return FailOwnWorker(made.error());
    FailWaiting(made.error());
    if (auto reply = std::exchange(made_, nullptr)) reply(made.error());
    return;
  }
  init_ = std::move(made->init_channel);
  auto watch =
      FdWatch::Create(workers_.loop, init_.get(), FdEvents::kReadable, [this](FdEvents) { OnReadable(); });
  if (!watch.ok()) return OnGone(watch.error().message);
  watch_ = std::move(watch).value();
  state_ = State::kReady;
  if (own_worker_ && on_own_start_) on_own_start_(made->was_blank);
  if (on_mounts_ && made->mounts.size() == mounts_.size()) on_mounts_(mounts_, made->mounts);
  const WeakPtr<FunctionSandbox> self = weak_.Get();
  ForkWaiting();
  if (auto reply = self ? std::exchange(made_, nullptr) : nullptr) reply(Ok());
}

void FunctionSandbox::ForkWaiting() {
  const WeakPtr<FunctionSandbox> self = weak_.Get();
  while (self && !waiting_.empty() && forks_of_turn_.Take()) {
    auto [id, done] = std::move(waiting_.front());
    waiting_.erase(waiting_.begin());
    if (Status forked = Fork(id, done); !forked.ok()) done(forked.error());
  }
}

// Nothing depends on it but how long they take.
void FunctionSandbox::GiveForksTime() {
  const bool wanted = forking_.size() >= kManyForks || (forks_have_time_ && !forking_.empty());
  const double own = CpusFor(version_->settings.memory.count);
  if (own_worker_ || wanted == forks_have_time_ || own >= kCpusOfManyForks) return;
  forks_have_time_ = wanted;
  (void)zygote_cgroup_->LimitCpus(wanted ? kCpusOfManyForks : own);
}

void FunctionSandbox::Launch(WorkerId id, OnWorker done) {
  if (state_ == State::kMaking || !waiting_.empty() || !forks_of_turn_.Take()) {
    waiting_.emplace_back(id, std::move(done));
    return;
  }
  Status forked = Fork(id, done);
  if (forked.ok()) return;
  workers_.loop.Post([self = weak_.Get(), done = std::move(done), error = forked.error()] {
    if (self) done(error);
  });
}

Result<FunctionSandbox::Beginning> FunctionSandbox::BeginWorker(WorkerId id) {
  HEARTH_ASSIGN(PacketSocketPair channel, MakePacketSocketPair());
  HEARTH_ASSIGN(Pipe out, MakePipe(PipeEnd::kRead));
  HEARTH_ASSIGN(Pipe err, MakePipe(PipeEnd::kRead));
  HEARTH_ASSIGN(std::unique_ptr<Cgroup> cgroup, cgroups_.Create(LimitsOf(version_->settings, cpu_set_)));
  std::vector<int> passed{channel.theirs.get(), out.write.get(), err.write.get()};
  for (const int fd : cgroup->tasks_fds()) passed.push_back(fd);
  const uint64_t their_cookie = CookieOf(channel.theirs.get());
  return Beginning{std::move(channel.theirs),
                   std::move(out.write),
                   std::move(err.write),
                   std::move(passed),
                   {id, std::move(channel.ours), std::move(out.read), std::move(err.read), std::move(cgroup),
                    their_cookie}};
}

Status FunctionSandbox::AddWorker(Beginning beginning, OnWorker& done) {
  const WorkerId id = beginning.parts.id;
  HEARTH_ASSIGN(std::unique_ptr<WorkerProcess> worker,
                WorkerProcess::Create(workers_, version_, std::move(beginning.parts)));
  worker->SetOnStarted([self = weak_.Get(), id](Status started) {
    if (self) self->OnStarted(id, std::move(started));
  });
  alive_[id] = worker->weak();
  forking_[id] = Forking{std::move(worker), std::move(done)};
  GiveForksTime();
  return Ok();
}

Status FunctionSandbox::Fork(WorkerId id, OnWorker& done) {
  HEARTH_ASSIGN(Beginning beginning, BeginWorker(id));
  HEARTH_ASSIGN(const SendOutcome sent,
                SendPacket(init_.get(), Encode(ForkWorkerFrame{id.value()}), beginning.passed));
  if (sent == SendOutcome::kWouldBlock) {
    return Error{ErrorCode::kUnavailable,
                 "too many workers of " + version_->function + " are being started at once"};
  }
  HEARTH_TRY(AddWorker(std::move(beginning), done));
  if (++forks_ >= workers_.zygote_forks_max) Tire();
  return Ok();
}

void FunctionSandbox::OnStarted(WorkerId id, Status started) {
  auto node = forking_.extract(id);
  if (node.empty()) return;
  Forking forking = std::move(node.mapped());
  GiveForksTime();
  if (started.ok()) return forking.done(std::unique_ptr<Worker>(std::move(forking.worker)));
  const WeakPtr<FunctionSandbox> self = weak_.Get();
  forking.done(started.error());
  // Init tells of every end but of a worker that was never forked: then the zygote is stuck.
  if (self && alive_.erase(id) != 0) OnZygoteStuck();
}

void FunctionSandbox::OnReadable() {
  const WeakPtr<FunctionSandbox> self = weak_.Get();
  while (self && init_.valid()) {
    auto received = ReceivePacket(init_.get(), FdPolicy::kRefuse);
    if (!received.ok()) return OnGone(received.error().message);
    if (received->kind == ReceivedPacket::Kind::kWouldBlock) return;
    if (received->kind == ReceivedPacket::Kind::kEndOfFile) return OnGone("its init has ended");
    OnPacket(received->packet.bytes);
  }
}

void FunctionSandbox::OnPacket(std::string_view packet) {
  switch (KindOf(packet).value_or(LauncherFrameKind::kHello)) {
    case LauncherFrameKind::kWorkerForked:
      return;  // Started says more
    case LauncherFrameKind::kForkFailed:
      if (const auto frame = DecodeForkFailed(packet)) OnForkFailed(*frame);
      return;
    case LauncherFrameKind::kWorkerExited:
      if (const auto frame = DecodeWorkerExited(packet)) OnWorkerExited(*frame);
      return;
    case LauncherFrameKind::kZygoteExited:
      return OnZygoteExited();
    default:
      return OnGone("its init sent a frame out of turn");
  }
}

// No WorkerExited comes after it.
void FunctionSandbox::OnForkFailed(const ForkFailedFrame& frame) {
  const auto node = alive_.extract(WorkerId(frame.worker_id));
  if (node.empty()) return;
  const WeakPtr<FunctionSandbox> self = weak_.Get();
  if (node.mapped()) node.mapped()->OnForkFailed(ErrorFromStage(frame.failure));
  if (self && on_worker_gone_) on_worker_gone_();
}

void FunctionSandbox::OnWorkerExited(const WorkerExitedFrame& frame) {
  const auto found = alive_.find(WorkerId(frame.worker_id));
  if (found == alive_.end()) return;
  const WeakPtr<WorkerProcess> worker = found->second;
  alive_.erase(found);
  const WeakPtr<FunctionSandbox> self = weak_.Get();
  const WorkerDeath death{ExitStatus{frame.exit_code, frame.signal}, frame.violation};
  if (IsCrash(death)) Tire();
  if (worker) worker->OnExited(death, frame.max_rss_kib);
  if (self && on_worker_gone_) on_worker_gone_();
}

void FunctionSandbox::Tire() {
  if (std::exchange(tired_, true) || !on_tired_) return;
  on_tired_();
}

void FunctionSandbox::OnZygoteExited() {
  if (state_ == State::kReady) state_ = State::kSpent;
  log_.Warn("a zygote has ended; the next cold start makes another", {{"function", version_->function}});
}

void FunctionSandbox::OnZygoteStuck() {
  if (state_ == State::kReady) state_ = State::kSpent;
  if (own_worker_) return on_worker_gone_ ? on_worker_gone_() : void();
  log_.Warn("a zygote does not fork; the next cold start makes another", {{"function", version_->function}});
  if (on_worker_gone_) on_worker_gone_();
}

void FunctionSandbox::OnGone(std::string why) {
  if (state_ == State::kGone) return;
  state_ = State::kGone;
  watch_.reset();
  init_.Reset();
  launcher_.KillSandbox(id_);
  const Error error{ErrorCode::kUnavailable, "the sandbox of " + version_->function + " has ended: " + why};
  const WeakPtr<FunctionSandbox> self = weak_.Get();
  for (auto& [id, worker] : std::exchange(alive_, {})) {
    if (worker) worker->OnSandboxGone(error.message);
  }
  if (!self) return;
  FailWaiting(error);
  if (auto reply = std::exchange(made_, nullptr)) reply(error);
  if (self && on_worker_gone_) on_worker_gone_();
}

void FunctionSandbox::FailWaiting(const Error& error) {
  for (auto& [id, done] : std::exchange(waiting_, {})) done(error);
}

}  // namespace hearth
