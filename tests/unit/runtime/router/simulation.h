#pragma once

#include <map>
#include <random>
#include <string>
#include <vector>

#include "tests/unit/runtime/router/router_fixture.h"

namespace hearth {

// Router, pools, queues, stores and ledger as the daemon joins them, lived through at random: events of both kinds,
// workers that start, answer, fail and vanish, a clock that runs and steps, stores and a ledger that refuse, a function
// that is deployed anew, and a daemon that is killed and starts again. Everything comes from the seed.
//
// Then all is healed and comes to rest, and what was promised is held against what happened: by what the workers
// themselves have seen, not by what the code under test says of itself.
class Simulation final : private RouterFixture {
 public:
  // What is broken on purpose, to see that it would be noticed.
  enum class Planted {
    kNothing,
    kEventLost,       // the store forgets what it had accepted
    kRecordLost,      // a run without a record
    kRecordInvented,  // a record without a run
    kTimeInvented,    // a record says another duration than the worker saw
    kWorkerKept,      // a lease that is never given back
    kEndToldTwice,    // a destination hears of the same end again
    kRunAgain,        // what has succeeded runs once more
  };

  explicit Simulation(uint64_t seed, Planted planted = Planted::kNothing);

  void Live(size_t steps);
  void ComeToRest();
  // Each in words; none: every promise was kept.
  std::vector<std::string> Broken();

  struct Counts {
    size_t accepted = 0;  // asynchronous events
    size_t told = 0;      // synchronous ones that had an answer
    size_t runs = 0;
    size_t crashes = 0;
    size_t retried = 0;       // attempts past the first
    size_t handed_ahead = 0;  // events that stood behind another on a worker
    Counts& operator+=(const Counts& other);
  };
  Counts counts() const;

 private:
  struct Sent {
    std::string function;
    bool accepted = false;
    uint32_t retries = 0;  // by hand
  };
  struct Asked {
    uint32_t life = 0;
    DeliveryId delivery = DeliveryId::kNone;
    uint32_t told = 0;
    bool succeeded = false;
  };

  // What may happen.
  void Step();
  size_t RunsThatEnded() const;
  void SendEvent();
  void Ask();
  void EndARun();
  void StartOrFail();
  void TakeBackOrWithdraw();
  void KillAnIdleWorker();
  void PassTime();
  void StepTheWallClock();
  void FailAStore();
  void TurnTheLedger();
  void DeployAnew();
  void ReserveAnew();
  void CancelOrRetry();
  void Crash();
  void Plant();

  // What was promised.
  bool AtRest() const;
  void HealEverything();
  void CheckEvents(std::vector<std::string>& broken) const;
  void CheckAsked(std::vector<std::string>& broken) const;
  void CheckLedger(std::vector<std::string>& broken) const;
  void CheckDestinations(std::vector<std::string>& broken);
  void CheckNothingLeaks(std::vector<std::string>& broken);
  std::vector<InvocationRecord> Records() const;

  uint64_t Below(uint64_t n) { return choose_() % n; }
  std::string AFunction() { return functions_[Below(functions_.size())]; }
  std::string AnEvent();

  const Planted planted_;
  std::mt19937_64 choose_;
  const std::vector<std::string> functions_{"resize", "mail", "index"};
  uint32_t life_ = 1;
  std::map<std::string, Sent> sent_;    // by request id
  std::map<std::string, Asked> asked_;  // by request id
  std::vector<std::string> unexpected_;
  size_t handed_ahead_ = 0;  // in the lives before
  size_t unrecorded_ = 0;    // runs that ended while the ledger took nothing
  std::unique_ptr<EventSink::SlotWait> kept_wait_;
  std::unique_ptr<EventSink::Slot> kept_;
};

}  // namespace hearth
