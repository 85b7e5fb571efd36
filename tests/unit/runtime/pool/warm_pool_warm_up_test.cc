#include <catch2/catch.hpp>

#include "runtime/pool/pool_set.h"
#include "tests/unit/runtime/pool/warm_pool_fixture.h"

namespace hearth {
namespace {

const Error kBrokenInit{ErrorCode::kBadArtefact, "its init failed"};
const Error kNoZygote{ErrorCode::kUnavailable, "the zygote has exited"};

class WarmUpFixture : public WarmPoolFixture {
 protected:
  void WarmUp(size_t workers) {
    pool_->WarmUp(workers, [this](Status status) { warm_ = std::move(status); });
    executor_.RunPosted();
  }
  void Prepare(const Status& how = Ok()) {
    launcher_.LetOnePrepare(how);
    executor_.RunPosted();
  }
  std::optional<Status> warm_;
};

TEST_CASE_METHOD(WarmUpFixture, "warm once the last of the workers is initialised", "[pool][deploy]") {
  WarmUp(2);
  CHECK(launcher_.starts_waiting() == 2);
  LetAllStart();
  Prepare();
  CHECK_FALSE(warm_);
  Prepare();
  REQUIRE(warm_);
  CHECK(warm_->ok());
  CHECK(pool_->counts().idle == 2);
}

TEST_CASE_METHOD(WarmUpFixture, "none can be initialised: not warm, in the code's own words",
                 "[pool][deploy]") {
  WarmUp(2);
  LetAllStart();
  Prepare(kBrokenInit);
  Prepare(kBrokenInit);
  REQUIRE(warm_);
  CHECK(warm_->error().message == kBrokenInit.message);
}

TEST_CASE_METHOD(WarmUpFixture, "one of two is initialised: warm", "[pool][deploy]") {
  WarmUp(2);
  LetAllStart();
  Prepare(kBrokenInit);
  Prepare();
  REQUIRE(warm_);
  CHECK(warm_->ok());
}

TEST_CASE_METHOD(WarmUpFixture, "what the host cannot do is no reason to refuse a version",
                 "[pool][deploy]") {
  WarmUp(1);
  LetAllStart();
  Prepare(kNoZygote);  // it went while the init ran
  REQUIRE(warm_);
  CHECK(warm_->ok());
}

TEST_CASE_METHOD(WarmUpFixture, "code that cannot be loaded any more is one", "[pool][deploy]") {
  WarmUp(1);
  launcher_.FailOneStart({ErrorCode::kBadArtefact, "gone"});
  executor_.RunPosted();
  REQUIRE(warm_);
  CHECK(warm_->error().message == "gone");
}

TEST_CASE_METHOD(WarmUpFixture, "without free memory it is warm at once, and nobody is evicted",
                 "[pool][deploy]") {
  MemoryBudget::Lease all = memory_.Take(512_MiB);
  bool asked = false;
  make_room_ = [&asked] { return asked = true; };
  WarmUp(1);
  CHECK(launcher_.starts_waiting() == 0);
  REQUIRE(warm_);
  CHECK(warm_->ok());
  CHECK_FALSE(asked);
}

TEST_CASE_METHOD(WarmUpFixture, "workers that are there count", "[pool][deploy]") {
  Ask();
  LetAllStart();
  GiveBackFirst();
  WarmUp(1);
  CHECK(launcher_.starts_waiting() == 0);
  REQUIRE(warm_);
  CHECK(warm_->ok());
}

TEST_CASE_METHOD(WarmUpFixture, "drained meanwhile: who waits is told", "[pool][deploy]") {
  WarmUp(1);
  pool_->Drain([] {});
  executor_.RunPosted();
  REQUIRE(warm_);
  CHECK(warm_->error().code == ErrorCode::kUnavailable);
}

TEST_CASE_METHOD(WarmUpFixture, "drained and gone meanwhile: who waits is told all the same",
                 "[pool][deploy]") {
  pool_->WarmUp(1, [this](Status status) { warm_ = std::move(status); });
  pool_->Drain([] {});
  pool_.reset();
  executor_.RunPosted();
  REQUIRE(warm_);
  CHECK(warm_->error().code == ErrorCode::kUnavailable);
}

TEST_CASE_METHOD(WarmUpFixture, "two that want it warm at once: both are told", "[pool][deploy]") {
  size_t told = 0;
  for (int n = 0; n < 2; ++n) pool_->WarmUp(1, [&told](const Status& warm) { told += warm.ok() ? 1 : 0; });
  LetAllStart();
  while (launcher_.preparing() > 0) Prepare();
  CHECK(told == 2);
  CHECK(pool_->counts().idle == 1);
}

TEST_CASE_METHOD(WarmPoolFixture, "zygote dies before the fork: the event waits for another worker",
                 "[pool]") {
  Ask();
  milliseconds delay{0};
  for (size_t tries = 1; tries < PoolLimits().launch_tries_max; ++tries) {
    REQUIRE(launcher_.starts_waiting() == 1);
    launcher_.FailOneStart(kNoZygote);
    executor_.RunPosted();
    if (delay > nanoseconds(0)) {
      executor_.Advance(delay - nanoseconds(1));
      CHECK(launcher_.starts_waiting() == 0);
      executor_.Advance(nanoseconds(1));
    } else {
      executor_.Advance(nanoseconds(0));
    }
    delay = tries == 1 ? WarmPool::kLaunchRetryDelay : 2 * delay;
  }
  CHECK(errors_.empty());
  LetAllStart();
  CHECK(leases_.size() == 1);
}

TEST_CASE_METHOD(WarmPoolFixture, "the host gives no worker at the last try: the event is told why",
                 "[pool]") {
  Ask();
  for (size_t tries = 0; tries < PoolLimits().launch_tries_max; ++tries) {
    REQUIRE(launcher_.starts_waiting() == 1);
    launcher_.FailOneStart(kNoZygote);
    executor_.Advance(milliseconds(500));
  }
  REQUIRE(errors_.size() == 1);
  CHECK(errors_[0].message == kNoZygote.message);
  CHECK(launcher_.starts_waiting() == 0);
}

TEST_CASE_METHOD(WarmPoolFixture, "a drained pool that nobody waits for asks for no worker again", "[pool]") {
  Ask();
  pool_->Drain([] {});
  waits_.clear();
  launcher_.FailOneStart(kNoZygote);
  executor_.Advance(seconds(1));
  CHECK(launcher_.starts_waiting() == 0);
}

class WarmSetFixture : public WarmPoolFixture {
 protected:
  ~WarmSetFixture() { leases_.clear(); }
  static std::shared_ptr<FunctionVersion> Version(uint64_t generation) {
    auto version = std::make_shared<FunctionVersion>();
    version->function = "resize";
    version->generation = generation;
    version->settings.memory = 16_MiB;
    return version;
  }
  // `busy` workers of the version that serves; gives what warming the next one has said so far.
  std::optional<Status> Warm(size_t busy) {
    for (size_t n = 0; n < busy; ++n) {
      waits_.push_back(pools_->PoolOf(serving_).Acquire(
          seconds(3), [this](Result<WorkerLease> lease) { leases_.push_back(std::move(lease).value()); }));
    }
    LetAllStart();
    std::optional<Status> warm;
    pools_->Warm(*serving_, next_, [&warm](Status status) { warm = std::move(status); });
    return warm;
  }
  std::shared_ptr<const FunctionVersion> serving_ = Version(1), next_ = Version(2);
  std::unique_ptr<PoolSet> pools_ = std::make_unique<PoolSet>(
      PoolSet::Options{.memory_total = 512_MiB, .limits = {}}, launcher_, executor_);
};

TEST_CASE_METHOD(WarmSetFixture, "nobody has asked for the version that serves: nothing is made",
                 "[pool][deploy]") {
  CHECK(Warm(0).has_value());
  CHECK(pools_->Find(*next_) == nullptr);
}

TEST_CASE_METHOD(WarmSetFixture, "as many as are busy are made ready", "[pool][deploy]") {
  CHECK_FALSE(Warm(3).has_value());
  CHECK(launcher_.starts_waiting() == 3);
}

TEST_CASE("workers to warm: one at least, eight at most", "[pool][deploy]") {
  CHECK(WorkersToWarm({}) == 0);
  CHECK(WorkersToWarm({.starting = 1, .waiting = 1}) == 0);
  CHECK(WorkersToWarm({.idle = 5}) == 1);
  CHECK(WorkersToWarm({.busy = 8}) == 8);
  CHECK(WorkersToWarm({.busy = 9}) == kWarmedMax);
}

}  // namespace
}  // namespace hearth
