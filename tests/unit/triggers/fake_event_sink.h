#pragma once

#include <deque>
#include <list>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "runtime/loop/executor.h"
#include "runtime/router/event_sink.h"

namespace hearth {

// An EventSink with memory: keeps what it is given until the test says how it ended. Has `workers` slots.
class FakeEventSink final : public EventSink {
 public:
  explicit FakeEventSink(Executor& executor) : executor_(executor) {}

  DeliveryId Deliver(Event&& event, OnOutcome done) override {
    const DeliveryId id{delivered_.size() + 1};
    if (answer_) {
      executor_.Post([done = std::move(done), outcome = answer_(event)] { done(outcome); });
      delivered_.push_back(std::move(event));
      return id;
    }
    delivered_.push_back(event);
    open_.push_back({std::move(event), std::move(done), nullptr});
    return id;
  }
  void Withdraw(DeliveryId delivery, Withdrawal how) override { withdrawn_.emplace_back(delivery, how); }
  void DeliverOn(std::unique_ptr<Slot> slot, Event event, OnOutcome done) override {
    delivered_.push_back(event);
    open_.push_back({std::move(event), std::move(done), std::move(slot)});
  }
  std::unique_ptr<SlotWait> ReserveSlot(const std::string&, const std::string&, OnSlot done) override {
    ++slots_asked_;
    auto wait = std::make_shared<Wait>();
    wait->done = std::move(done);
    waits_.push_back(wait);
    executor_.Post([this] { GiveSlots(); });
    return std::make_unique<WaitHandle>(std::move(wait));
  }
  void Submit(Event, OnAccepted) override {}

  // What the test does and sees.
  using Answer = std::function<Result<Outcome>(const Event&)>;
  void AnswerAtOnce(Answer answer) { answer_ = std::move(answer); }
  void SetWorkers(size_t workers) {
    workers_ = workers;
    executor_.Post([this] { GiveSlots(); });
  }
  void RefuseNextSlot(Error error) { refusals_.push_back(std::move(error)); }
  // Ends the oldest event under way.
  void End(Result<Outcome> outcome) {
    auto open = std::move(open_.front());
    open_.pop_front();
    open.slot.reset();
    executor_.Post([done = std::move(open.done), outcome = std::move(outcome)] { done(outcome); });
  }
  const std::vector<Event>& delivered() const { return delivered_; }
  size_t under_way() const { return open_.size(); }
  const Event& oldest_under_way() const { return open_.front().event; }
  const std::vector<std::pair<DeliveryId, Withdrawal>>& withdrawn() const { return withdrawn_; }
  size_t slots_asked() const { return slots_asked_; }
  size_t slots_held() const { return held_; }
  size_t slots_waited_for() const {
    size_t waiting = 0;
    for (const auto& wait : waits_) waiting += wait->done != nullptr;
    return waiting;
  }

 private:
  struct Wait {
    OnSlot done;
  };
  struct WaitHandle final : SlotWait {
    explicit WaitHandle(std::shared_ptr<Wait> w) : wait(std::move(w)) {}
    ~WaitHandle() override { wait->done = nullptr; }
    std::shared_ptr<Wait> wait;
  };
  struct HeldSlot final : Slot {
    explicit HeldSlot(FakeEventSink& s) : sink(s) { ++sink.held_; }
    ~HeldSlot() override {
      --sink.held_;
      sink.executor_.Post([s = &sink] { s->GiveSlots(); });
    }
    FakeEventSink& sink;
  };
  struct Open {
    Event event;
    OnOutcome done;
    std::unique_ptr<Slot> slot;
  };

  void GiveSlots() {
    while (!waits_.empty() && (!refusals_.empty() || held_ < workers_ || !waits_.front()->done)) {
      const auto wait = std::move(waits_.front());
      waits_.pop_front();
      if (!wait->done) continue;
      const OnSlot done = std::exchange(wait->done, nullptr);
      if (!refusals_.empty()) {
        const Error error = refusals_.front();
        refusals_.pop_front();
        done(error);
      } else {
        done(std::unique_ptr<Slot>(std::make_unique<HeldSlot>(*this)));
      }
    }
  }

  Executor& executor_;
  Answer answer_;
  size_t workers_ = 100;
  size_t held_ = 0;
  size_t slots_asked_ = 0;
  std::deque<Error> refusals_;
  std::deque<std::shared_ptr<Wait>> waits_;
  std::vector<Event> delivered_;
  std::deque<Open> open_;
  std::vector<std::pair<DeliveryId, Withdrawal>> withdrawn_;
};

inline Outcome Succeeded(std::string payload = "null") {
  Outcome outcome;
  outcome.kind = OutcomeKind::kSuccess;
  outcome.payload = std::move(payload);
  return outcome;
}

inline Outcome Failed(OutcomeKind kind = OutcomeKind::kFunctionError) {
  Outcome outcome;
  outcome.kind = kind;
  outcome.error = {"std::runtime_error", "it did not work", "[]"};
  return outcome;
}

}  // namespace hearth
