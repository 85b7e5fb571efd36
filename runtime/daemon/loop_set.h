#pragma once

#include <functional>
#include <memory>
#include <vector>

#include "runtime/daemon/serving_loop.h"
#include "runtime/meter/record_intake.h"
#include "runtime/router/worker_lending.h"

namespace hearth {

// The loops beside the first, as the first knows them: what is deployed is told to each, their records go into the
// ledger, workers are lent to them.
//
// Owns:    the loops. Owned by the daemon, destroyed before what it borrows.
// Thread:  that of the first loop.
// Promise: a version is retired here only when no other loop has an event for it.
class LoopSet final : private ServingLoop::FirstLoop, private WorkerLending::Borrowers {
 public:
  struct Parts {
    Router& router;
    PoolSet& pools;
    const FunctionRegistry& registry;
    Meter& meter;
    const BudgetGate& budgets;
    const NewWork& new_work;
    http::Server& data_server;
    InvocationObserver& invocation_observer;
    PoolObserver& pool_observer;
    HandlerLogObserver& handler_logs;
    Executor& executor;
    Log& log;
  };

  static Result<std::unique_ptr<LoopSet>> Create(const Config& config, std::vector<ServingLoop::Slots> slots,
                                                 const WorkerSettings& workers, const Parts& parts);
  ~LoopSet() override;

  // What is deployed has changed.
  void OnPlaced(const FunctionVersionPtr& version);
  void OnGone(const FunctionVersion& version);
  void OnAliasesChanged(const std::string& function);
  void OnScalingChanged(const std::string& function);
  void OnUrlChanged(const std::string& name, const EndpointConfig* config);
  void OnRouteChanged(const std::string& name, const EndpointConfig* config);
  void OnBudgetsEvaluated();

  void Start();   // their threads
  void Listen();  // from now on they have connections
  // No new requests; `drained` runs once what is under way there has ended and all workers are back.
  void Drain(std::function<void()> drained);

  // `caught_up` runs once all that the loops have done before is known here.
  void CatchUp(std::function<void()> caught_up);
  // `told` runs once each loop has said what it has done; then figures() is that.
  void AskFigures(std::function<void()> told);
  const std::vector<ServingLoop::Figures>& figures() const { return figures_; }
  size_t workers_lent() const { return lending_.lent(); }
  uint64_t loans() const { return lending_.loans(); }
  // Events of a version that wait, on whichever loop, of which `here` wait on the first as far as its pool knows.
  size_t WaitingOf(uint64_t generation, size_t here) const;

 private:
  static constexpr milliseconds kPermissionsEvery{100};

  explicit LoopSet(const Parts& parts);
  void Each(const std::function<void(ServingLoop&)>& task);
  // On each loop; `all` runs here once each has called what it is given.
  void AskEach(const std::function<void(ServingLoop&, std::function<void()> done)>& task,
               std::function<void()> all);
  void TellPermissions();
  ServingLoop& Of(size_t number) { return *loops_[number - 1]; }

  // ServingLoop::FirstLoop
  const FunctionVersion* VersionOf(uint64_t generation) const override;
  InvocationObserver& invocations() override { return parts_.invocation_observer; }
  PoolObserver& pools() override { return parts_.pool_observer; }
  HandlerLogObserver& logs() override { return parts_.handler_logs; }
  void Borrow(size_t loop, uint64_t generation, uint64_t ticket) override;
  void GiveBack(uint64_t loan, std::unique_ptr<WorkerKit> kit) override;
  void TakeRecord(size_t loop, LoopAttempts::Source source, const std::string& record) override;
  void SyncLedger(std::function<void(Status)> done) override;
  void TakePoolFigures(size_t loop, uint64_t generation, WarmPool::AheadCounts ahead,
                       size_t waiting) override;
  void Submit(Event event, EventSink::OnAccepted accepted) override;
  void TakeConnection(http::HandedOver connection) override;
  // WorkerLending::Borrowers
  void HandBack(size_t loop, uint64_t generation, size_t busy) override;
  void OnNews(size_t loop, uint64_t loan, WorkerNews news) override;
  void Retire(uint64_t generation, std::function<void()> drained) override;

  const Parts parts_;
  WorkerLending lending_;
  RecordIntake intake_;
  std::vector<std::unique_ptr<ServingLoop>> loops_;
  std::vector<ServingLoop::Figures> figures_;
  std::map<uint64_t, std::map<size_t, size_t>> waiting_;  // events, by generation and loop, as last told
  bool running_ = false;
  bool refuses_ = false;   // some function is over its budget, as was told
  std::string work_told_;  // why there is no new work; "" there is
  bool writable_told_ = true;
  Timer permissions_;
};

}  // namespace hearth
