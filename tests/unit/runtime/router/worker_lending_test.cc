#include "runtime/router/worker_lending.h"

#include "tests/unit/runtime/router/router_fixture.h"

namespace hearth {
namespace {

// The other loops, as the test plays them.
class PlayedLoops final : public WorkerLending::Borrowers {
 public:
  void HandBack(size_t loop, uint64_t generation, size_t busy) override {
    hand_backs.push_back({loop, generation, busy});
  }
  void OnNews(size_t loop, uint64_t loan, WorkerNews) override { news.emplace_back(loop, loan); }
  void Retire(uint64_t generation, std::function<void()> drained) override {
    retiring.emplace_back(generation, std::move(drained));
  }
  struct Asked {
    size_t loop;
    uint64_t generation;
    size_t busy;
    friend bool operator==(const Asked&, const Asked&) = default;
  };
  std::vector<Asked> hand_backs;
  std::vector<std::pair<size_t, uint64_t>> news;
  std::vector<std::pair<uint64_t, std::function<void()>>> retiring;
};

class LendingFixture : public RouterFixture {
 protected:
  LendingFixture() {
    Deploy("resize");
    lending_.emplace(*router_, *pools_, observer_, loops_);
    version_ = registry_->Resolve("resize", "").value();
    lending_->Know(version_);
  }
  ~LendingFixture() {
    loans_.clear();
    lending_.reset();
    router_->SetRetire(nullptr);
  }
  void Borrow(size_t loop) {
    lending_->Lend(loop, version_->generation, [this](Result<WorkerLoan> loan) {
      if (loan.ok()) {
        loans_.push_back(std::move(loan).value());
      } else {
        errors_.push_back(loan.error());
      }
    });
    executor_.RunPosted();
  }
  void GiveBackFirst() {
    WorkerLoan loan = std::move(loans_.front());
    loans_.erase(loans_.begin());
    lending_->TakeBack(loan.number, std::move(loan.kit));
    executor_.RunPosted();
  }
  PlayedLoops::Asked Of(size_t loop, size_t busy) const { return {loop, version_->generation, busy}; }
  const WarmPool& pool() const { return *pools_->Find(*version_); }

  PlayedLoops loops_;
  std::optional<WorkerLending> lending_;
  FunctionVersionPtr version_;
  std::vector<WorkerLoan> loans_;
  std::vector<Error> errors_;
};

TEST_CASE_METHOD(LendingFixture, "a lent worker is busy to its pool until it is back", "[router][loops]") {
  Borrow(1);
  StartWorkers();
  REQUIRE(loans_.size() == 1);
  CHECK(loans_[0].seat.plan == Plan::kOnDemand);
  CHECK(pool().counts().busy == 1);
  CHECK(lending_->lent() == 1);
  GiveBackFirst();
  CHECK(lending_->lent() == 0);
  CHECK(pool().counts().idle == 1);
  Borrow(2);  // the same one, without a start
  CHECK(loans_.size() == 1);
  CHECK(launcher_.workers_alive() == 1);
  GiveBackFirst();
}

TEST_CASE_METHOD(LendingFixture, "one that ended elsewhere is not kept", "[router][loops]") {
  Borrow(1);
  StartWorkers();
  REQUIRE(loans_.size() == 1);
  static_cast<FakeLauncher::FakeWorker::Kit&>(*loans_[0].kit).alive = false;
  GiveBackFirst();
  CHECK(launcher_.workers_alive() == 0);
  CHECK(pool().counts().busy == 0);
}

TEST_CASE_METHOD(LendingFixture, "an event that waits here calls idle workers home", "[router][loops]") {
  Borrow(1);
  StartWorkers();
  const std::string id = Fire("resize");
  CHECK(loops_.hand_backs == std::vector{Of(1, 0)});  // another is being started, too
  GiveBackFirst();
  REQUIRE(launcher_.running().size() == 1);
  Complete(0);
  CHECK(Settled(id));
}

TEST_CASE_METHOD(LendingFixture,
                 "where no worker can be started, busy ones are called home too, but not from who asks",
                 "[router][loops]") {
  ReserveConcurrency("resize", 1);
  Borrow(1);
  StartWorkers();
  Borrow(2);
  CHECK(loops_.hand_backs == std::vector{Of(1, 1)});
  Borrow(1);
  CHECK(loops_.hand_backs == std::vector{Of(1, 1)});
  // What loop 2 gets it has for a turn: loop 1 waits.
  GiveBackFirst();
  REQUIRE(loans_.size() == 1);
  CHECK(loops_.hand_backs == std::vector{Of(1, 1), Of(2, 1)});
  GiveBackFirst();
  CHECK(loops_.hand_backs == std::vector{Of(1, 1), Of(2, 1)});  // nobody waits any more
  REQUIRE(loans_.size() == 1);
  GiveBackFirst();
  CHECK(launcher_.workers_alive() == 1);
}

TEST_CASE_METHOD(LendingFixture, "shares of two loops that both wait are evened out, and no further",
                 "[router][loops]") {
  ReserveConcurrency("resize", 4);
  for (int n = 0; n < 4; ++n) Borrow(1);
  StartWorkers();
  REQUIRE(loans_.size() == 4);
  Borrow(2);
  CHECK(loops_.hand_backs == std::vector{Of(1, 1)});
  Borrow(1);  // has most already
  Borrow(2);
  CHECK(loops_.hand_backs == std::vector{Of(1, 1), Of(1, 1)});
  GiveBackFirst();  // 3 and 1: loop 1 gives one more if loop 2 asks again
  REQUIRE(loans_.size() == 4);
  Borrow(2);
  CHECK(loops_.hand_backs == std::vector{Of(1, 1), Of(1, 1), Of(1, 1)});
  GiveBackFirst();  // to loop 1, which asked before
  GiveBackFirst();  // to loop 2: 2 and 2
  Borrow(2);
  CHECK(loops_.hand_backs.back() == Of(1, 0));  // idle ones, if it has some
  while (!loans_.empty()) GiveBackFirst();
}

TEST_CASE_METHOD(LendingFixture, "who has a worker already lets others go first, though it asked before",
                 "[router][loops]") {
  ReserveConcurrency("resize", 2);
  Borrow(1);
  Borrow(1);
  StartWorkers();
  Borrow(1);  // in vain, and before the others
  const std::string id = Fire("resize");
  Borrow(2);
  REQUIRE(loans_.size() == 2);
  GiveBackFirst();
  REQUIRE(launcher_.running().size() == 1);
  Complete(0);
  CHECK(Settled(id));
  CHECK(loans_.size() == 2);  // loop 2's now
  CHECK(lending_->asked_for(version_->generation) == 1);
  while (!loans_.empty()) GiveBackFirst();
  CHECK(lending_->loans() == 4);
}

TEST_CASE_METHOD(LendingFixture, "a loop that waits for more of what it has alone is left alone",
                 "[router][loops]") {
  ReserveConcurrency("resize", 1);
  Borrow(1);
  Borrow(1);
  Borrow(1);
  CHECK(lending_->asked_for(version_->generation) == 3);
  StartWorkers();
  REQUIRE(loans_.size() == 1);
  CHECK(lending_->asked_for(version_->generation) == 2);
  CHECK(loops_.hand_backs.empty());
  const std::string id = Fire("resize");  // somebody else
  CHECK(loops_.hand_backs == std::vector{Of(1, 1)});
  GiveBackFirst();
  CHECK(loops_.hand_backs == std::vector{Of(1, 1), Of(1, 1)});  // it has it for a turn: the first loop waits
  GiveBackFirst();
  GiveBackFirst();
  Complete(0);
  CHECK(Settled(id));
}

TEST_CASE_METHOD(LendingFixture, "lent workers count against the events that may be under way",
                 "[router][loops]") {
  router_->SetRetire(nullptr);
  lending_.reset();
  MakeRouter({.concurrency_max = 2});
  lending_.emplace(*router_, *pools_, observer_, loops_);
  lending_->Know(version_);
  Borrow(1);
  Borrow(1);
  StartWorkers();
  REQUIRE(loans_.size() == 2);
  Borrow(1);
  REQUIRE(errors_.size() == 1);
  CHECK(errors_[0].code == ErrorCode::kThrottled);
  CHECK(observer_.throttles.empty());  // the event that it was for is counted where it waits
  const std::string id = Fire("resize");
  CHECK(ErrorOf(id).code == ErrorCode::kThrottled);
  GiveBackFirst();
  GiveBackFirst();
  const std::string later = Fire("resize");
  Complete(0);
  CHECK(Settled(later));
}

TEST_CASE_METHOD(LendingFixture, "a version goes here once it has gone elsewhere", "[router][loops]") {
  Borrow(1);
  StartWorkers();
  router_->OnReplaced(version_, nullptr);
  REQUIRE(loops_.retiring.size() == 1);
  CHECK(loops_.retiring[0].first == version_->generation);
  CHECK(pool().state() == WarmPool::State::kOpen);
  Borrow(1);  // for an event that was there before
  StartWorkers();
  CHECK(loans_.size() == 2);
  GiveBackFirst();
  GiveBackFirst();
  loops_.retiring[0].second();
  executor_.RunPosted();
  CHECK(pools_->Find(*version_) == nullptr);
  CHECK(launcher_.workers_alive() == 0);
  Borrow(1);
  REQUIRE(errors_.size() == 1);
  CHECK(errors_[0].code == ErrorCode::kUnavailable);
}

TEST_CASE_METHOD(LendingFixture, "without memory for a worker all that are idle elsewhere are called home",
                 "[router][loops]") {
  FunctionSettings large;
  large.memory = 1_GiB;
  Deploy("large", large);
  Borrow(1);
  StartWorkers();
  const std::string id = Fire("large");
  CHECK(loops_.hand_backs == std::vector{Of(1, 0)});
  GiveBackFirst();
  executor_.Advance(PoolSet::kRetryInterval);
  StartWorkers();
  Complete(0);
  CHECK(Settled(id));
}

TEST_CASE_METHOD(LendingFixture, "the end of a lent worker is told where it is", "[router][loops]") {
  Borrow(3);
  StartWorkers();
  launcher_.EndLent(WorkerId(1));
  CHECK(loops_.news == std::vector{std::pair(size_t{3}, loans_.at(0).number)});
  GiveBackFirst();
}

}  // namespace
}  // namespace hearth
