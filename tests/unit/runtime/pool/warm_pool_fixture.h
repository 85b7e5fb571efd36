#pragma once

#include <catch2/catch.hpp>

#include "runtime/pool/warm_pool.h"
#include "tests/unit/runtime/pool/fake_launcher.h"

namespace hearth {

class WarmPoolFixture {
 protected:
  WarmPoolFixture() { MakePool({}); }

  void MakePool(PoolLimits limits, Isolation isolation = Isolation::kInstance) {
    pool_.reset();
    auto version = std::make_shared<FunctionVersion>();
    version->function = "resize";
    version->settings.memory = 128_MiB;
    version->settings.timeout = seconds(3);
    version->settings.isolation = isolation;
    pool_ = std::make_unique<WarmPool>(
        version, limits, launcher_, memory_, [this] { return make_room_ && make_room_(); }, executor_);
  }
  // Asks for a worker; leases and errors gather in the order in which they come.
  void Ask(nanoseconds limit = seconds(3)) {
    waits_.push_back(pool_->Acquire(limit, [this](Result<WorkerLease> lease) {
      if (lease.ok()) {
        leases_.push_back(std::move(lease).value());
      } else {
        errors_.push_back(lease.error());
      }
    }));
  }
  void LetOneStart() {
    launcher_.LetOneStart();
    executor_.RunPosted();
  }
  void LetAllStart() {
    launcher_.LetAllStart();
    executor_.RunPosted();
  }
  void GiveBackFirst() {
    WorkerLease first = std::move(leases_.front());
    leases_.erase(leases_.begin());
    first = {};
    executor_.RunPosted();
  }

  static constexpr auto s = std::chrono::seconds(1);
  ManualExecutor executor_;
  FakeLauncher launcher_{executor_};
  MemoryBudget memory_{512_MiB};
  std::function<bool()> make_room_;
  std::unique_ptr<WarmPool> pool_;
  std::vector<Error> errors_;
  std::vector<WorkerLease> leases_;
  std::vector<WarmPool::Wait> waits_;
};

class ReservedFixture : public WarmPoolFixture {
 protected:
  static CapacityPlan Reserved(size_t workers, const std::string& commitment = "rsv-1") {
    CapacityPlan plan;
    if (workers > 0) plan.reserved.push_back({commitment, workers});
    return plan;
  }
  void Keep(size_t workers) {
    memory_.Promise(Bytes{workers * (128_MiB).count});
    pool_->SetPlan(Reserved(workers));
    LetAllStart();
    while (launcher_.preparing() > 0) launcher_.LetOnePrepare();
    executor_.RunPosted();
  }
};

}  // namespace hearth
