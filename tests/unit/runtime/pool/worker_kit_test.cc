#include "tests/unit/runtime/pool/fake_cgroup.h"
#include "tests/unit/runtime/pool/played_worker.h"

// A worker that is lent to another loop, and comes back.

namespace hearth {
namespace {

class KitFixture : public PlayedWorkerFixture {
 public:
  ~KitFixture() {  // before the cgroup
    there_.reset();
    worker_.reset();
  }

 protected:
  void PlayEvents(int events, milliseconds linger = std::chrono::hours(1)) {
    context_.idle_linger = linger;
    there_context_.emplace(*loop, logs_, there_states_, context_);
    PlayUntilStarted(
        [events](Player& worker) {
          worker.Started();
          worker.Initialise();
          for (int n = 1; n <= events; ++n) {
            worker.HearInvoke();
            if (worker.sequence() != static_cast<uint64_t>(n)) ::_exit(3);  // they go on where they were
            worker.Print("line " + std::to_string(n) + "\n");
            worker.Answer(std::to_string(n));
          }
          worker.Wait();
        },
        std::make_unique<FakeCgroup>(played_));
  }
  void Lend() {
    there_ =
        WorkerProcess::FromKit(*there_context_, version_,
                               worker_->Pack([this](WorkerNews news) { news_.push_back(std::move(news)); }));
  }
  void GiveBack() {
    auto kit = there_->Pack(nullptr);
    there_.reset();
    worker_->Unpack(std::move(kit));
  }
  Attempt RunThere() {
    event_.request_id = RequestId("there-" + std::to_string(++requests_));
    there_->Run(event_, [this](Attempt attempt) { attempts_.push_back(std::move(attempt)); });
    return Ended();
  }

  PlayedCgroup played_;
  PlayedStates there_states_;
  std::optional<WorkerContext> there_context_;
  std::unique_ptr<WorkerProcess> there_;
  std::vector<WorkerNews> news_;
};

TEST_CASE_METHOD(KitFixture, "a worker runs events here, there and here again", "[worker][loops]") {
  PlayEvents(3);
  played_.usage.cpu_us = 100;
  Run();
  CHECK(Ended().payload == "1");
  Lend();
  CHECK_FALSE(worker_->usable());
  CHECK_FALSE(worker_->TakesAhead());
  CHECK(there_->usable());
  CHECK(there_->id() == worker_->id());
  played_.usage.cpu_us = 175;
  const Attempt attempt = RunThere();
  CHECK(attempt.payload == "2");
  CHECK_FALSE(attempt.cold);
  CHECK(attempt.init == nanoseconds(0));
  CHECK(attempt.cpu_us + attempt.idle_cpu_us == 75);  // as it was soon after the event before, or not
  GiveBack();
  CHECK(worker_->usable());
  Run();
  CHECK(Ended().payload == "3");
  CHECK(LinesOf(LogSource::kStdout) ==
        std::vector<std::string>{"request-1|line 1", "there-2|line 2", "request-3|line 3"});
}

TEST_CASE_METHOD(KitFixture, "its first event there pays for init, and is its only cold one",
                 "[worker][loops]") {
  PlayEvents(2);
  Lend();
  const Attempt first = RunThere();
  CHECK(first.cold);
  CHECK(first.init > nanoseconds(0));
  CHECK(there_->init_took() == first.init);
  GiveBack();
  CHECK(worker_->init_took() == first.init);
  Run();
  const Attempt second = Ended();
  CHECK_FALSE(second.cold);
  CHECK(second.init == nanoseconds(0));
}

TEST_CASE_METHOD(KitFixture, "what init took ahead of events goes with it, and is billed once",
                 "[worker][loops]") {
  PlayEvents(2);
  Status prepared = Error{ErrorCode::kInternal, "not told"};
  worker_->Prepare([&prepared](Status status) { prepared = std::move(status); });
  RunUntil([&prepared] { return prepared.ok(); });
  Lend();
  const Attempt first = RunThere();
  CHECK(first.init > nanoseconds(0));
  GiveBack();
  Run();
  CHECK(Ended().init == nanoseconds(0));
}

TEST_CASE_METHOD(KitFixture, "a frozen worker stays frozen on its way, and is thawed for an event",
                 "[worker][loops]") {
  PlayEvents(2, milliseconds(0));
  RunUntil([this] { return worker_->state() == WorkerState::kFrozen; });
  Lend();
  CHECK(there_->state() == WorkerState::kFrozen);
  CHECK(played_.calls == std::vector<std::string>{"freeze"});
  CHECK(RunThere().payload == "1");
  CHECK(played_.calls.at(1) == "thaw");
  RunUntil([this] { return there_->state() == WorkerState::kFrozen; });
  GiveBack();
  CHECK(worker_->state() == WorkerState::kFrozen);
  Run();
  CHECK(Ended().payload == "2");
  CHECK(played_.calls.at(2) == "freeze");
  CHECK(played_.calls.at(3) == "thaw");
}

TEST_CASE_METHOD(KitFixture, "news of a lent worker goes to whoever has it", "[worker][loops]") {
  PlayEvents(1);
  Lend();
  worker_->OnExited({ExitStatus{9, 0}, {}}, 2048);
  REQUIRE(news_.size() == 1);
  REQUIRE(news_[0].exited);
  CHECK(news_[0].exited->status.exit_code == 9);
  CHECK(news_[0].max_rss_kib == 2048);
  there_->OnExited(*news_[0].exited, 2048);
  CHECK_FALSE(there_->usable());
  GiveBack();
  CHECK_FALSE(worker_->usable());
  CHECK(worker_->state() == WorkerState::kDying);
}

TEST_CASE_METHOD(KitFixture, "one whose end was told on its way back is of no more use", "[worker][loops]") {
  PlayEvents(1);
  Lend();
  auto kit = there_->Pack(nullptr);
  there_.reset();
  SECTION("its process has ended") { worker_->OnExited({ExitStatus{9, 0}, {}}, 0); }
  SECTION("its sandbox has ended") { worker_->OnSandboxGone("the launcher died"); }
  worker_->Unpack(std::move(kit));
  CHECK_FALSE(worker_->usable());
  CHECK(worker_->state() == WorkerState::kDying);
}

TEST_CASE_METHOD(KitFixture, "one that dies under an event there is explained there, and ended",
                 "[worker][loops]") {
  there_context_.emplace(*loop, logs_, there_states_, context_);
  PlayUntilStarted([](Player& worker) {
    worker.BecomeBusy();
    worker.AwaitGo();
    ::_exit(7);
  });
  Lend();
  event_.request_id = RequestId("there");
  there_->Run(event_, [this](Attempt attempt) { attempts_.push_back(std::move(attempt)); });
  RunUntil([this] { return there_->state() == WorkerState::kBusy; });
  Go();
  worker_->OnExited({Reap(), {}}, 0);
  there_->OnExited(*news_.at(0).exited, 0);
  const Attempt attempt = Ended();
  CHECK(attempt.kind == OutcomeKind::kCrash);
  CHECK_THAT(attempt.error.message, Catch::Contains("exit status 7"));
  GiveBack();
  CHECK_FALSE(worker_->usable());
}

TEST_CASE_METHOD(KitFixture, "its descriptors go with it, and with it they are closed", "[worker][loops]") {
  PlayEvents(1);
  const size_t before = OpenDescriptors();
  Lend();
  RunSomeTurns();
  CHECK(OpenDescriptors() == before);
  GiveBack();
  RunSomeTurns();
  CHECK(OpenDescriptors() == before);
}

}  // namespace
}  // namespace hearth
