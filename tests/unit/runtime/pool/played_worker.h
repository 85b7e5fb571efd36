#pragma once

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstring>
#include <filesystem>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include <catch2/catch.hpp>

#include "runtime/base/files.h"
#include "runtime/pool/worker_process.h"
#include "tests/unit/runtime/loop/loop_fixture.h"

namespace hearth {

// The worker's side of a channel, in a process of its own that follows a script and then exits. It must not
// fail checks of the test: it only acts.
class Player {
 public:
  Player(int channel, int out, int err, int go) : channel_(channel), out_(out), err_(err), go_(go) {}

  void Say(const std::string& packet, const std::vector<int>& fds = {}) {
    if (!SendPacket(channel_, packet, fds).ok()) ::_exit(0);
  }
  // Past the checks of SendPacket().
  void SayRaw(const std::string& bytes, const std::vector<int>& fds = {}) {
    iovec part{const_cast<char*>(bytes.data()), bytes.size()};
    msghdr message{};
    message.msg_iov = &part;
    message.msg_iovlen = 1;
    std::vector<char> control(CMSG_SPACE(fds.size() * sizeof(int)));
    if (!fds.empty()) {
      message.msg_control = control.data();
      message.msg_controllen = control.size();
      cmsghdr* header = CMSG_FIRSTHDR(&message);
      header->cmsg_level = SOL_SOCKET;
      header->cmsg_type = SCM_RIGHTS;
      header->cmsg_len = CMSG_LEN(fds.size() * sizeof(int));
      std::memcpy(CMSG_DATA(header), fds.data(), fds.size() * sizeof(int));
    }
    (void)::sendmsg(channel_, &message, MSG_NOSIGNAL);
  }
  // The next packet; the script ends with the channel.
  Packet Hear() {
    auto received = ReceivePacket(channel_, FdPolicy::kAccept);
    if (!received.ok() || received->kind != ReceivedPacket::Kind::kPacket) ::_exit(0);
    return std::move(received->packet);
  }
  void Started() { Say(EncodeStarted({})); }
  void Initialise() {
    Hear();
    Say(EncodeEmpty(WorkerFrameKind::kReady));
  }
  // Started, initialised, and with the first event in hand.
  InvokeFrame BecomeBusy() {
    Started();
    Initialise();
    return HearInvoke();
  }
  InvokeFrame HearInvoke() {
    Packet packet = Hear();
    std::string_view body;
    const auto header = TakeHeader(packet.bytes, body);
    sequence_ = header->sequence;
    auto frame = DecodeInvoke(body, header->flags);
    if (frame->new_window) {
      window_ = std::move(MappedBodyWindow::Map(std::move(packet.fds.at(0)))).value();
      packet.fds.erase(packet.fds.begin());
      ++windows_;
    }
    if (frame->bytes_in_window) frame->payload = window_.event().substr(0, *frame->bytes_in_window);
    if ((header->flags & kFlagBodyInMemfd) != 0) {
      frame->payload = std::move(ReadSealedBody(packet.fds.at(0).get(), 100 << 20)).value();
    }
    return *frame;
  }
  void Answer(const std::string& payload) { Say(ResponsePacket(sequence_, payload)); }
  void AnswerInMemfd(const std::vector<int>& fds) {
    std::string packet;
    EncodeResponse(sequence_, "text/plain", std::string(kInlineBytesMax + 1, 'x'), packet);
    Say(packet, fds);
  }
  void AnswerInWindow(std::string_view payload) {
    std::copy(payload.begin(), payload.end(), window_.answer().data());
    SayAnswerInWindow(payload.size());
  }
  void SayAnswerInWindow(uint64_t bytes, uint32_t flags = 0, const std::vector<int>& fds = {}) {
    std::string packet;
    EncodeResponseInWindow(sequence_, "text/plain", bytes, packet, flags);
    Say(packet, fds);
  }
  void Print(std::string_view text) { (void)WriteAll(out_, text); }
  void Complain(std::string_view text) { (void)WriteAll(err_, text); }
  // Until the test says Go().
  void AwaitGo() {
    char byte;
    if (::read(go_, &byte, 1) != 1) ::_exit(0);
  }
  // A process that holds our end of the channel until hearthd closes its own.
  void LeaveAnotherBehind() {
    if (::fork() != 0) return;
    for (;;) Hear();
  }
  // Until the test says Continue(), which may wait for this with AwaitStopped().
  void StopOnce() { ::raise(SIGSTOP); }
  // Until the worker is ended.
  void Wait() {
    for (;;) ::pause();
  }
  uint64_t sequence() const { return sequence_; }
  MappedBodyWindow& window() { return window_; }
  int windows() const { return windows_; }  // that came until now

  static std::string ResponsePacket(uint64_t sequence, const std::string& payload, uint32_t flags = 0) {
    std::string packet;
    EncodeResponse(sequence, "application/json", payload, packet, flags);
    return packet;
  }

 private:
  const int channel_, out_, err_, go_;
  uint64_t sequence_ = 0;
  int windows_ = 0;
  MappedBodyWindow window_;
};

struct PlayedLogs final : HandlerLogObserver {
  struct Line {
    LogSource source;
    std::string request_id, message;
    friend bool operator==(const Line&, const Line&) = default;
  };
  void OnHandlerLog(const HandlerLogLine& line) override {
    if (lines.size() < 1000)
      lines.push_back({line.source, std::string(line.request_id), std::string(line.message)});
  }
  std::vector<Line> lines;
};

struct PlayedStates final : PoolObserver {
  void OnWorkerState(const FunctionVersion&, WorkerId, WorkerState, WorkerState to) override {
    states.push_back(to);
  }
  void OnWorkerStarted(const FunctionVersion&, nanoseconds) override { ++started; }
  void OnIdleCpu(const FunctionVersion&, WorkerId, uint64_t cpu_us) override { idle_cpu_us += cpu_us; }
  void OnOutputCut(const FunctionVersion&, uint64_t bytes) override { output_cut += bytes; }
  uint64_t output_cut = 0;
  std::vector<WorkerState> states;
  int started = 0;
  uint64_t idle_cpu_us = 0;
};

// A WorkerProcess whose other end is played by a forked script.
class PlayedWorkerFixture : public LoopFixture {
 public:
  using Script = std::function<void(Player&)>;
  ~PlayedWorkerFixture() {
    worker_.reset();
    go_.Reset();
    if (pid_ > 0) ::waitpid(pid_, nullptr, 0);  // ended with its worker
  }

 protected:
  // In its first frames the script is on its own; the test goes on at once.
  void Play(const Script& script, std::unique_ptr<Cgroup> cgroup = nullptr) {
    auto channel = std::move(MakePacketSocketPair()).value();
    Pipe out, err, go;
    pid_ = ::fork();
    REQUIRE(pid_ >= 0);
    if (pid_ == 0) {
      ::prctl(PR_SET_PDEATHSIG, SIGKILL);
      channel.ours.Reset();
      go.write.Reset();
      if (takes_ahead_) ::dup2(channel.theirs.get(), kWorkerChannel);
      Player player(takes_ahead_ ? kWorkerChannel : channel.theirs.get(), out.write.get(), err.write.get(),
                    go.read.get());
      script(player);
      ::_exit(0);
    }
    go_ = std::move(go.write);
    channel_ = channel.ours.get();
    if (takes_ahead_) stdout_.Reset(::dup(out.read.get()));
    WorkerProcess::Parts parts{WorkerId(7),         std::move(channel.ours),
                               std::move(out.read), std::move(err.read),
                               std::move(cgroup),   takes_ahead_ ? CookieOf(channel.theirs.get()) : 0};
    worker_ = std::move(WorkerProcess::Create(context_, version_, std::move(parts))).value();
    worker_->SetOnStarted([this](Status started) { started_.push_back(std::move(started)); });
    worker_->SetOnIdleDeath([this] { ++idle_deaths_; });
  }
  void PlayUntilStarted(const Script& script, std::unique_ptr<Cgroup> cgroup = nullptr) {
    Play(script, std::move(cgroup));
    RunUntil([this] { return !started_.empty(); });
    REQUIRE(started_[0].ok());
  }
  void Go() { REQUIRE(::write(go_.get(), "g", 1) == 1); }
  void Run(std::string payload = "{}") {
    event_.request_id = RequestId("request-" + std::to_string(++requests_));
    event_.payload = std::move(payload);
    inside_run_ = true;
    worker_->Run(event_, [this](Attempt attempt) {
      CHECK_FALSE(inside_run_);
      attempts_.push_back(std::move(attempt));
    });
    inside_run_ = false;
  }
  // The attempt that is under way; once it is told nothing more may come of it.
  Attempt Ended() {
    RunUntil([this] { return !attempts_.empty(); });
    RunSomeTurns();
    REQUIRE(attempts_.size() == 1);
    Attempt attempt = std::move(attempts_[0]);
    attempts_.clear();
    return attempt;
  }
  // Waits for the end of the process without a turn of the loop.
  ExitStatus Reap() {
    int status = 0;
    REQUIRE(::waitpid(std::exchange(pid_, -1), &status, 0) > 0);
    return WIFEXITED(status) ? ExitStatus{WEXITSTATUS(status), 0} : ExitStatus{-1, WTERMSIG(status)};
  }
  // Until the script has said something, without a turn of the loop.
  void AwaitUnreadPacket() {
    pollfd waiting{channel_, POLLIN, 0};
    REQUIRE(::poll(&waiting, 1, -1) == 1);
  }
  // Until the script has come to its StopOnce(), without a turn of the loop.
  void AwaitStopped() { REQUIRE(::waitpid(pid_, nullptr, WUNTRACED) == pid_); }
  void Continue() { REQUIRE(::kill(pid_, SIGCONT) == 0); }
  void ReapAndTell() { worker_->OnExited({Reap(), {}}, 2048); }
  Attempt EndedByProtocol() {
    Attempt attempt = Ended();
    CHECK(attempt.kind == OutcomeKind::kCrash);
    CHECK(attempt.error.type == "Runtime.ProtocolError");
    CHECK_FALSE(worker_->usable());
    return attempt;
  }
  std::vector<std::string> LinesOf(LogSource source) const {
    std::vector<std::string> lines;
    for (const auto& line : logs_.lines) {
      if (line.source == source) lines.push_back(line.request_id + "|" + line.message);
    }
    return lines;
  }

  static std::shared_ptr<FunctionVersion> MakeVersion() {
    auto version = std::make_shared<FunctionVersion>();
    version->function = "resize";
    version->version = "$LATEST";
    version->settings.timeout = seconds(10);
    return version;
  }
  struct Pipe {
    Pipe() {
      int fds[2];
      REQUIRE(::pipe2(fds, O_CLOEXEC) == 0);
      read.Reset(fds[0]);
      write.Reset(fds[1]);
    }
    UniqueFd read, write;
  };

  PlayedLogs logs_;
  PlayedStates states_;
  WorkerContext context_ = [this] {
    WorkerContext context{*loop, logs_, states_};
    context.idle_linger = std::chrono::hours(1);  // never, unless a test is about that
    return context;
  }();
  std::shared_ptr<FunctionVersion> version_ = MakeVersion();
  std::unique_ptr<WorkerProcess> worker_;
  std::vector<Status> started_;
  std::vector<Attempt> attempts_;
  int idle_deaths_ = 0;
  Event event_;
  UniqueFd go_;
  UniqueFd stdout_;           // with takes_ahead_: what the worker's is read from, once more
  bool takes_ahead_ = false;  // the script's channel is where a worker's is
  int channel_ = -1;          // the worker's
  pid_t pid_ = -1;
  int requests_ = 0;
  bool inside_run_ = false;
};

// Descriptors of this process.
inline size_t OpenDescriptors() {
  size_t count = 0;
  for ([[maybe_unused]] const auto& entry : std::filesystem::directory_iterator("/proc/self/fd")) ++count;
  return count;
}

}  // namespace hearth
