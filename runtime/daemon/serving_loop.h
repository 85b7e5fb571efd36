#pragma once

#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>

#include "runtime/base/random.h"
#include "runtime/daemon/config.h"
#include "runtime/daemon/loop_reports.h"
#include "runtime/http/server.h"
#include "runtime/loop/loop_thread.h"
#include "runtime/loop/outbox.h"
#include "runtime/meter/budget_gate.h"
#include "runtime/meter/loop_attempts.h"
#include "runtime/pool/borrowed_workers.h"
#include "runtime/registry/function_mirror.h"
#include "runtime/router/function_calls.h"
#include "runtime/router/router.h"
#include "triggers/http/route_endpoints.h"
#include "triggers/http/url_endpoints.h"

namespace hearth {

// What this daemon's loops beside the first may do now: told by the first.
class LoopPermissions final : public NewWork, public BudgetGate {
 public:
  Status Check() const override { return new_work_; }
  std::optional<Refusal> Check(std::string_view function) const override;

  void SetNewWork(Status new_work) { new_work_ = std::move(new_work); }
  using Refusals = std::map<std::string, Refusal, std::less<>>;  // by function
  void SetRefusals(Refusals refusals) { refusals_ = std::move(refusals); }

 private:
  Status new_work_;
  Refusals refusals_;
};

// A loop of its own, on a thread of its own, that answers HTTP requests of the data plane from end to end: its own
// listener on the port, connections, router, pools and attempts. Everything that there is once - workers, the ledger,
// what is deployed, other triggers - is the first loop's, and the two talk by tasks alone: no object is used by both.
//
// Owns:    all of its loop. Owned by LoopSet, which makes and destroys it on the first loop's thread, while the thread of
//          its own does not run.
// Thread:  its own, but for what says otherwise. Tell() from the first.
class ServingLoop final : private BorrowedWorkers::Lender, private LoopAttempts::Ledger, private AsyncIntake {
 public:
  // The first loop's side: all of it is called on the first loop.
  class FirstLoop : public LoopReports::Reader {
   public:
    virtual void Borrow(size_t loop, uint64_t generation, uint64_t ticket) = 0;
    virtual void GiveBack(uint64_t loan, std::unique_ptr<WorkerKit> kit) = 0;
    virtual void TakeRecord(size_t loop, LoopAttempts::Source source, const std::string& record) = 0;
    virtual void SyncLedger(std::function<void(Status)> done) = 0;
    // Of a loop's pool: events behind others since it told last, and events that wait now.
    virtual void TakePoolFigures(size_t loop, uint64_t generation, WarmPool::AheadCounts ahead,
                                 size_t waiting) = 0;
    virtual void Submit(Event event, EventSink::OnAccepted accepted) = 0;
    virtual void TakeConnection(http::HandedOver connection) = 0;
  };
  struct Options {
    size_t number = 1;
    HttpInvoker::Identity identity;
    std::string arn_prefix;  // of functions
    ListenAddress listen;
    uint64_t boot_id = 0;
  };
  struct Slots {
    std::unique_ptr<OpenSlots> open;
    std::unique_ptr<OpenSlots> settled;
  };
  // What it has done, for metrics.
  struct Figures {
    http::ServerStats server;
    size_t connections = 0;
    size_t events_under_way = 0;
    size_t records_on_their_way = 0;
  };

  static Result<std::unique_ptr<ServingLoop>> Create(const Config& config, Options options, Slots slots,
                                                     const WorkerSettings& workers, Executor& first_executor,
                                                     FirstLoop& first, Log& log);
  ~ServingLoop() override;

  // On the first loop's thread: the thread begins; a task for it, which runs in order with others; what is put goes with
  // the next that is sent, or a moment later.
  void Start();
  void Put(std::function<void(ServingLoop&)> task);
  void Tell(std::function<void(ServingLoop&)> task);

  size_t number() const { return options_.number; }
  FunctionMirror& functions() { return functions_; }
  UrlEndpoints& urls() { return *urls_; }
  RouteEndpoints& routes() { return *routes_; }
  BorrowedWorkers& workers() { return workers_; }
  LoopAttempts& attempts() { return attempts_; }
  LoopPermissions& permissions() { return permissions_; }
  void ForgetVersion(const std::string& function, const std::string& version);
  void SetScaling(const std::string& function, FunctionScaling scaling);
  void SetRoute(const std::string& name, const EndpointConfig* config);
  void HandBack(uint64_t generation, size_t busy);
  // `drained` runs here once no worker of it is on this loop.
  void Retire(uint64_t generation, std::function<void()> drained);
  // All that the first loop has not been told is put into first_loop().
  void CatchUp();
  void Listen();
  // No new requests; `drained` runs here once those under way are answered and all workers have been given back.
  void Drain(std::function<void()> drained);
  Figures figures() const;
  Outbox& first_loop() { return to_first_; }

 private:
  ServingLoop(const Config& config, Options options, Slots slots, const WorkerSettings& workers,
              std::unique_ptr<LoopThread> thread, Executor& first_executor, FirstLoop& first, Log& log);
  void Borrow(uint64_t generation, uint64_t ticket) override;
  void GiveBack(uint64_t loan, std::unique_ptr<WorkerKit> kit) override;
  void Take(LoopAttempts::Source source, std::string record) override;
  void Sync(std::function<void(Status)> done) override;
  void Add(Event event, EventSink::OnAccepted accepted) override;
  static bool ConcernsFirstLoop(const http::Request& head);

  // Constant after construction.
  const Options options_;
  const Config config_;
  // Borrowed.
  FirstLoop& first_;
  Log& log_;
  // Owned, lowest floor first.
  const std::unique_ptr<LoopThread> thread_;
  Loop& loop_;
  Outbox to_first_;    // used here
  Outbox from_first_;  // used on the first loop
  SystemRandom random_;
  LoopReports reports_;
  BusyLanes lanes_;
  WorkerContext context_;
  FunctionMirror functions_;
  LoopPermissions permissions_;
  LoopAttempts attempts_;
  BorrowedWorkers workers_;
  std::unique_ptr<PoolSet> pools_;
  std::unique_ptr<Router> router_;
  std::optional<FunctionCalls> calls_;
  std::set<uint64_t> told_waiting_;  // generations of which events waited when the first loop was told last
  http::RouteTable route_table_;
  std::unique_ptr<UrlEndpoints> urls_;
  std::unique_ptr<RouteEndpoints> routes_;
  std::unique_ptr<http::Server> server_;
};

}  // namespace hearth
