#pragma once

#include <deque>
#include <map>

#include "tests/unit/runtime/pool/played_worker.h"

namespace hearth {

// A worker that is given events ahead, in a lane if that is worth it.
class LaneFixture : public PlayedWorkerFixture {
 protected:
  LaneFixture() {
    takes_ahead_ = true;
    context_.lanes = &lanes_;
    context_.short_events_worth_lane = UINT32_MAX;
    context_.hold_up_max = std::chrono::hours(1);
  }
  ~LaneFixture() { worker_.reset(); }

  size_t Hand(std::string payload = "") {
    Event& event = events_.emplace_back();
    const size_t number = events_.size();
    event.request_id = RequestId("request-" + std::to_string(number));
    event.payload = payload.empty() ? std::to_string(number) : std::move(payload);
    worker_->Run(event, [this, number](Attempt attempt) {
      REQUIRE(told_.count(number) == 0);
      order_.push_back(number);
      told_[number] = std::move(attempt);
      if (on_told_) on_told_();
    });
    return number;
  }
  void AwaitTold(size_t count) {
    RunUntil([this, count] { return told_.size() >= count; });
    RunSomeTurns();
    CHECK(told_.size() == count);
  }
  // Events 1 and 2, after which the worker is worth a lane; what it does from then on is `then`.
  void PlayUntilWorthALane(const Script& then) {
    PlayUntilStarted([then](Player& worker) {
      worker.Started();
      worker.Initialise();
      const std::string first = worker.HearInvoke().payload;
      worker.AwaitGo();
      worker.Answer(first);
      worker.Answer(worker.HearInvoke().payload);
      then(worker);
      worker.Wait();
    });
    Hand();
    RunUntil([this] { return worker_->TakesAhead(); });
    Hand();
    Go();
    AwaitTold(2);
    REQUIRE(worker_->usable());
    context_.short_events_worth_lane = 0;
  }
  // The same; then event 3, which brings the lane, with 4 and 5 behind it in the lane.
  void PlayWithThree(const Script& then) {
    PlayUntilWorthALane([then](Player& worker) {
      worker.HearInvoke();
      worker.AwaitGo();
      then(worker);
    });
    Hand();
    REQUIRE(worker_->TakesAhead());
    Hand();
    Hand();
    RunSomeTurns();
  }
  // Waits, as a worker does when nothing is left to do, and answers what stands in the lane by then.
  static void AnswerNext(Player& worker, int events = 1) {
    for (int n = 0; n < events; ++n) {
      const auto event = worker.TakeFromLane();
      if (!event) ::_exit(2);
      worker.AnswerInLane(event->payload + " from the lane");
    }
  }
  void CheckNoTimeIsTwice(size_t first, size_t last) {
    for (size_t n = first; n <= last; ++n) {
      CHECK(told_[n].duration >= nanoseconds(0));
      if (n > first) CHECK(told_[n].began >= told_[n - 1].began + told_[n - 1].duration);
    }
    CHECK(told_[last].began + told_[last].duration <= loop->clock().Now());
  }

  std::deque<Event> events_;
  std::map<size_t, Attempt> told_;
  std::vector<size_t> order_;
  std::function<void()> on_told_;
};

}  // namespace hearth
