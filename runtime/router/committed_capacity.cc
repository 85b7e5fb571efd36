#include "runtime/router/committed_capacity.h"

#include <algorithm>

namespace hearth {
namespace {

// A timer of months would overflow nothing, but clocks are set: looked at again each hour.
constexpr std::chrono::hours kLookAgain{1};

Error DoesNotFit(std::string message) { return {ErrorCode::kPrecondition, std::move(message)}; }

std::string MiB(uint64_t mib) { return std::to_string(mib) + " MiB"; }

}  // namespace

size_t ReservedWorkers(const Commitment& commitment, Bytes memory) {
  if (memory.mib() == 0) return 0;
  const size_t affords = commitment.reserved_mib() / memory.mib();
  const bool by_number = commitment.kind == CommitmentKind::kReservedStandard;
  return by_number ? std::min<size_t>(affords, commitment.workers) : affords;
}

CommittedCapacity::CommittedCapacity(Options options, const AccountState& account,
                                     const FunctionRegistry& registry, PoolSet& pools, CpuHosts& hosts,
                                     Executor& executor, Log& log)
    : options_(options),
      account_(account),
      registry_(registry),
      pools_(pools),
      hosts_(hosts),
      executor_(executor),
      log_(log) {}

Bytes CommittedCapacity::MemoryLimit() const {
  return Bytes{pools_.memory_total().count * (100 - options_.headroom_percent) / 100};
}

Status CommittedCapacity::CheckPlaceable(const Commitment& wanted, const std::string& instead_of) const {
  if (wanted.reserved()) return CheckMemory(wanted, instead_of);
  if (wanted.kind == CommitmentKind::kDedicated) return CheckHosts(wanted, instead_of);
  return Ok();
}

Status CommittedCapacity::CheckMemory(const Commitment& wanted, const std::string& instead_of) const {
  const std::string what = std::to_string(wanted.workers) + " reserved workers of " + wanted.function;
  const auto version = registry_.Resolve(wanted.function, wanted.version);
  if (!version.ok()) return version.error().WithContext(what);
  const FunctionSettings& settings = (*version)->settings;
  if (wanted.memory_mib != settings.memory.mib()) {
    return DoesNotFit(what + " are to have " + MiB(wanted.memory_mib) + " each, but the function is set to " +
                      MiB(settings.memory.mib()) + "; order that, or change the function first");
  }
  uint64_t reserved_mib = 0;
  uint64_t workers = wanted.workers;
  for (const Commitment* one : account_.Running(executor_.clock().WallNow())) {
    if (!one->reserved() || one->id == instead_of) continue;
    reserved_mib += one->reserved_mib();
    if (one->function == wanted.function) workers += one->workers;
  }
  const std::optional<uint32_t> most = registry_.ScalingOf(wanted.function).reserved_concurrency;
  if (most && workers > *most) {
    return DoesNotFit(what + ": with those that it has they would be " + std::to_string(workers) +
                      ", over the function's reserved concurrency of " + std::to_string(*most) +
                      "; raise that first");
  }
  const uint64_t limit_mib = MemoryLimit().mib();
  if (reserved_mib + wanted.reserved_mib() > limit_mib) {
    return DoesNotFit(what + " of " + MiB(wanted.memory_mib) + " need " + MiB(wanted.reserved_mib()) +
                      "; of the node's " + MiB(pools_.memory_total().mib()) + " at most " + MiB(limit_mib) +
                      " can be reserved (headroom " + std::to_string(options_.headroom_percent) +
                      " %), and " + MiB(reserved_mib) +
                      " are already: " + MiB(limit_mib - std::min(limit_mib, reserved_mib)) +
                      " are left. Buy fewer, or raise --memory-mib");
  }
  return Ok();
}

Status CommittedCapacity::CheckHosts(const Commitment& wanted, const std::string& instead_of) const {
  const std::string what = std::to_string(wanted.cpus) + " dedicated processors for " + wanted.function;
  if (const auto known = registry_.Resolve(wanted.function, ""); !known.ok())
    return known.error().WithContext(what);
  std::vector<CpuHosts::Host> hosts;
  for (const Commitment* one : account_.Running(executor_.clock().WallNow())) {
    if (one->kind != CommitmentKind::kDedicated || one->id == instead_of) continue;
    if (one->function == wanted.function) {
      return DoesNotFit(what + ": it has a dedicated host already, " + one->id + "; end that first");
    }
    hosts.push_back({one->id, one->cpus});
  }
  hosts.push_back({"wanted", wanted.cpus});
  const Status fits = hosts_.Check(hosts);
  return fits.ok() ? Ok() : Status(fits.error().WithContext(what));
}

void CommittedCapacity::Hold() {
  state_ = State::kHolding;
  pools_.SetPlanOf([this](const FunctionVersion& version) { return PlanOf(version); });
  Apply();
}

void CommittedCapacity::Warm(std::function<void()> ready) {
  state_ = State::kWarm;
  Apply();
  pools_.WhenSettled(std::move(ready));
}

void CommittedCapacity::Apply() {
  if (state_ == State::kClosed || pools_.draining()) return;
  Place();
  PlaceHosts();
  uint64_t promised_mib = 0;
  for (const Commitment* one : placed_) promised_mib += one->reserved() ? one->reserved_mib() : 0;
  pools_.Replan(Bytes{promised_mib << 20});
  if (state_ == State::kWarm) MakePools();
  ArmTimer();
}

// The oldest first: what does not fit any more is the last that was bought.
void CommittedCapacity::Place() {
  placed_.clear();
  left_out_.clear();
  std::vector<const Commitment*> running = account_.Running(executor_.clock().WallNow());
  std::stable_sort(running.begin(), running.end(),
                   [](const Commitment* a, const Commitment* b) { return a->from < b->from; });
  uint64_t promised_mib = 0;
  for (const Commitment* one : running) {
    if (one->reserved() && promised_mib + one->reserved_mib() > MemoryLimit().mib()) {
      LeaveOut(*one, MiB(one->reserved_mib()) + " do not fit into the node's memory any more: at most " +
                         MiB(MemoryLimit().mib()) + " can be reserved, and " + MiB(promised_mib) +
                         " are already; raise --memory-mib");
      continue;
    }
    if (one->reserved()) promised_mib += one->reserved_mib();
    placed_.push_back(one);
  }
}

// Those that have no pool yet: the plan makes its workers.
void CommittedCapacity::MakePools() {
  for (const Commitment* one : placed_) {
    if (!one->reserved()) continue;
    const auto version = registry_.Resolve(one->function, one->version);
    if (version.ok()) (void)pools_.PoolOf(*version);
  }
}

void CommittedCapacity::PlaceHosts() {
  std::vector<CpuHosts::Host> hosts;
  host_of_.clear();
  for (const Commitment* one : placed_) {
    if (one->kind != CommitmentKind::kDedicated || host_of_.contains(one->function)) continue;
    hosts.push_back({one->id, one->cpus});
    if (const Status fits = hosts_.Check(hosts); !fits.ok()) {
      LeaveOut(*one, fits.error().message);
      hosts.pop_back();
      continue;
    }
    host_of_[one->function] = one->id;
  }
  if (const Status applied = hosts_.Apply(hosts); !applied.ok()) {
    host_of_.clear();
    for (const Commitment* one : placed_) {
      if (one->kind == CommitmentKind::kDedicated) LeaveOut(*one, applied.error().message);
    }
  }
}

void CommittedCapacity::LeaveOut(const Commitment& commitment, const std::string& why) {
  left_out_[commitment.id] = why;
  log_.Error("what was bought is not there",
             {{"commitment", commitment.id}, {"function", commitment.function}, {"why", why}});
}

Held CommittedCapacity::HeldFor(const Commitment& commitment) const {
  Held held;
  if (const auto why = left_out_.find(commitment.id); why != left_out_.end()) held.problem = why->second;
  held.cpus = FormatCpus(hosts_.CpusOf(commitment.id));
  if (!commitment.reserved() || !commitment.Runs(executor_.clock().WallNow())) return held;
  const auto version = registry_.Resolve(commitment.function, commitment.version);
  if (!version.ok()) {
    held.problem = version.error().message;
    return held;
  }
  const size_t wanted = ReservedWorkers(commitment, (*version)->settings.memory);
  held.workers_wanted = static_cast<uint32_t>(wanted);
  const WarmPool* pool = pools_.Find(**version);
  if (pool == nullptr) return held;
  const WarmPool::ReservedStatus status = pool->StatusOf(commitment.id);
  held.workers_ready = static_cast<uint32_t>(std::min(status.ready, wanted));
  if (held.problem.empty()) held.problem = status.problem;
  return held;
}

void CommittedCapacity::ArmTimer() {
  const WallTime now = executor_.clock().WallNow();
  auto next = now + kLookAgain;
  for (const auto& [id, commitment] : account_.commitments()) {
    if (commitment.from > now) next = std::min<WallTime>(next, commitment.from);
    if (commitment.to > now && commitment.to != Commitment::kOpenEnd)
      next = std::min<WallTime>(next, commitment.to);
  }
  next_change_ = executor_.After(next - now, [this] { Apply(); });
}

CapacityPlan CommittedCapacity::PlanOf(const FunctionVersion& version) const {
  CapacityPlan plan;
  for (const Commitment* one : placed_) {
    if (!one->reserved() || one->function != version.function || one->version != version.version) continue;
    const size_t workers = ReservedWorkers(*one, version.settings.memory);
    if (workers > 0) plan.reserved.push_back({one->id, workers});
  }
  plan.dedicated = HostOf(version.function);
  return plan;
}

std::string CommittedCapacity::HostOf(const std::string& function) const {
  const auto found = host_of_.find(function);
  return found == host_of_.end() ? std::string() : found->second;
}

}  // namespace hearth
