#include "runtime/worker/launcher.h"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/signalfd.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>

#include "runtime/base/files.h"
#include "runtime/worker/setup_frames.h"
#include "runtime/worker/stages.h"
#include "runtime/worker/unpack.h"
#include "sandbox/seccomp_filter.h"

namespace hearth {
namespace {

// hearth-worker lies beside this executable, wherever the tree was moved to.
Result<UniqueFd> OpenWorkerExecutable() {
  char self[4096];
  const ssize_t size = readlink("/proc/self/exe", self, sizeof self);
  if (size <= 0) return ErrnoError("readlink /proc/self/exe");
  std::string path(self, static_cast<size_t>(size));
  path.replace(path.rfind('/') + 1, std::string::npos, "hearth-worker");
  return OpenFile(path, O_PATH);
}

Result<UniqueFd> WatchChildren() {
  sigset_t child;
  sigemptyset(&child);
  sigaddset(&child, SIGCHLD);
  if (sigprocmask(SIG_SETMASK, &child, nullptr) != 0) return ErrnoError("block SIGCHLD");
  UniqueFd fd(signalfd(-1, &child, SFD_CLOEXEC | SFD_NONBLOCK));
  if (!fd) return ErrnoError("signalfd");
  return fd;
}

Result<SeccompPrograms> CompilePrograms() {
  SeccompPrograms programs;
  HEARTH_ASSIGN(programs.init, CompileSeccomp(InitPolicy()));
  HEARTH_ASSIGN(programs.zygote, CompileSeccomp(ZygotePolicy(), Killing::kByListener));
  const FilesOf files = geteuid() == 0 ? FilesOf::kOthers : FilesOf::kOurUser;
  HEARTH_ASSIGN(programs.worker, CompileSeccomp(WorkerPolicy(files)));
  HEARTH_ASSIGN(programs.blank_worker, CompileSeccomp(BlankWorkerPolicy(), Killing::kByListener));
  HEARTH_ASSIGN(programs.lone_worker, CompileSeccomp(LoneWorkerPolicy()));
  HEARTH_ASSIGN(programs.unpack, CompileSeccomp(UnpackPolicy()));
  return programs;
}

StageFailure HostsFault(std::string stage, const Error& error) {
  return {std::move(stage), 0, error.message, 0};
}

// What a process that runs foreign code, or reads foreign bytes, has to say: cut so that it still fits into a
// packet with what we add, and with nothing in it that a terminal obeys.
std::string Foreign(std::string text) {
  constexpr size_t kBytesMax = 16 * 1024;
  if (text.size() > kBytesMax) text.resize(kBytesMax);
  std::replace_if(
      text.begin(), text.end(), [](unsigned char c) { return c < 0x20 || c == 0x7f; }, '?');
  return text;
}

std::vector<int> Numbers(std::span<const UniqueFd> fds) {
  std::vector<int> numbers;
  for (const UniqueFd& fd : fds) numbers.push_back(fd.get());
  return numbers;
}

constexpr size_t kFdsOfWorker = 3;  // channel, stdout, stderr

// Functions have uids of their own, the folders they are given have another owner: a bucket's files are read
// and written as their folder's owner. Set-user-id bits, which that would make dangerous, the filter refuses. A map is a
// user namespace: where there are none, permissions of the folder decide, and the mounts' warnings tell of it.
Result<std::vector<UniqueFd>> OwnerMapsOf(const MakeSandboxFrame& request, Privilege privilege,
                                          const HostProbe& probe) {
  std::vector<UniqueFd> maps;
  if (privilege != Privilege::kRoot || !probe.user_namespaces) return maps;
  for (const BindMount& mount : request.mounts) {
    struct stat info {};
    if (stat(mount.source.c_str(), &info) != 0) return ErrnoError("stat " + mount.source);
    HEARTH_ASSIGN(auto map, MakeOwnerMap(info.st_uid, info.st_gid, request.host_uid));
    maps.push_back(std::move(map));
  }
  return maps;
}

}  // namespace

Launcher::Launcher(UniqueFd control, UniqueFd children, UniqueFd worker_exe, SeccompPrograms programs,
                   HostProbe probe, EgressOptions egress)
    : control_(std::move(control)),
      children_(std::move(children)),
      worker_exe_(std::move(worker_exe)),
      programs_(std::move(programs)),
      probe_(std::move(probe)),
      privilege_(PrivilegeOfThisProcess()),
      egress_(std::move(egress), [this] { KillConnected(); }) {}

Launcher::~Launcher() {
  if (privilege_ != Privilege::kRoot) return;
  KillConnected();
  for (const auto& [pid, sandbox] : sandboxes_) {
    if (sandbox.place) waitpid(pid, nullptr, 0);
  }
  egress_.Close();
}

Result<std::unique_ptr<Launcher>> Launcher::Create(UniqueFd control, EgressOptions egress) {
  // Both wait for children of their own: before the signals are ours.
  EgressProbe egress_probe(egress.nft);
  auto programs = CompilePrograms();
  HostProbe probe = ProbeHost(egress_probe);
  if (!programs.ok()) return programs.error();
  HEARTH_ASSIGN(auto worker_exe, OpenWorkerExecutable());
  HEARTH_ASSIGN(auto children, WatchChildren());
  auto launcher = std::unique_ptr<Launcher>(new Launcher(std::move(control), std::move(children),
                                                         std::move(worker_exe), std::move(programs).value(),
                                                         std::move(probe), std::move(egress)));
  if (launcher->privilege_ == Privilege::kRoot) launcher->egress_.Sweep();
  launcher->Tell(Encode(HelloFrame{launcher->probe_.level, launcher->probe_.report,
                                   static_cast<uint8_t>(launcher->probe_.forks_workers ? 1 : 0),
                                   launcher->probe_.egress_missing}));
  return launcher;
}

void Launcher::Tell(const std::string& packet, std::span<const int> fds) {
  if (!SendPacket(control_.get(), packet, fds).ok()) closed_ = true;
}

int Launcher::Run() {
  while (!closed_) {
    std::vector<pollfd> watched{
        {control_.get(), POLLIN, 0}, {children_.get(), POLLIN, 0}, {egress_.rules_fd(), POLLIN, 0}};
    for (const auto& [pid, sandbox] : sandboxes_) watched.push_back({sandbox.setup.get(), POLLIN, 0});
    for (const auto& [pid, unpacking] : unpackings_) watched.push_back({unpacking.report.get(), POLLIN, 0});
    if (poll(watched.data(), watched.size(), MillisecondsToNextDeadline()) < 0 && errno != EINTR) return 1;
    // Words before deaths: what a child said last is why it died. In the order in which they were pushed.
    size_t next = 3;
    for (auto& [pid, sandbox] : sandboxes_) {
      if (watched[next++].revents != 0) OnSetup(sandbox);
    }
    for (auto& [pid, unpacking] : unpackings_) {
      if (watched[next++].revents != 0) OnReport(unpacking);
    }
    if (watched[1].revents != 0) ReapChildren();
    MakeWaiting();
    KillLate();
    if (watched[2].revents != 0) egress_.OnRules();
    if (watched[0].revents != 0) OnControl();
    KeepUpBlanks();
  }
  return 0;
}

void Launcher::OnControl() {
  auto received = ReceivePacket(control_.get(), FdPolicy::kAccept);
  if (!received.ok()) return;
  if (received->kind == ReceivedPacket::Kind::kEndOfFile) {
    closed_ = true;
    return;
  }
  Packet& packet = received->packet;
  if (auto make = DecodeMakeSandbox(packet.bytes))
    return MakeSandbox(std::move(*make), std::move(packet.fds));
  if (const auto unpack = DecodeUnpackZip(packet.bytes)) return UnpackZip(*unpack, packet.fds);
  if (KindOf(packet.bytes) == LauncherFrameKind::kKeepBlanks) {
    if (const auto blanks = DecodeBlanks(packet.bytes)) KeepBlanks(blanks->count);
    return;
  }
  if (KindOf(packet.bytes) != LauncherFrameKind::kKillSandbox) return;
  if (const auto gone = DecodeSandboxId(packet.bytes)) KillSandbox(gone->sandbox_id);
}

void Launcher::MakeSandbox(MakeSandboxFrame request, std::vector<UniqueFd> fds) {
  if (request.egress != 0 && egress_.is_full() && IsPlaceComing()) {
    waiting_.push_back({std::move(request), std::move(fds)});
    return;
  }
  const auto failure = StartSandbox(request, fds);
  if (failure) Tell(Encode(SandboxFailedFrame{request.sandbox_id, *failure}));
}

std::optional<StageFailure> Launcher::StartSandbox(const MakeSandboxFrame& request,
                                                   const std::vector<UniqueFd>& fds) {
  if (probe_.level < kIsolationRootless) {
    return StageFailure{"isolate", ENOTSUP, "this host cannot confine functions:\n" + probe_.report, 0};
  }
  const bool with_channel = request.own_worker != 0 || request.snapshot_limit_ms != 0;
  const size_t first_tasks = with_channel ? kFdsOfWorker : 0;
  if (fds.size() < first_tasks)
    return StageFailure{"check request", EINVAL, "channel, stdout and stderr are missing", 0};
  std::vector<int> joined = Numbers(std::span(fds).subspan(first_tasks));
  int secrets = -1;
  if (!request.secrets.empty() && !joined.empty()) {
    secrets = joined.back();
    joined.pop_back();
  }
  const std::string complaint = request.secrets.empty() || secrets >= 0
                                    ? CheckSandboxRequest(request, privilege_)
                                    : "its secrets come without a descriptor";
  if (!complaint.empty()) return StageFailure{"check request", EINVAL, complaint, 0};
  const MonotonicTime started = clock_.Now();
  last_start_ = started;
  const auto owner_maps = OwnerMapsOf(request, privilege_, probe_);
  if (!owner_maps.ok()) return HostsFault("map owners of mounted folders", owner_maps.error());
  // With a way out it is made as a whole: filter, names and namespace of a blank one are those of a function without.
  const bool may_be_blank = request.own_worker != 0 && request.egress == 0;
  Sandbox* const blank = may_be_blank ? FindReadyBlank() : nullptr;
  if (blank != nullptr) {
    std::vector<int> for_worker = Numbers(std::span(fds).first(first_tasks));
    for_worker.insert(for_worker.end(), joined.begin(), joined.end());
    return UseBlank(*blank, request, for_worker, Numbers(*owner_maps), secrets);
  }
  auto setup = MakePacketSocketPair();
  if (!setup.ok()) return HostsFault("make set-up channel", setup.error());
  auto channel = MakePacketSocketPair();
  if (!channel.ok()) return HostsFault("make channel of init", channel.error());
  auto place = PlaceFor(request);
  if (!place.ok()) return HostsFault("make a way out of the network namespace", place.error());
  const pid_t pid = CloneProcess(SandboxCloneFlags(privilege_));
  if (pid < 0) {
    const int error = errno;
    if (*place) egress_.GiveBack((*place)->number);
    return StageFailure{"clone init", error, {}, 0};
  }
  if (pid == 0) {
    // Only the other ends of the pairs: init must see these close.
    setup->ours.Reset();
    channel->ours.Reset();
    RunSandboxInit({request, *place ? egress_programs_ : programs_, privilege_, setup->theirs.get(),
                    channel->theirs.get(), worker_exe_.get(), std::move(joined), Numbers(*owner_maps), *place,
                    secrets, Numbers(std::span(fds).first(first_tasks)), probe_.forks_workers});
  }
  Sandbox& sandbox = sandboxes_[pid];
  sandbox.id = request.sandbox_id;
  sandbox.setup = std::move(setup->ours);
  sandbox.hearthds_channel = std::move(channel->ours);
  sandbox.started = started;
  sandbox.allowed = kStartDeadline + std::chrono::milliseconds(request.snapshot_limit_ms);
  sandbox.place = std::move(place).value();
  if (sandbox.place) {
    Connect(pid, request);
    return std::nullopt;
  }
  if (privilege_ == Privilege::kUnprivileged) {
    const Status mapped = WriteIdMaps(pid);
    if (!mapped.ok()) {
      sandbox.failure = HostsFault("write id maps", mapped.error());
      kill(pid, SIGKILL);
      return std::nullopt;
    }
  }
  (void)SendPacket(sandbox.setup.get(), "go");
  return std::nullopt;
}

Result<std::optional<EgressPlace>> Launcher::PlaceFor(const MakeSandboxFrame& request) {
  if (request.egress == 0) return std::optional<EgressPlace>();
  if (!probe_.egress_missing.empty()) return Error{ErrorCode::kUnsupported, probe_.egress_missing};
  if (egress_programs_.zygote.empty()) {
    SeccompPrograms programs = programs_;
    HEARTH_ASSIGN(programs.zygote, CompileSeccomp(ZygotePolicy(NetworkOf::kEgress), Killing::kByListener));
    egress_programs_ = std::move(programs);
  }
  HEARTH_ASSIGN(EgressPlace place, egress_.Take());
  return std::optional<EgressPlace>(std::move(place));
}

// So that the trial of a deploy, or a worker that was ended, is not in the way of the next one.
bool Launcher::IsPlaceComing() const {
  return egress_.is_ending() || std::any_of(sandboxes_.begin(), sandboxes_.end(), [](const auto& each) {
           return each.second.place && (each.second.told_to_go || each.second.failure);
         });
}

void Launcher::MakeWaiting() {
  while (!waiting_.empty() && !(egress_.is_full() && IsPlaceComing())) {
    WaitsForPlace next = std::move(waiting_.front());
    waiting_.pop_front();
    MakeSandbox(std::move(next.request), std::move(next.fds));
  }
}

// Init waits until the rules hold: nothing foreign runs before.
void Launcher::Connect(pid_t pid, const MakeSandboxFrame& request) {
  const Status laid = egress_.Connect(*sandboxes_[pid].place, pid, request.tcp_ports,
                                      [this, pid](const Status& connected) { LetGo(pid, connected); });
  if (!laid.ok()) LetGo(pid, laid);
}

// Who has a way out goes before the rules that hold it.
void Launcher::KillConnected() {
  for (const auto& [pid, sandbox] : sandboxes_) {
    if (sandbox.place) kill(pid, SIGKILL);
  }
}

void Launcher::LetGo(pid_t pid, const Status& connected) {
  Sandbox& sandbox = sandboxes_[pid];
  if (connected.ok()) {
    (void)SendPacket(sandbox.setup.get(), "go");
    return;
  }
  sandbox.failure = HostsFault("make a way out of the network namespace", connected.error());
  kill(pid, SIGKILL);
}

void Launcher::OnSetup(Sandbox& sandbox) {
  const auto received = ReceivePacket(sandbox.setup.get(), FdPolicy::kRefuse);
  if (!received.ok() || received->kind == ReceivedPacket::Kind::kEndOfFile) {
    sandbox.setup.Reset();
    return;
  }
  const std::string& bytes = received->packet.bytes;
  if (sandbox.blank == Blank::kMaking && SetupKindOf(bytes) == SetupFrameKind::kBlank) {
    sandbox.blank = Blank::kReady;
    return;
  }
  if (const auto stage = DecodeStage(bytes)) sandbox.stage = Foreign(*stage);
  if (auto mounts = DecodeMounts(bytes)) sandbox.mounts = std::move(*mounts);
  if (auto failed = DecodeSetupFailed(bytes)) {
    failed->stage = Foreign(std::move(failed->stage));
    failed->detail = Foreign(std::move(failed->detail));
    // Init ends itself after that word; if it does not, KillLate() will.
    sandbox.failure = std::move(*failed);
  }
  if (SetupKindOf(bytes) != SetupFrameKind::kLoaded || sandbox.failure) return;
  sandbox.ready = true;
  const auto took = std::chrono::duration_cast<std::chrono::microseconds>(clock_.Now() - sandbox.started);
  const int fds[] = {sandbox.hearthds_channel.get()};
  const uint8_t was_blank = sandbox.blank == Blank::kUsed ? 1 : 0;
  Tell(Encode(SandboxReadyFrame{sandbox.id, static_cast<uint32_t>(took.count()), was_blank,
                                std::move(sandbox.mounts)}),
       fds);
  sandbox.hearthds_channel.Reset();
  sandbox.setup.Reset();
}

void Launcher::KillSandbox(uint64_t id) {
  std::erase_if(waiting_, [id](const WaitsForPlace& each) { return each.request.sandbox_id == id; });
  for (auto& [pid, sandbox] : sandboxes_) {
    if (sandbox.id != id || id == 0) continue;
    sandbox.told_to_go = true;
    kill(pid, SIGKILL);
  }
}

void Launcher::UnpackZip(const UnpackZipFrame& request, const std::vector<UniqueFd>& fds) {
  auto report = MakePacketSocketPair();
  if (fds.size() != 2 || !report.ok()) {
    return Tell(Encode(UnpackDoneFrame{request.ticket, "unpack: zip and folder must come with the request"}));
  }
  const MonotonicTime started = clock_.Now();
  const pid_t pid = CloneProcess(SandboxCloneFlags(privilege_));
  if (pid < 0) {
    return Tell(Encode(UnpackDoneFrame{request.ticket, ErrnoError("unpack: clone").message}));
  }
  if (pid == 0) {
    report->ours.Reset();
    RunUnpacker({request, programs_.unpack, fds[0].get(), fds[1].get(), report->theirs.get()});
  }
  Unpacking& unpacking = unpackings_[pid];
  unpacking.ticket = request.ticket;
  unpacking.report = std::move(report->ours);
  unpacking.started = started;
  const Status mapped = privilege_ == Privilege::kUnprivileged ? WriteIdMaps(pid) : Ok();
  if (!mapped.ok()) {
    unpacking.error = "unpack: " + mapped.error().message;
    kill(pid, SIGKILL);
  }
  (void)SendPacket(unpacking.report.get(), "go");
}

void Launcher::OnReport(Unpacking& unpacking) {
  const auto received = ReceivePacket(unpacking.report.get(), FdPolicy::kRefuse);
  if (!received.ok() || received->kind == ReceivedPacket::Kind::kEndOfFile) {
    unpacking.report.Reset();
    return;
  }
  // From a process that reads foreign bytes: a text, whatever it says. Empty only together with exit code 0.
  if (!unpacking.error) unpacking.error = Foreign(received->packet.bytes);
}

void Launcher::ReapChildren() {
  signalfd_siginfo ignored;
  while (read(children_.get(), &ignored, sizeof ignored) > 0) {
  }
  int status = 0;
  for (pid_t pid; (pid = waitpid(-1, &status, WNOHANG)) > 0;) {
    if (egress_.OnExit(pid, status)) continue;
    const auto sandbox = sandboxes_.find(pid);
    if (sandbox != sandboxes_.end()) {
      OnSandboxExit(sandbox->second, status);
      if (sandbox->second.place) egress_.GiveBack(sandbox->second.place->number);
      sandboxes_.erase(sandbox);
    }
    const auto unpacking = unpackings_.find(pid);
    if (unpacking != unpackings_.end()) {
      OnUnpackExit(unpacking->second, status);
      unpackings_.erase(unpacking);
    }
  }
}

void Launcher::OnSandboxExit(Sandbox& sandbox, int status) {
  while (sandbox.setup.valid() && !sandbox.ready) {  // its last words
    pollfd left{sandbox.setup.get(), POLLIN, 0};
    if (poll(&left, 1, 0) <= 0) break;
    OnSetup(sandbox);
  }
  if (sandbox.blank == Blank::kUnwanted) return;
  if (sandbox.blank == Blank::kMaking || sandbox.blank == Blank::kReady) return OnBlankExit(sandbox, status);
  if (sandbox.ready) return Tell(Encode(LauncherFrameKind::kSandboxGone, SandboxIdFrame{sandbox.id}));
  if (!sandbox.failure) {
    sandbox.failure = CrashInStage(sandbox.stage, WIFEXITED(status) ? WEXITSTATUS(status) : -1,
                                   WIFSIGNALED(status) ? WTERMSIG(status) : 0);
  }
  Tell(Encode(SandboxFailedFrame{sandbox.id, *sandbox.failure}));
}

void Launcher::OnUnpackExit(Unpacking& unpacking, int status) {
  pollfd left{unpacking.report.get(), POLLIN, 0};
  if (unpacking.report.valid() && poll(&left, 1, 0) > 0) OnReport(unpacking);
  const bool done = WIFEXITED(status) && WEXITSTATUS(status) == 0;
  std::string error = unpacking.error.value_or("");
  if (!done && error.empty()) {
    error = "unpack: the process that read the zip died (status " + std::to_string(status) +
            "): the zip is malformed";
  }
  Tell(Encode(UnpackDoneFrame{unpacking.ticket, done ? "" : error}));
}

void Launcher::KillLate() {
  const MonotonicTime now = clock_.Now();
  for (auto& [pid, sandbox] : sandboxes_) {
    if (sandbox.ready || sandbox.blank == Blank::kReady || now - sandbox.started < sandbox.allowed) continue;
    if (!sandbox.failure) {
      const auto allowed = std::chrono::ceil<std::chrono::seconds>(sandbox.allowed);
      sandbox.failure = StuckInStage(sandbox.stage, static_cast<int>(allowed.count()));
    }
    kill(pid, SIGKILL);
  }
  for (auto& [pid, unpacking] : unpackings_) {
    if (unpacking.error || now - unpacking.started < kUnpackDeadline) continue;
    unpacking.error = "unpack: not done within " + std::to_string(kUnpackDeadline.count()) + " seconds";
    kill(pid, SIGKILL);
  }
}

int Launcher::MillisecondsToNextDeadline() const {
  std::optional<MonotonicTime> next;
  const auto consider = [&next](MonotonicTime deadline) {
    next = next ? std::min(*next, deadline) : deadline;
  };
  for (const auto& [pid, sandbox] : sandboxes_) {
    if (!sandbox.ready && sandbox.blank != Blank::kReady) consider(sandbox.started + sandbox.allowed);
  }
  if (AreBlanksToMake() || AreBlanksToTell()) consider(last_start_ + kBlankPause);
  for (const auto& [pid, unpacking] : unpackings_) {
    if (!unpacking.error) consider(unpacking.started + kUnpackDeadline);
  }
  if (!next) return -1;
  const auto left = std::chrono::duration_cast<std::chrono::milliseconds>(*next - clock_.Now()).count();
  return static_cast<int>(std::clamp<int64_t>(left + 1, 0, 60'000));
}

}  // namespace hearth
