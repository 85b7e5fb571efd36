#include "runtime/daemon/loop_set.h"

#include <algorithm>
#include <utility>

namespace hearth {

Result<std::unique_ptr<LoopSet>> LoopSet::Create(const Config& config, std::vector<ServingLoop::Slots> slots,
                                                 const WorkerSettings& workers, const Parts& parts) {
  std::unique_ptr<LoopSet> set(new LoopSet(parts));
  for (ServingLoop::Slots& of_one : slots) {
    ServingLoop::Options options;
    options.number = set->loops_.size() + 1;
    options.identity = {config.account, config.region};
    options.arn_prefix = "arn:aws:lambda:" + config.region + ":" + config.account + ":function:";
    options.listen = config.data_listen;
    options.boot_id = parts.meter.boot_id();
    HEARTH_ASSIGN(auto loop, ServingLoop::Create(config, std::move(options), std::move(of_one), workers,
                                                 parts.executor, *set, parts.log));
    set->loops_.push_back(std::move(loop));
  }
  set->figures_.resize(set->loops_.size());
  return set;
}

LoopSet::LoopSet(const Parts& parts)
    : parts_(parts),
      lending_(parts.router, parts.pools, parts.invocation_observer, *this),
      intake_(parts.meter, parts.executor, parts.log) {}

LoopSet::~LoopSet() = default;

void LoopSet::Each(const std::function<void(ServingLoop&)>& task) {
  for (const auto& loop : loops_) loop->Tell(task);
}

void LoopSet::AskEach(const std::function<void(ServingLoop&, std::function<void()> done)>& task,
                      std::function<void()> all) {
  if (!running_) return all();
  auto left = std::make_shared<size_t>(loops_.size());
  const auto one = [left, all = std::move(all)] {
    if (--*left == 0) all();
  };
  Each([task, one](ServingLoop& loop) { task(loop, [&loop, one] { loop.first_loop().Send(one); }); });
}

void LoopSet::OnPlaced(const FunctionVersionPtr& version) {
  lending_.Know(version);
  Each([copy = *version](ServingLoop& loop) { loop.functions().Put(copy); });
  if (refuses_) OnBudgetsEvaluated();
}

void LoopSet::OnGone(const FunctionVersion& version) {
  Each([function = version.function, name = version.version](ServingLoop& loop) {
    loop.ForgetVersion(function, name);
  });
}

void LoopSet::OnAliasesChanged(const std::string& function) {
  Each([function, aliases = parts_.registry.aliases().List(function)](ServingLoop& loop) {
    loop.functions().SetAliases(function, aliases);
  });
}

void LoopSet::OnScalingChanged(const std::string& function) {
  Each([function, scaling = parts_.registry.ScalingOf(function)](ServingLoop& loop) {
    loop.SetScaling(function, scaling);
  });
}

void LoopSet::OnUrlChanged(const std::string& name, const EndpointConfig* config) {
  Each([name, copy = config ? std::optional(*config) : std::nullopt](ServingLoop& loop) {
    loop.urls().Set(name, copy ? &*copy : nullptr);
  });
}

void LoopSet::OnRouteChanged(const std::string& name, const EndpointConfig* config) {
  Each([name, copy = config ? std::optional(*config) : std::nullopt](ServingLoop& loop) {
    loop.SetRoute(name, copy ? &*copy : nullptr);
  });
}

void LoopSet::OnBudgetsEvaluated() {
  LoopPermissions::Refusals refusals;
  for (const FunctionVersionPtr& function : parts_.registry.List()) {
    if (auto refusal = parts_.budgets.Check(function->function))
      refusals.emplace(function->function, std::move(*refusal));
  }
  if (!std::exchange(refuses_, !refusals.empty()) && refusals.empty()) return;
  Each([refusals](ServingLoop& loop) { loop.permissions().SetRefusals(refusals); });
}

void LoopSet::Start() {
  running_ = true;
  for (const auto& loop : loops_) loop->Start();
  TellPermissions();
}

void LoopSet::Listen() {
  Each([](ServingLoop& loop) { loop.Listen(); });
}

void LoopSet::Drain(std::function<void()> drained) {
  AskEach([](ServingLoop& loop, std::function<void()> done) { loop.Drain(std::move(done)); },
          [this, drained = std::move(drained)] {
            running_ = false;
            drained();
          });
}

void LoopSet::CatchUp(std::function<void()> caught_up) {
  AskEach(
      [](ServingLoop& loop, const std::function<void()>& done) {
        loop.CatchUp();
        done();
      },
      std::move(caught_up));
}

void LoopSet::AskFigures(std::function<void()> told) {
  AskEach(
      [this](ServingLoop& loop, const std::function<void()>& done) {
        loop.first_loop().Put(
            [this, number = loop.number(), figures = loop.figures()] { figures_[number - 1] = figures; });
        done();
      },
      std::move(told));
}

void LoopSet::TakePoolFigures(size_t loop, uint64_t generation, WarmPool::AheadCounts ahead, size_t waiting) {
  parts_.pools.AddAhead(generation, ahead);
  waiting_[generation][loop] = waiting;
}

size_t LoopSet::WaitingOf(uint64_t generation, size_t here) const {
  size_t waiting = here - std::min(here, lending_.asked_for(generation));
  if (const auto found = waiting_.find(generation); found != waiting_.end()) {
    for (const auto& [loop, events] : found->second) waiting += events;
  }
  return waiting;
}

void LoopSet::TellPermissions() {
  const Status work = parts_.new_work.Check();
  const std::string why = work.ok() ? "" : work.error().message;
  const bool writable = parts_.meter.writable() && intake_.waiting() == 0;
  if (why != work_told_ || writable != writable_told_) {
    work_told_ = why;
    writable_told_ = writable;
    Each([work, writable](ServingLoop& loop) {
      loop.permissions().SetNewWork(work);
      loop.attempts().SetWritable(writable);
    });
  }
  permissions_ = parts_.executor.After(kPermissionsEvery, [this] { TellPermissions(); });
}

const FunctionVersion* LoopSet::VersionOf(uint64_t generation) const {
  return lending_.Find(generation).get();
}

void LoopSet::Borrow(size_t loop, uint64_t generation, uint64_t ticket) {
  lending_.Lend(loop, generation, [this, loop, ticket](Result<WorkerLoan> loan) {
    auto held = std::make_shared<Result<WorkerLoan>>(std::move(loan));
    Of(loop).Tell([ticket, held](ServingLoop& there) { there.workers().OnLoan(ticket, std::move(*held)); });
  });
}

void LoopSet::GiveBack(uint64_t loan, std::unique_ptr<WorkerKit> kit) {
  lending_.TakeBack(loan, std::move(kit));
}

void LoopSet::TakeRecord(size_t loop, LoopAttempts::Source source, const std::string& record) {
  intake_.Take(record, [this, loop, source] {
    Of(loop).Put([source](ServingLoop& there) { there.attempts().OnTaken(source); });
  });
}

void LoopSet::SyncLedger(std::function<void(Status)> done) { intake_.Sync(std::move(done)); }

void LoopSet::Submit(Event event, EventSink::OnAccepted accepted) {
  parts_.router.Submit(std::move(event), std::move(accepted));
}

void LoopSet::TakeConnection(http::HandedOver connection) { parts_.data_server.Take(std::move(connection)); }

void LoopSet::HandBack(size_t loop, uint64_t generation, size_t busy) {
  Of(loop).Tell([generation, busy](ServingLoop& there) { there.HandBack(generation, busy); });
}

void LoopSet::OnNews(size_t loop, uint64_t loan, WorkerNews news) {
  Of(loop).Tell([loan, news = std::move(news)](ServingLoop& there) { there.workers().OnNews(loan, news); });
}

void LoopSet::Retire(uint64_t generation, std::function<void()> drained) {
  AskEach([generation](ServingLoop& loop,
                       std::function<void()> done) { loop.Retire(generation, std::move(done)); },
          [this, generation, drained = std::move(drained)] {
            waiting_.erase(generation);
            drained();
          });
}

}  // namespace hearth
