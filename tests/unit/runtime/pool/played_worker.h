#pragma once

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <filesystem>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include <catch2/catch.hpp>

#include "runtime/pool/worker_process.h"
#include "tests/unit/runtime/loop/loop_fixture.h"
#include "tests/unit/runtime/pool/player.h"

namespace hearth {

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
    WorkerContext context(*loop, logs_, states_, {});
    context.idle_linger = std::chrono::hours(1);  // never, unless a test is about that
    return context;
  }();
  nanoseconds kept_waiting_{0}, waited_{0};  // this thread, for a processor: each time it is asked, in all
  BusyLanes lanes_{*loop,
                   [this] { return waited_ += kept_waiting_; }};  // for tests that give it to the context
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
