#include "tests/unit/runtime/pool/fake_cgroup.h"
#include "tests/unit/runtime/pool/played_worker.h"

namespace hearth {
namespace {

// Goal: short events cost no reading each, and the sum of what is told is what was used.
TEST_CASE_METHOD(PlayedWorkerFixture,
                 "what an event used that ends soon after a reading is guessed, and put right by the next",
                 "[worker]") {
  const bool crashes = GENERATE(false, true);
  context_.usage_known_for = std::chrono::hours(1);
  context_.idle_cpu_untold = std::chrono::hours(1);
  PlayedCgroup played;
  CgroupUsage& usage = played.usage;
  PlayUntilStarted(
      [crashes](Player& worker) {
        worker.BecomeBusy();
        worker.AwaitGo();
        worker.Answer("1");
        worker.HearInvoke();
        worker.Answer("2");
        worker.HearInvoke();
        if (crashes) ::raise(SIGKILL);
        worker.Answer("3");
        worker.Wait();
      },
      std::make_unique<FakeCgroup>(played));
  Run();
  RunUntil([this] { return worker_->state() == WorkerState::kBusy; });
  usage = {1'000, 1 << 20};
  Go();
  CHECK(Ended().cpu_us == 1'000);
  usage = {9'000'000, 2 << 20};
  Run();
  const Attempt second = Ended();
  CHECK(played.usage_reads == 1);
  CHECK(second.cpu_us == static_cast<uint64_t>(std::chrono::ceil<microseconds>(second.duration).count()));
  CHECK(second.memory_peak == 1_MiB);
  if (!crashes) context_.usage_known_for = milliseconds(0);  // by then it is not soon any more
  Run();
  if (crashes) ReapAndTell();
  const Attempt third = Ended();
  CHECK(played.usage_reads == 2);
  CHECK(1'000 + second.cpu_us + third.cpu_us == 9'000'000);
  CHECK(third.memory_peak == 2_MiB);
}

}  // namespace
}  // namespace hearth
