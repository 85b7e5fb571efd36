#include "runtime/daemon/serving_loop.h"

#include <utility>

#include "triggers/bucket/bucket_door.h"

namespace hearth {
namespace {

// A worker that had no event for so long goes back to the first loop, where any loop can have it.
constexpr milliseconds kLoanLinger{100};
// Asked for at once: more would be no sooner there.
constexpr size_t kAskedMax = 16;
// Memory is the first loop's to deal with.
constexpr Bytes kNoMemoryLimit{UINT64_MAX / 2};

PoolSet::Options PoolOptionsOf(const Config& config) {
  PoolSet::Options options;
  options.memory_total = kNoMemoryLimit;
  options.limits.waiters_max = config.waiters_max;
  options.limits.workers_max = config.concurrency_max;
  options.limits.idle_time_out = kLoanLinger;
  options.limits.starting_max = kAskedMax;
  options.limits.launch_tries_max = 1;  // the first loop has tried
  options.limits.prefetch.events_max = config.prefetch_max;
  return options;
}

}  // namespace

std::optional<BudgetGate::Refusal> LoopPermissions::Check(std::string_view function) const {
  if (refusals_.empty()) return std::nullopt;
  const auto found = refusals_.find(function);
  return found == refusals_.end() ? std::nullopt : std::optional(found->second);
}

Result<std::unique_ptr<ServingLoop>> ServingLoop::Create(const Config& config, Options options, Slots slots,
                                                         const WorkerSettings& workers,
                                                         Executor& first_executor, FirstLoop& first,
                                                         Log& log) {
  HEARTH_ASSIGN(auto thread, LoopThread::Create(first_executor.clock()));
  std::unique_ptr<ServingLoop> serving(new ServingLoop(config, std::move(options), std::move(slots), workers,
                                                       std::move(thread), first_executor, first, log));
  HEARTH_ASSIGN(serving->urls_,
                UrlEndpoints::Create(serving->options_.identity, serving->route_table_, *serving->router_,
                                     serving->loop_.clock(), serving->random_));
  serving->routes_ =
      std::make_unique<RouteEndpoints>(serving->options_.identity, serving->route_table_, *serving->urls_,
                                       *serving->router_, serving->loop_.clock(), serving->random_);
  return serving;
}

ServingLoop::ServingLoop(const Config& config, Options options, Slots slots, const WorkerSettings& workers,
                         std::unique_ptr<LoopThread> thread, Executor& first_executor, FirstLoop& first,
                         Log& log)
    : options_(std::move(options)),
      config_(config),
      first_(first),
      log_(log),
      thread_(std::move(thread)),
      loop_(thread_->loop()),
      to_first_(loop_, first_executor),
      from_first_(first_executor, loop_),
      reports_(to_first_, first),
      lanes_(loop_),
      context_(loop_, reports_, reports_, workers),
      functions_(options_.arn_prefix),
      attempts_(std::move(slots.open), std::move(slots.settled), options_.boot_id, *this),
      workers_(context_, *this),
      pools_(std::make_unique<PoolSet>(PoolOptionsOf(config), workers_, loop_)),
      router_(std::make_unique<Router>(
          Router::Limits{Bytes{config.payload_bytes_max}, config.concurrency_max, config.fsync_before_reply},
          functions_, *pools_, attempts_, reports_, loop_)) {
  router_->SetBudgets(&permissions_);
  router_->SetDisk(&permissions_);
  router_->SetAsyncEvents(this);
  calls_.emplace(*router_, random_, loop_);
  context_.calls = &*calls_;
  context_.lanes = &lanes_;
}

ServingLoop::~ServingLoop() {
  thread_->Stop();
  from_first_.Flush();  // disarms a timer of the first loop; what it tells is told to nobody
}

void ServingLoop::Start() { thread_->Start(); }

void ServingLoop::Put(std::function<void(ServingLoop&)> task) {
  from_first_.Put([this, task = std::move(task)] { task(*this); });
}

void ServingLoop::Tell(std::function<void(ServingLoop&)> task) {
  from_first_.Send([this, task = std::move(task)] { task(*this); });
}

void ServingLoop::Borrow(uint64_t generation, uint64_t ticket) {
  to_first_.Send([&first = first_, number = options_.number, generation, ticket] {
    first.Borrow(number, generation, ticket);
  });
}

void ServingLoop::GiveBack(uint64_t loan, std::unique_ptr<WorkerKit> kit) {
  auto held = std::make_shared<std::unique_ptr<WorkerKit>>(std::move(kit));
  to_first_.Send([&first = first_, loan, held] { first.GiveBack(loan, std::move(*held)); });
}

void ServingLoop::Take(LoopAttempts::Source source, std::string record) {
  to_first_.Put([&first = first_, number = options_.number, source, record = std::move(record)] {
    first.TakeRecord(number, source, record);
  });
}

void ServingLoop::Sync(std::function<void(Status)> done) {
  to_first_.Send([this, done = std::move(done)] {
    first_.SyncLedger(
        [this, done](const Status& synced) { Put([done, synced](ServingLoop&) { done(synced); }); });
  });
}

void ServingLoop::Add(Event event, EventSink::OnAccepted accepted) {
  to_first_.Send([this, event = std::move(event), accepted = std::move(accepted)] {
    first_.Submit(event, [this, accepted](const Status& stored) {
      Tell([accepted, stored](ServingLoop&) { accepted(stored); });
    });
  });
}

void ServingLoop::SetScaling(const std::string& function, FunctionScaling scaling) {
  // Workers ahead of events are the first loop's: here counts only how many there may be.
  FunctionScaling here;
  here.reserved_concurrency = scaling.reserved_concurrency;
  functions_.SetScaling(function, here);
  router_->OnScalingChanged(function);
}

void ServingLoop::SetRoute(const std::string& name, const EndpointConfig* config) {
  if (config == nullptr) return routes_->Set(name, nullptr);
  auto mounted = routes_->Mount(name, config->route);
  if (mounted.ok()) return routes_->Set(name, config, std::move(mounted).value());
  log_.Error("a route is not served by each loop", {{"route", name}, {"error", mounted.error().message}});
}

void ServingLoop::HandBack(uint64_t generation, size_t busy) { pools_->HandBack(generation, busy); }

void ServingLoop::Retire(uint64_t generation, std::function<void()> drained) {
  router_->ForgetVersion(generation);
  pools_->RetireGeneration(generation, std::move(drained));
}

void ServingLoop::ForgetVersion(const std::string& function, const std::string& version) {
  functions_.Remove(function, version);
  if (!functions_.Resolve(function, "").ok()) router_->ForgetFunction(function);
}

// What this loop has no routes for: objects of buckets.
bool ServingLoop::ConcernsFirstLoop(const http::Request& head) {
  return head.path == BucketDoor::kMount || head.path.starts_with(std::string(BucketDoor::kMount) + "/");
}

void ServingLoop::CatchUp() {
  pools_->TakeFigures([this](uint64_t generation, WarmPool::AheadCounts ahead, size_t waiting) {
    const bool waited =
        waiting > 0 ? !told_waiting_.insert(generation).second : told_waiting_.erase(generation) > 0;
    if (ahead.handed + ahead.taken_back + waiting == 0 && !waited) return;
    to_first_.Put([&first = first_, number = options_.number, generation, ahead, waiting] {
      first.TakePoolFigures(number, generation, ahead, waiting);
    });
  });
}

void ServingLoop::Listen() {
  http::ServerOptions options;
  options.limits.body_max = Bytes{config_.payload_bytes_max};
  options.shared = PortShared::kYes;
  options.hand_over.concerns = ConcernsFirstLoop;
  options.hand_over.take = [this](http::HandedOver connection) {
    auto held = std::make_shared<http::HandedOver>(std::move(connection));
    to_first_.Send([&first = first_, held] { first.TakeConnection(std::move(*held)); });
  };
  auto server = http::Server::Create(loop_, options_.listen, route_table_, log_, std::move(options));
  if (server.ok()) {
    server_ = std::move(server).value();
  } else {
    log_.Error("a loop cannot listen; others serve", {{"error", server.error().message}});
  }
}

void ServingLoop::Drain(std::function<void()> drained) {
  auto after_router = [this, drained = std::move(drained)] { pools_->Drain(drained); };
  auto after_server = [this, after_router] { router_->Drain(after_router); };
  auto after_urls = [this, after_server] {
    if (server_) return server_->Drain(after_server);
    after_server();
  };
  auto after_routes = [this, after_urls] { urls_->Drain(after_urls); };
  routes_->Drain(after_routes);
}

ServingLoop::Figures ServingLoop::figures() const {
  Figures figures;
  if (server_) figures.server = server_->stats();
  if (server_) figures.connections = server_->connections();
  figures.events_under_way = router_->in_flight();
  figures.records_on_their_way = attempts_.on_their_way();
  return figures;
}

}  // namespace hearth
