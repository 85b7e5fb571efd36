#include "runtime/pool/launcher_client.h"

#include <fcntl.h>
#include <poll.h>
#include <string.h>

#include <algorithm>
#include <utility>

namespace hearth {
namespace {

constexpr milliseconds kHelloLimit{10'000};
// What it has to do at its end takes some hundredths of a second.
constexpr milliseconds kEndLimit{5'000};
// While a request is open, the launcher says something within this: it gives up the longest of them, an
// unpacking, after 60 s by itself. A sandbox whose zygote runs init has as long as that may take besides.
constexpr milliseconds kSilenceLimit{70'000};

}  // namespace

Error ErrorFromStage(const StageFailure& failure) {
  std::string text = failure.stage;
  if (!failure.detail.empty()) text += ": " + failure.detail;
  if (failure.error != 0) text += std::string(": ") + strerror(failure.error);
  return {failure.authors_fault != 0 ? ErrorCode::kBadArtefact : ErrorCode::kUnavailable, std::move(text)};
}

LauncherClient::LauncherClient(Loop& loop, Log& log, std::string executable,
                               std::vector<std::string> arguments)
    : executable_(std::move(executable)), arguments_(std::move(arguments)), loop_(loop), log_(log) {}

LauncherClient::~LauncherClient() {
  watch_.reset();
  control_.Reset();
  if (!process_.valid()) return;
  pollfd ended{process_.pidfd(), POLLIN, 0};
  (void)::poll(&ended, 1, static_cast<int>(kEndLimit.count()));
}

void LauncherClient::Start(std::function<void(Result<Hello>)> started, std::function<void()> on_death) {
  CHECK_TRUE(!running_);
  started_ = std::move(started);
  on_death_ = std::move(on_death);
  running_ = true;
  const auto fail = [this](const Error& error) { ReplyLater([this, error] { OnDeath(error.message); }); };
  auto pair = MakePacketSocketPair();
  if (!pair.ok()) return fail(pair.error());
  SpawnOptions options;
  options.executable = executable_;
  options.arguments = arguments_;
  options.inherited_fd = pair->theirs.get();
  auto process = Spawn(options);
  if (!process.ok()) return fail(process.error());
  process_ = std::move(process).value();
  control_ = std::move(pair->ours);
  auto watch =
      FdWatch::Create(loop_, control_.get(), FdEvents::kReadable, [this](FdEvents) { OnReadable(); });
  if (!watch.ok()) return fail(watch.error());
  watch_ = std::move(watch).value();
  hello_limit_ = loop_.After(kHelloLimit, [this] { OnDeath("it said nothing for 10 s"); });
}

void LauncherClient::OnReadable() {
  const WeakPtr<LauncherClient> self = weak_.Get();
  while (self && control_.valid()) {
    auto received = ReceivePacket(control_.get(), FdPolicy::kAccept);
    if (!received.ok()) return OnDeath(received.error().message);
    if (received->kind == ReceivedPacket::Kind::kWouldBlock) return;
    if (received->kind == ReceivedPacket::Kind::kEndOfFile) return OnDeath("its control channel ended");
    OnPacket(std::move(received->packet));
    if (self) ExpectAnswer();
  }
}

void LauncherClient::OnPacket(Packet packet) {
  switch (KindOf(packet.bytes).value_or(LauncherFrameKind::kMakeSandbox)) {
    case LauncherFrameKind::kHello:
      return OnHello(packet.bytes);
    case LauncherFrameKind::kSandboxReady:
      return OnSandboxReady(std::move(packet));
    case LauncherFrameKind::kSandboxFailed:
      return OnSandboxFailed(packet.bytes);
    case LauncherFrameKind::kUnpackDone:
      return OnUnpackDone(packet.bytes);
    case LauncherFrameKind::kBlanks:
      if (const auto blanks = DecodeBlanks(packet.bytes); blanks && on_blanks_)
        on_blanks_(blanks->count, blanks->problem);
      return;
    case LauncherFrameKind::kSandboxGone:
      return;  // its init channel says the same
    default:
      return OnDeath("it sent a frame out of turn");
  }
}

void LauncherClient::OnHello(std::string_view packet) {
  auto hello = DecodeHello(packet);
  if (!hello) return OnDeath("its Hello is malformed");
  hello_limit_.Cancel();
  if (auto started = std::exchange(started_, nullptr))
    started(Hello{hello->isolation_level, std::move(hello->report), hello->forks_workers != 0,
                  std::move(hello->egress_missing)});
}

void LauncherClient::MakeSandbox(const MakeSandboxFrame& frame, std::span<const int> fds,
                                 std::function<void(Result<MadeSandbox>)> reply) {
  Status sent = Send(Encode(frame), fds);
  if (!sent.ok()) return ReplyLater([reply = std::move(reply), error = sent.error()] { reply(error); });
  making_[frame.sandbox_id] = std::move(reply);
  longest_init_ = std::max(longest_init_, milliseconds(frame.snapshot_limit_ms));
  ExpectAnswer();
}

void LauncherClient::OnSandboxReady(Packet packet) {
  auto frame = DecodeSandboxReady(packet.bytes);
  if (!frame || packet.fds.size() != 1) return OnDeath("its SandboxReady is malformed");
  auto node = making_.extract(frame->sandbox_id);
  if (node.empty()) return;  // killed meanwhile
  ::fcntl(packet.fds[0].get(), F_SETFL, O_NONBLOCK);
  MadeSandbox made;
  made.init_channel = std::move(packet.fds[0]);
  made.was_blank = frame->was_blank != 0;
  made.took = microseconds(frame->make_us);
  made.mounts = std::move(frame->mounts);
  node.mapped()(std::move(made));
}

void LauncherClient::OnSandboxFailed(std::string_view packet) {
  const auto frame = DecodeSandboxFailed(packet);
  if (!frame) return OnDeath("its SandboxFailed is malformed");
  auto node = making_.extract(frame->sandbox_id);
  if (node.empty()) return;
  if (frame->failure.leaves_threads == 0) return node.mapped()(ErrorFromStage(frame->failure));
  MadeSandbox none;
  none.leaves_threads = true;
  node.mapped()(std::move(none));
}

void LauncherClient::KeepBlanks(uint32_t count) {
  (void)Send(Encode(LauncherFrameKind::kKeepBlanks, BlanksFrame{count, {}}));
}

void LauncherClient::KillSandbox(SandboxId sandbox) {
  making_.erase(sandbox.value());
  (void)Send(Encode(LauncherFrameKind::kKillSandbox, SandboxIdFrame{sandbox.value()}));
}

void LauncherClient::Unpack(int zip_fd, int folder_fd, const UnpackZipFrame& limits,
                            std::function<void(Status)> reply) {
  UnpackZipFrame frame = limits;
  frame.ticket = next_ticket_++;
  const int fds[] = {zip_fd, folder_fd};
  Status sent = Send(Encode(frame), fds);
  if (!sent.ok()) return ReplyLater([reply = std::move(reply), sent] { reply(sent); });
  unpacking_[frame.ticket] = std::move(reply);
  ExpectAnswer();
}

void LauncherClient::ExpectAnswer() {
  silence_limit_.Cancel();
  if (making_.empty() && unpacking_.empty()) return;
  const milliseconds limit = kSilenceLimit + longest_init_;
  silence_limit_ = loop_.After(limit, [this, limit] {
    OnDeath("it answered nothing for " + std::to_string(limit.count() / 1000) + " s");
  });
}

void LauncherClient::OnUnpackDone(std::string_view packet) {
  const auto frame = DecodeUnpackDone(packet);
  if (!frame) return OnDeath("its UnpackDone is malformed");
  auto node = unpacking_.extract(frame->ticket);
  if (node.empty()) return;
  node.mapped()(frame->error.empty() ? Ok()
                                     : Error{ErrorCode::kBadArtefact, "the zip is refused: " + frame->error});
}

void LauncherClient::OnDeath(std::string why) {
  if (!running_) return;
  log_.Error("the launcher has died; every worker dies with it", {{"why", why}});
  running_ = false;
  hello_limit_.Cancel();
  silence_limit_.Cancel();
  watch_.reset();
  control_.Reset();
  process_ = ChildProcess();
  const Error error{ErrorCode::kUnavailable, "hearth-launcher (" + executable_ + ") has ended: " + why};
  const WeakPtr<LauncherClient> self = weak_.Get();
  auto making = std::exchange(making_, {});
  auto unpacking = std::exchange(unpacking_, {});
  auto started = std::exchange(started_, nullptr);
  for (auto& [id, reply] : making) reply(error);
  for (auto& [ticket, reply] : unpacking) reply(error);
  if (started) return started(error);
  if (self && on_death_) std::exchange(on_death_, nullptr)();
}

Status LauncherClient::Send(const std::string& packet, std::span<const int> fds) {
  if (!control_.valid())
    return Error{ErrorCode::kUnavailable, "hearth-launcher is being restarted; try again"};
  HEARTH_ASSIGN(const SendOutcome outcome, SendPacket(control_.get(), packet, fds));
  if (outcome == SendOutcome::kWouldBlock) {
    return Error{ErrorCode::kUnavailable, "hearth-launcher is busy: too many requests at once; try again"};
  }
  return Ok();
}

void LauncherClient::ReplyLater(std::function<void()> reply) {
  loop_.Post([self = weak_.Get(), reply = std::move(reply)] {
    if (self) reply();
  });
}

}  // namespace hearth
