// What a worker that is not honest may send, and what it costs: itself, at most.

#include <fcntl.h>
#include <sys/mman.h>

#include "tests/unit/runtime/pool/played_worker.h"

namespace hearth {
namespace {

using Fixture = PlayedWorkerFixture;

int MemfdWithSeals(int seals) {
  const int fd = ::memfd_create("forged", MFD_CLOEXEC | MFD_ALLOW_SEALING);
  (void)::ftruncate(fd, 100'000);
  (void)::fcntl(fd, F_ADD_SEALS, seals);
  return fd;
}

TEST_CASE_METHOD(Fixture, "a body that its writer could still change, or that is none, ends the worker",
                 "[worker]") {
  const size_t before = OpenDescriptors();
  const auto forge = GENERATE(
      as<std::function<std::vector<int>()>>(), [] { return std::vector<int>{}; },
      [] { return std::vector{MemfdWithSeals(0)}; },
      [] { return std::vector{MemfdWithSeals(F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE)}; },
      [] { return std::vector{MemfdWithSeals(F_SEAL_GROW | F_SEAL_WRITE | F_SEAL_SEAL)}; },
      [] {
        return std::vector{MemfdWithSeals(F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_FUTURE_WRITE | F_SEAL_SEAL)};
      },
      [] { return std::vector{::open("/dev/zero", O_RDONLY)}; },
      [] { return std::vector{::open("/", O_RDONLY)}; },
      [] {
        return std::vector{MemfdWithSeals(F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE | F_SEAL_SEAL),
                           ::open("/", O_RDONLY)};
      });
  PlayUntilStarted([&](Player& worker) {
    worker.BecomeBusy();
    worker.AnswerInMemfd(forge());
    worker.Wait();
  });
  Run();
  EndedByProtocol();
  worker_.reset();
  go_.Reset();
  RunSomeTurns();
  CHECK(OpenDescriptors() == before);
}

std::string HeaderOf(uint16_t version, uint16_t kind, uint64_t sequence = 1) {
  std::string out;
  PutHeader(out, {.version = version, .kind = kind, .sequence = sequence});
  return out;
}

std::string Cut(std::string packet) {
  packet.pop_back();
  return packet;
}

// Goal: one forged frame while an event is under way ends the worker; its attempt is told once and says why.
TEST_CASE_METHOD(Fixture, "a forged frame during an event ends the worker", "[worker]") {
  const std::string forged = GENERATE(
      EncodeStarted({}), EncodeEmpty(WorkerFrameKind::kReady), EncodeEmpty(WorkerFrameKind::kInit),
      EncodeEmpty(WorkerFrameKind::kShutdown), EncodeError(WorkerFrameKind::kInitFailed, 1, {"a", "b", ""}),
      Player::ResponsePacket(0, "early"), Player::ResponsePacket(2, "ahead"),
      Player::ResponsePacket(UINT64_MAX, "far"), EncodeError(WorkerFrameKind::kFailure, 2, {"a", "b", ""}),
      HeaderOf(kWireVersion, 0), HeaderOf(kWireVersion, 99), HeaderOf(kWireVersion, 65535), HeaderOf(0, 6),
      HeaderOf(2, 6), HeaderOf(kWireVersion, 6), HeaderOf(kWireVersion, 7), HeaderOf(kWireVersion, 8),
      Cut(HeaderOf(kWireVersion, 6)), std::string("x"), std::string(1000, '\xff'), std::string(1000, '\0'),
      Cut(Player::ResponsePacket(1, "cut")), Player::ResponsePacket(1, "long") + "er",
      std::string(kPacketBytesMax + 1, 'o'));
  PlayUntilStarted([&](Player& worker) {
    worker.BecomeBusy();
    worker.SayRaw(forged);
    worker.Wait();
  });
  Run();
  const Attempt attempt = EndedByProtocol();
  CHECK(attempt.error.message.starts_with("RequestId: request-1 Error: the worker was ended: "));
  CHECK(Reap().signal == SIGKILL);
}

TEST_CASE_METHOD(Fixture, "an empty packet is a forged one, not the end", "[worker]") {
  PlayUntilStarted([](Player& worker) {
    worker.BecomeBusy();
    worker.SayRaw("");
    worker.Wait();
  });
  Run();
  CHECK(EndedByProtocol().error.message.find("no frame") != std::string::npos);
}

TEST_CASE_METHOD(Fixture, "an answer during init ends the worker, though nothing was asked", "[worker]") {
  PlayUntilStarted([](Player& worker) {
    worker.Started();
    worker.Hear();
    worker.Say(Player::ResponsePacket(1, "early"));
    worker.Wait();
  });
  Run();
  EndedByProtocol();
}

TEST_CASE_METHOD(Fixture, "a second answer to one event spoils the idle worker, not the first answer",
                 "[worker]") {
  PlayUntilStarted([](Player& worker) {
    worker.BecomeBusy();
    worker.Answer("1");
    worker.Answer("2");
    worker.Wait();
  });
  Run();
  RunUntil([this] { return idle_deaths_ == 1; });
  REQUIRE(attempts_.size() == 1);
  CHECK(attempts_[0].payload == "1");
  CHECK_FALSE(worker_->usable());
}

TEST_CASE_METHOD(Fixture, "a frame of an idle worker ends it", "[worker]") {
  const std::string forged = GENERATE(EncodeEmpty(WorkerFrameKind::kReady), Player::ResponsePacket(0, "x"),
                                      EncodeStarted({}), std::string("x"));
  PlayUntilStarted([&](Player& worker) {
    worker.Started();
    worker.SayRaw(forged);
    worker.Wait();
  });
  RunUntil([this] { return idle_deaths_ == 1; });
  CHECK_FALSE(worker_->usable());
  CHECK(Reap().signal == SIGKILL);
  worker_->OnExited({{-1, SIGKILL}, {}}, 0);
  RunSomeTurns();
  CHECK(idle_deaths_ == 1);
}

TEST_CASE_METHOD(Fixture, "anything before Started means that it never started", "[worker]") {
  const std::string forged = GENERATE(EncodeEmpty(WorkerFrameKind::kReady), EncodeLog(0, {2, "hi", ""}),
                                      Cut(EncodeStarted({})), std::string("garbage"));
  Play([&](Player& worker) {
    worker.SayRaw(forged);
    worker.Hear();
  });
  RunUntil([this] { return !started_.empty(); });
  RunSomeTurns();
  REQUIRE(started_.size() == 1);
  CHECK(started_[0].error().code == ErrorCode::kUnavailable);
  CHECK(started_[0].error().message.starts_with("a worker of resize did not start: "));
  CHECK(idle_deaths_ == 0);
}

// Goal: descriptors nobody asked for cost hearthd nothing.
TEST_CASE_METHOD(Fixture, "descriptors that come with any frame are closed", "[worker]") {
  const size_t before = OpenDescriptors();
  PlayUntilStarted([](Player& worker) {
    const std::vector<int> some(kPacketFdsMax, 0);
    worker.Say(EncodeStarted({}), some);
    worker.Hear();
    worker.Say(EncodeLog(0, {2, "hi", ""}), some);
    worker.Say(EncodeEmpty(WorkerFrameKind::kReady), some);
    worker.HearInvoke();
    worker.Say(Player::ResponsePacket(1, "{}"), some);
    worker.HearInvoke();
    worker.SayRaw(Player::ResponsePacket(2, "{}"), std::vector<int>(kPacketFdsMax + 1, 0));
    worker.Wait();
  });
  const size_t with_worker = OpenDescriptors();
  Run();
  CHECK(Ended().kind == OutcomeKind::kSuccess);
  CHECK(OpenDescriptors() == with_worker);
  Run();
  CHECK(EndedByProtocol().error.message.find("descriptors") != std::string::npos);
  worker_.reset();
  go_.Reset();
  RunSomeTurns();
  CHECK(OpenDescriptors() == before);
}

// Goal: a handler that logs without end holds up nobody, its own time limit least of all.
TEST_CASE_METHOD(Fixture, "flood of log frames", "[worker]") {
  version_->settings.timeout = seconds(1);
  PlayUntilStarted([](Player& worker) {
    worker.BecomeBusy();
    for (;;) worker.Say(EncodeLog(1, {2, "again and again", ""}));
  });
  Run();
  const Attempt attempt = Ended();
  CHECK(attempt.kind == OutcomeKind::kTimeout);
  CHECK(attempt.duration == seconds(1));
  CHECK_FALSE(logs_.lines.empty());
}

TEST_CASE_METHOD(Fixture, "a channel full of frames is read in several turns of the loop", "[worker]") {
  PlayUntilStarted([](Player& worker) {
    worker.BecomeBusy();
    worker.AwaitGo();
    for (int i = 0; i < 150; ++i) worker.Say(EncodeLog(1, {2, "x", ""}));
  });
  Run();
  RunUntil([this] { return worker_->state() == WorkerState::kBusy; });
  Go();
  Reap();
  loop->Post([this] { loop->Stop(); });
  loop->Run();
  CHECK(logs_.lines.size() > 0);
  CHECK(logs_.lines.size() < 100);
  CHECK(Ended().kind == OutcomeKind::kCrash);
  CHECK(logs_.lines.size() == 150);
}

TEST_CASE_METHOD(Fixture, "flood of output", "[worker]") {
  version_->settings.timeout = seconds(1);
  PlayUntilStarted([](Player& worker) {
    worker.BecomeBusy();
    for (;;) worker.Print(std::string(65536, '\n'));
  });
  Run();
  CHECK(Ended().kind == OutcomeKind::kTimeout);
}

// Goal: events pile up in the socket of a worker that answers without reading; then it is ended, without
// blocking.
TEST_CASE_METHOD(Fixture, "a worker that reads nothing", "[worker]") {
  PlayUntilStarted([](Player& worker) {
    worker.Started();
    worker.AwaitGo();
    worker.Say(EncodeEmpty(WorkerFrameKind::kReady));
    for (uint64_t sequence = 1;; ++sequence) {
      worker.AwaitGo();
      worker.Say(Player::ResponsePacket(sequence, "{}"));
    }
  });
  Run(std::string(60'000, 'x'));
  Go();
  RunUntil([this] { return worker_->state() == WorkerState::kBusy; });
  Attempt attempt;
  int answered = 0;
  for (;; ++answered) {
    REQUIRE(answered < 20);
    if (worker_->state() == WorkerState::kBusy) Go();
    attempt = Ended();
    if (attempt.kind != OutcomeKind::kSuccess) break;
    Run(std::string(60'000, 'x'));
  }
  CHECK(answered > 0);
  CHECK(attempt.error.type == "Runtime.ProtocolError");
  CHECK(attempt.error.message.find("does not read") != std::string::npos);
  CHECK(attempt.duration < seconds(5));
}

}  // namespace
}  // namespace hearth
