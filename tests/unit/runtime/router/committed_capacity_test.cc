#include "runtime/router/committed_capacity.h"

#include <catch2/catch.hpp>

#include "runtime/meter/account.h"
#include "tests/unit/runtime/pool/fake_cpus.h"
#include "tests/unit/runtime/router/router_fixture.h"

namespace hearth {
namespace {

class CapacityFixture : public RouterFixture {
 protected:
  CapacityFixture() {
    cpus_.cpus = {1000, 1001};
    executor_.manual_clock().SetWall(std::chrono::sys_days(std::chrono::year(2026) / 11 / 25) +
                                     std::chrono::hours(9));
    account_ = std::move(Account::Open(*meter_, executor_.clock(), random_)).value();
    hosts_.emplace(cpus_, [](const CpuList&) {});
    Begin();
  }
  ~CapacityFixture() { router_.reset(); }

  // As after a start with what the ledger has.
  void Begin(uint32_t headroom = 20) {
    capacity_.emplace(CommittedCapacity::Options{headroom}, account_->state(), *registry_, *pools_, *hosts_,
                      executor_, log_);
    account_->SetPlacement(&*capacity_);
    ready_ = false;
    capacity_->Hold();
    capacity_->Warm([this] { ready_ = true; });
    executor_.RunPosted();
  }
  CommitmentOrder Reserve(uint32_t workers, uint32_t memory_mib = 128,
                          const std::string& function = "resize") {
    CommitmentOrder order;
    order.kind = CommitmentKind::kReservedStandard;
    order.function = function;
    order.version = "$LATEST";
    order.workers = workers;
    order.memory_mib = memory_mib;
    return order;
  }
  CommitmentOrder Host(uint32_t cpus, const std::string& function = "resize") {
    CommitmentOrder order;
    order.kind = CommitmentKind::kDedicated;
    order.function = function;
    order.cpus = cpus;
    return order;
  }
  void Warm() {
    StartWorkers();
    while (launcher_.preparing() > 0) launcher_.LetOnePrepare();
    executor_.RunPosted();
  }
  PoolCounts Counts(const std::string& function) {
    return pools_->PoolOf(registry_->Resolve(function, "").value()).counts();
  }

  FakeCpus cpus_;
  std::unique_ptr<Account> account_;
  std::optional<CpuHosts> hosts_;
  std::optional<CommittedCapacity> capacity_;
  bool ready_ = false;
};

TEST_CASE_METHOD(CapacityFixture,
                 "bought: the workers are there, events on them say so, what spills over does not",
                 "[plans][reserved]") {
  Deploy("resize");
  const Commitment bought = account_->Buy(Reserve(1)).value();
  Warm();
  CHECK(Counts("resize").reserved_idle == 1);
  const std::string first = Fire("resize");
  const std::string second = Fire("resize");
  StartWorkers();
  Complete(0);
  Complete(0);
  REQUIRE(observer_.settled.size() == 2);
  CHECK(observer_.settled[0].plan == Plan::kReserved);
  CHECK(observer_.settled[0].commitment == bought.id);
  CHECK_FALSE(observer_.settled[0].cold);
  CHECK(observer_.settled[1].plan == Plan::kOnDemand);
  CHECK(observer_.settled[1].commitment.empty());
  CHECK(observer_.spilled == 1);
}

TEST_CASE_METHOD(CapacityFixture, "a node is ready when what was bought is warm again", "[plans][reserved]") {
  Deploy("resize");
  REQUIRE(account_->Buy(Reserve(2)).ok());
  Warm();
  MakeRouter({});
  Begin();
  CHECK_FALSE(ready_);
  StartWorkers();
  launcher_.LetOnePrepare();
  executor_.RunPosted();
  CHECK_FALSE(ready_);
  launcher_.LetOnePrepare(Error{ErrorCode::kUnavailable, "broken"});
  executor_.RunPosted();
  CHECK(ready_);  // a handler that cannot be initialised holds up no node
}

// The node of the fixture has 1024 MiB; with a headroom of 20 per cent 819 of them can be reserved.
TEST_CASE_METHOD(CapacityFixture, "more than the node can keep is refused with the figures",
                 "[plans][reserved]") {
  Deploy("resize");
  REQUIRE(account_->Buy(Reserve(5)).ok());
  const auto refused = account_->Buy(Reserve(2));
  REQUIRE_FALSE(refused.ok());
  CHECK(refused.error().code == ErrorCode::kPrecondition);
  CHECK(refused.error().message ==
        "2 reserved workers of resize of 128 MiB need 256 MiB; of the node's 1024 MiB at most 819 MiB can be "
        "reserved (headroom 20 %), and 640 MiB are already: 179 MiB are left. Buy fewer, or raise "
        "--memory-mib");
  CHECK(account_->Buy(Reserve(1)).ok());
  Begin(0);
  CHECK(account_->Buy(Reserve(2)).ok());  // all of it
  CHECK_FALSE(account_->Buy(Reserve(1)).ok());
}

// Goal: what was bought first is kept, and whoever asks for the rest is told why it is not there.
TEST_CASE_METHOD(CapacityFixture, "after a restart with less memory the last bought is left out",
                 "[plans][reserved]") {
  Deploy("resize");
  const Commitment first = account_->Buy(Reserve(3)).value();
  executor_.Advance(seconds(1));
  const Commitment last = account_->Buy(Reserve(3)).value();
  Warm();
  CHECK(launcher_.workers_alive() == 6);
  MakeRouter({});
  Begin(/*headroom=*/50);  // 512 of 1,024 MiB, where 768 were promised
  Warm();
  CHECK(ready_);
  CHECK(Counts("resize").reserved_idle == 3);
  CHECK(capacity_->HeldFor(first).problem.empty());
  CHECK(capacity_->HeldFor(first).workers_ready == 3);
  CHECK(capacity_->HeldFor(last).workers_ready == 0);
  CHECK(capacity_->HeldFor(last).problem.find("384 MiB are already; raise --memory-mib") !=
        std::string::npos);
}

TEST_CASE_METHOD(CapacityFixture, "what does not fit the function is refused", "[plans][reserved]") {
  Deploy("resize");
  ReserveConcurrency("resize", 2);
  const auto message = [this](const CommitmentOrder& order) { return account_->Buy(order).error().message; };
  CHECK_THAT(message(Reserve(1, 256)), Catch::Contains("the function is set to 128 MiB"));
  CHECK_THAT(message(Reserve(3)), Catch::Contains("over the function's reserved concurrency of 2"));
  CHECK_THAT(message(Reserve(1, 128, "nobody")), Catch::Contains("nobody"));
  CHECK(account_->Buy(Reserve(2)).ok());
  CHECK_THAT(message(Reserve(1)), Catch::Contains("they would be 3"));
}

TEST_CASE_METHOD(CapacityFixture, "ended: the workers go, their memory is everybody's", "[plans][reserved]") {
  Deploy("resize");
  const Commitment bought = account_->Buy(Reserve(2)).value();
  Warm();
  CHECK(launcher_.workers_alive() == 2);
  REQUIRE(account_->End(bought.id).ok());
  CHECK(launcher_.workers_alive() == 0);
  CHECK(pools_->memory_used() == 0_MiB);
}

TEST_CASE_METHOD(CapacityFixture, "a term ends by itself", "[plans][reserved]") {
  Deploy("resize");
  CommitmentOrder order = Reserve(1);
  order.term_hours = 720;
  REQUIRE(account_->Buy(order).ok());
  Warm();
  executor_.Advance(std::chrono::hours(720) - seconds(1));
  CHECK(launcher_.workers_alive() == 1);
  executor_.Advance(seconds(1));
  CHECK(launcher_.workers_alive() == 0);
}

TEST_CASE_METHOD(CapacityFixture, "exchanged: the capacity points to the other function",
                 "[plans][reserved]") {
  Deploy("resize");
  Deploy("crop");
  CommitmentOrder order = Reserve(2);
  order.kind = CommitmentKind::kReservedConvertible;
  order.term_hours = 8760;
  const auto bought = account_->Buy(order);
  REQUIRE(bought.ok());
  Warm();
  order.function = "crop";
  order.workers = 3;
  const auto exchanged = account_->Exchange(bought->id, order);
  REQUIRE(exchanged.ok());
  Warm();
  CHECK(Counts("resize").reserved_idle == 0);
  CHECK(Counts("crop").reserved_idle == 3);
}

TEST_CASE("the memory that was bought is never passed, whatever the function's is now", "[plans][reserved]") {
  Commitment standard;
  standard.workers = 4;
  standard.memory_mib = 512;
  CHECK(ReservedWorkers(standard, 512_MiB) == 4);
  CHECK(ReservedWorkers(standard, 513_MiB) == 3);
  CHECK(ReservedWorkers(standard, 128_MiB) == 4);
  CHECK(ReservedWorkers(standard, 4096_MiB) == 0);
  Commitment convertible = standard;
  convertible.kind = CommitmentKind::kReservedConvertible;
  CHECK(ReservedWorkers(convertible, 128_MiB) == 16);  // 1 x 512 MiB is 4 x 128 MiB
}

TEST_CASE_METHOD(CapacityFixture, "dedicated: its own processors, and its events say so",
                 "[plans][dedicated]") {
  Deploy("resize");
  const auto bought = account_->Buy(Host(1));
  REQUIRE(bought.ok());
  CHECK(cpus_.sets[bought->id] == CpuList{1001});
  CHECK(cpus_.sets[""] == CpuList{1000});
  CHECK(capacity_->HostOf("resize") == bought->id);
  CHECK(capacity_->HostOf("crop").empty());
  Fire("resize");
  StartWorkers();
  Complete(0);
  REQUIRE(observer_.settled.size() == 1);
  CHECK(observer_.settled[0].plan == Plan::kDedicated);
  CHECK(observer_.settled[0].commitment == bought->id);
  REQUIRE(account_->End(bought->id).ok());
  CHECK(cpus_.sets[""] == CpuList{1000, 1001});
  CHECK(capacity_->HostOf("resize").empty());
}

TEST_CASE_METHOD(CapacityFixture, "dedicated processors that there are not, or twice, are refused",
                 "[plans][dedicated]") {
  Deploy("resize");
  Deploy("crop");
  const auto message = [this](const CommitmentOrder& order) { return account_->Buy(order).error().message; };
  CHECK_THAT(message(Host(2)), Catch::Contains("one core stays everybody's"));
  CHECK_THAT(message(Host(1, "nobody")), Catch::Contains("nobody"));
  REQUIRE(account_->Buy(Host(1)).ok());
  CHECK_THAT(message(Host(1)), Catch::Contains("has a dedicated host already"));
  CHECK_THAT(message(Host(1, "crop")), Catch::Contains("2 dedicated processors in all do not fit"));
}

TEST_CASE_METHOD(CapacityFixture, "after a restart with fewer processors the host is left out, the rest runs",
                 "[plans][dedicated]") {
  Deploy("resize");
  REQUIRE(account_->Buy(Host(1)).ok());
  cpus_.cpus = {1000};
  hosts_.emplace(cpus_, [](const CpuList&) {});
  Begin();
  CHECK(ready_);
  CHECK(capacity_->HostOf("resize").empty());
}

}  // namespace
}  // namespace hearth
