#pragma once

#include <deque>
#include <map>
#include <optional>
#include <vector>

#include "runtime/loop/manual_executor.h"
#include "runtime/pool/worker.h"

namespace hearth {

// A launcher with memory: starts wait until the test lets them happen; each worker does what the test says,
// when it says so.
class FakeLauncher final : public WorkerLauncher {
 public:
  // One event on one worker, as the worker would tell it.
  struct Ran {
    std::string request_id;
    uint32_t attempt = 0;
    MonotonicTime began{};
    bool ended = false;  // else it runs, or went with the daemon
    bool delivered = true;
    OutcomeKind kind = OutcomeKind::kSuccess;
    nanoseconds duration{0};
  };

  class FakeWorker final : public Worker {
   public:
    FakeWorker(FakeLauncher& launcher, WorkerId id) : launcher_(launcher), id_(id) {
      launcher_.alive_[id] = this;
    }
    ~FakeWorker() override {
      launcher_.alive_.erase(id_);
      std::erase(launcher_.preparing_, id_);
      std::erase(launcher_.running_, id_);
    }
    WorkerId id() const override { return id_; }
    WorkerState state() const override { return state_; }
    WorkerLife life() const override { return {state_, began_, "as the test has it"}; }
    bool usable() const override { return state_ == WorkerState::kIdle; }
    bool TakesAhead() override { return launcher_.workers_take_ahead && state_ == WorkerState::kBusy; }
    void Run(const Event& event, OnAttempt done) override {
      if (state_ == WorkerState::kBusy) {
        CHECK_TRUE(TakesAhead());
        ahead_.push_back({&event, std::move(done), false});
        return;
      }
      CHECK_TRUE(state_ == WorkerState::kIdle);
      Begin(event, std::move(done));
      cold_ = !std::exchange(ran_, true);
    }
    void Prepare(std::function<void(Status)> done) override {
      state_ = WorkerState::kInitialising;
      prepared_ = std::move(done);
      launcher_.preparing_.push_back(id_);
    }
    void Abort(const Event& event, std::string) override {
      for (Ahead& ahead : ahead_) ahead.aborted = ahead.aborted || ahead.event == &event;
      if (event_ == &event) launcher_.FailOnWorker(id_, OutcomeKind::kAborted, "Hearth.ClientGone");
    }
    nanoseconds init_took() const override { return launcher_.init_takes; }
    void SetOnIdleDeath(std::function<void()> on_death) override { on_idle_death_ = std::move(on_death); }
    struct Kit final : WorkerKit {
      bool alive = true;  // the other loop may say otherwise
    };
    std::unique_ptr<WorkerKit> Pack(std::function<void(WorkerNews)> on_news) override {
      CHECK_TRUE(state_ == WorkerState::kIdle);
      state_ = WorkerState::kBusy;
      on_news_ = std::move(on_news);
      return std::make_unique<Kit>();
    }
    void Unpack(std::unique_ptr<WorkerKit> kit) override {
      state_ = static_cast<Kit&>(*kit).alive ? WorkerState::kIdle : WorkerState::kDying;
      on_news_ = nullptr;
    }

   private:
    friend class FakeLauncher;
    struct Ahead {
      const Event* event = nullptr;
      OnAttempt done;
      bool aborted = false;
    };
    void Begin(const Event& event, OnAttempt done) {
      state_ = WorkerState::kBusy;
      event_ = &event;
      request_id_ = event.request_id.text();
      nth_ = launcher_.ran_.size();
      launcher_.ran_.push_back({request_id_, event.attempt, launcher_.executor_.clock().Now()});
      done_ = std::move(done);
      began_ = launcher_.executor_.clock().Now();
      launcher_.running_.push_back(id_);
    }

    FakeLauncher& launcher_;
    const WorkerId id_;
    WorkerState state_ = WorkerState::kIdle;
    const Event* event_ = nullptr;
    std::deque<Ahead> ahead_;
    bool prefetched_ = false;
    std::string request_id_;
    size_t nth_ = 0;  // of what has run
    OnAttempt done_;
    bool ran_ = false;
    bool cold_ = false;
    MonotonicTime began_{};
    std::function<void()> on_idle_death_;
    std::function<void(WorkerNews)> on_news_;
    std::function<void(Status)> prepared_;
  };
  // The process of one that another loop has ends.
  void EndLent(WorkerId id) {
    alive_.at(id)->on_news_({.exited = WorkerDeath{}, .max_rss_kib = 0, .sandbox_gone = {}});
  }

  explicit FakeLauncher(ManualExecutor& executor) : executor_(executor) {}
  nanoseconds init_takes{0};  // as workers tell it from now on
  bool workers_take_ahead = false;

  void Launch(const std::shared_ptr<const FunctionVersion>&, OnWorker done) override {
    asked_.push_back(std::move(done));
  }
  void Forget(const FunctionVersion&) override { ++forgotten_; }

  size_t starts_waiting() const { return asked_.size(); }
  size_t workers_alive() const { return alive_.size(); }
  int forgotten() const { return forgotten_; }
  const std::vector<Ran>& ran() const { return ran_; }
  // The daemon has gone, and its pools with it: nobody waits for a start any more.
  void ForgetStarts() { asked_.clear(); }
  // The next worker that ends says that it took so much longer.
  void LieAboutNext(nanoseconds by) { lie_ = by; }

  void LetOneStart() {
    auto done = std::move(asked_.front());
    asked_.erase(asked_.begin());
    done(std::unique_ptr<Worker>(std::make_unique<FakeWorker>(*this, WorkerId(next_id_++))));
  }
  void LetAllStart() {
    while (!asked_.empty()) LetOneStart();
  }
  void FailOneStart(Error error) {
    auto done = std::move(asked_.front());
    asked_.erase(asked_.begin());
    done(std::move(error));
  }
  // Workers whose init runs ahead of events.
  size_t preparing() const { return preparing_.size(); }
  void LetOnePrepare(Status how = Ok()) {
    FakeWorker& worker = *alive_.at(preparing_.front());
    preparing_.erase(preparing_.begin());
    worker.ran_ = true;  // its first event finds it warm
    worker.state_ = how.ok() ? WorkerState::kIdle : WorkerState::kDying;
    std::exchange(worker.prepared_, nullptr)(std::move(how));
  }
  // Workers that are running an event, first begun first.
  const std::vector<WorkerId>& running() const { return running_; }
  std::string RequestOn(WorkerId id) const { return alive_.at(id)->request_id_; }

  void Complete(WorkerId id, std::string payload) {
    Attempt attempt;
    attempt.kind = OutcomeKind::kSuccess;
    attempt.payload = std::move(payload);
    End(id, std::move(attempt), WorkerState::kIdle);
  }
  void FailOnWorker(WorkerId id, OutcomeKind kind, std::string type) {
    Attempt attempt;
    attempt.kind = kind;
    attempt.error.type = std::move(type);
    const bool lives = kind == OutcomeKind::kFunctionError;
    End(id, std::move(attempt), lives ? WorkerState::kIdle : WorkerState::kDying);
  }
  // It had died before the event reached it.
  void VanishBeforeDelivery(WorkerId id) {
    Attempt attempt;
    attempt.delivered = false;
    attempt.kind = OutcomeKind::kCrash;
    End(id, std::move(attempt), WorkerState::kDying);
  }
  // What stands behind its event is taken back.
  void TakeBackFrom(WorkerId id) { TellTurnNeverCame(std::exchange(alive_.at(id)->ahead_, {})); }
  size_t AheadOn(WorkerId id) const { return alive_.at(id)->ahead_.size(); }
  void KillIdle(WorkerId id) {
    FakeWorker& worker = *alive_.at(id);
    worker.state_ = WorkerState::kDying;
    if (worker.on_idle_death_) worker.on_idle_death_();
  }

 private:
  void End(WorkerId id, Attempt attempt, WorkerState then) {
    FakeWorker& worker = *alive_.at(id);
    std::erase(running_, id);
    worker.state_ = then;
    attempt.began = worker.began_;
    attempt.cold = worker.cold_;
    attempt.duration = executor_.clock().Now() - worker.began_;
    Ran& ran = ran_[worker.nth_];
    ran.ended = true;
    ran.delivered = attempt.delivered;
    ran.kind = attempt.kind;
    ran.duration = attempt.duration;
    attempt.prefetched = worker.prefetched_;
    attempt.duration += std::exchange(lie_, nanoseconds(0));
    auto done = std::move(worker.done_);
    std::deque<FakeWorker::Ahead> never;
    bool aborted = false;
    if (then == WorkerState::kIdle && !worker.ahead_.empty()) {
      FakeWorker::Ahead next = std::move(worker.ahead_.front());
      worker.ahead_.pop_front();
      worker.Begin(*next.event, std::move(next.done));
      worker.prefetched_ = true;
      worker.cold_ = false;
      aborted = next.aborted;
    } else {
      worker.prefetched_ = false;
      never = std::exchange(worker.ahead_, {});
    }
    done(std::move(attempt));
    TellTurnNeverCame(std::move(never));
    if (aborted) FailOnWorker(id, OutcomeKind::kAborted, "Hearth.ClientGone");
  }
  static void TellTurnNeverCame(std::deque<FakeWorker::Ahead> never) {
    for (FakeWorker::Ahead& ahead : never) {
      Attempt attempt;
      attempt.its_turn_came = attempt.delivered = false;
      ahead.done(std::move(attempt));
    }
  }

  ManualExecutor& executor_;
  std::vector<OnWorker> asked_;
  std::map<WorkerId, FakeWorker*> alive_;
  std::vector<WorkerId> running_;
  std::vector<WorkerId> preparing_;
  std::vector<Ran> ran_;
  nanoseconds lie_{0};
  uint64_t next_id_ = 1;
  int forgotten_ = 0;
};

}  // namespace hearth
