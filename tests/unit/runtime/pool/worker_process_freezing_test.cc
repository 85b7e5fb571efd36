#include "runtime/pool/worker_process.h"
#include "tests/unit/runtime/pool/fake_cgroup.h"
#include "tests/unit/runtime/pool/played_worker.h"

// What becomes of a worker while it has no event.

namespace hearth {
namespace {

class FreezingFixture : public PlayedWorkerFixture {
 public:
  ~FreezingFixture() { worker_.reset(); }  // before its cgroup

 protected:
  void PlayTwoEvents(milliseconds linger = milliseconds(0)) {
    context_.idle_linger = linger;
    PlayUntilStarted(
        [](Player& worker) {
          worker.BecomeBusy();
          worker.Answer("1");
          worker.HearInvoke();
          worker.Answer("2");
          worker.Wait();
        },
        std::make_unique<FakeCgroup>(played_));
  }
  void UntilFrozen() {
    RunUntil([this] { return worker_->state() == WorkerState::kFrozen; });
  }

  using Calls = std::vector<std::string>;
  PlayedCgroup played_;
};

TEST_CASE_METHOD(FreezingFixture, "a worker without an event is frozen, and thawed before its next frame",
                 "[worker][freeze]") {
  PlayTwoEvents();
  UntilFrozen();
  CHECK(worker_->usable());
  Run();
  CHECK(played_.calls == Calls{"freeze", "thaw"});
  CHECK(Ended().payload == "1");
  UntilFrozen();
  CHECK(worker_->usable());
  Run();
  CHECK(Ended().payload == "2");
  CHECK(played_.calls == Calls{"freeze", "thaw", "freeze", "thaw", "freeze"});
}

TEST_CASE_METHOD(FreezingFixture,
                 "processor time after an answer is told with the next event, and not as its own",
                 "[worker][freeze]") {
  PlayTwoEvents();
  played_.usage.cpu_us = 500;  // before the first event: of our own set-up
  Run();
  CHECK(Ended().idle_cpu_us == 0);
  UntilFrozen();
  played_.usage.cpu_us += context_.idle_cpu_flagged_us - 1;
  Run();
  const Attempt second = Ended();
  CHECK(second.idle_cpu_us == context_.idle_cpu_flagged_us - 1);
  CHECK(second.cpu_us == 0);
  CHECK(states_.idle_cpu_us == context_.idle_cpu_flagged_us - 1);
  CHECK(LinesOf(LogSource::kPlatform).empty());
  // Its end is told too, with what no event is left for.
  played_.usage.cpu_us += context_.idle_cpu_flagged_us;
  worker_.reset();
  CHECK(states_.idle_cpu_us == 2 * context_.idle_cpu_flagged_us - 1);
  CHECK(LinesOf(LogSource::kPlatform).size() == 1);
}

// Goal: nothing is lost of what a worker uses, and no read is spent on a moment.
TEST_CASE_METHOD(FreezingFixture, "processor time of a moment between two events is the second one's",
                 "[worker][freeze]") {
  const bool frozen = GENERATE(false, true);
  context_.idle_cpu_untold = std::chrono::hours(1);  // all that this test takes is a moment
  PlayTwoEvents(frozen ? milliseconds(0) : std::chrono::hours(1));
  Run();
  CHECK(Ended().payload == "1");
  if (frozen) UntilFrozen();
  played_.usage.cpu_us += 700;
  Run();
  const Attempt second = Ended();
  CHECK(second.idle_cpu_us == (frozen ? 700 : 0));
  CHECK(second.cpu_us == (frozen ? 0 : 700));
}

TEST_CASE_METHOD(FreezingFixture, "a frozen worker that speaks out of turn is killed, then thawed",
                 "[worker][freeze]") {
  context_.idle_linger = milliseconds(0);
  PlayUntilStarted(
      [](Player& worker) {
        worker.Started();
        worker.AwaitGo();
        worker.Answer("nobody asked");
        worker.Wait();
      },
      std::make_unique<FakeCgroup>(played_));
  UntilFrozen();
  Go();
  RunUntil([this] { return worker_->state() == WorkerState::kDying; });
  CHECK(played_.calls == Calls{"freeze", "thaw"});
  CHECK(Reap().signal == SIGKILL);
}

// A bug once: its linger ended while its end was being looked into, and it counted as a usable worker again.
TEST_CASE_METHOD(FreezingFixture, "worker dies within its linger: it is not frozen any more",
                 "[worker][freeze]") {
  context_.idle_linger = milliseconds(20);
  context_.exit_status_wait = milliseconds(200);
  PlayUntilStarted([](Player& worker) { worker.Started(); }, std::make_unique<FakeCgroup>(played_));
  worker_->SetOnIdleDeath([this] { ++idle_deaths_; });
  RunUntil([this] { return worker_->state() == WorkerState::kDying; });
  played_.calls.clear();
  bool usable = false;
  RunUntil([&] {
    usable |= worker_->usable();
    return idle_deaths_ == 1;
  });
  CHECK_FALSE(usable);
  CHECK(played_.calls == Calls{});
}

}  // namespace
}  // namespace hearth
