#include <utility>

#include <nlohmann/json.hpp>

#include "runtime/daemon/daemon.h"

// What the daemon says of itself.

namespace hearth {

std::vector<HearthStatus::Check> Daemon::Readiness() const {
  std::vector<HearthStatus::Check> checks;
  if (phase_ != Phase::kReady) {
    const bool stops = phase_ == Phase::kStopping;
    checks.push_back({"started", false, stops ? "hearthd is stopping" : "starting: " + starting_with_});
    return checks;
  }
  checks.push_back({"started", true, ""});
  const bool writable = meter_->writable();
  checks.push_back({"ledger", writable, writable ? "" : "the ledger takes no records: is the disk full?"});
  const hearth::Status room = disk_->Check();
  checks.push_back({"disk", room.ok(), room.ok() ? "" : room.error().message});
  const bool launches = sandboxes_->launcher_running();
  checks.push_back({"launcher", launches, launches ? "" : "the launcher has died and is started again"});
  checks.push_back(BucketsCheck());
  checks.push_back(ProvisionedCheck());
  return checks;
}

// A bucket whose folder is gone gets no events; one that is polled since it cannot be watched gets them later.
HearthStatus::Check Daemon::BucketsCheck() const {
  HearthStatus::Check check{"buckets", true, ""};
  for (const auto& [name, status] : buckets_->Statuses()) {
    const bool gone = status.state == "Missing";
    if (gone) check.ok = false;
    if (!gone && status.last_error.empty()) continue;
    check.detail += (check.detail.empty() ? "" : "; ") + name + ": " + std::string(status.state) +
                    (status.last_error.empty() ? "" : ": " + status.last_error);
  }
  return check;
}

// At the start the node waits for them. One that dies, or cannot be initialised, is told and holds up nobody: the
// others of the node serve.
HearthStatus::Check Daemon::ProvisionedCheck() const {
  HearthStatus::Check check{"provisioned", true, ""};
  for (const auto& [id, commitment] : account_->state().commitments()) {
    if (!commitment.reserved()) continue;
    const Held held = committed_->HeldFor(commitment);
    if (held.workers_ready >= held.workers_wanted && held.problem.empty()) continue;
    check.detail += (check.detail.empty() ? "" : "; ") + commitment.function + ": " +
                    std::to_string(held.workers_ready) + " of " + std::to_string(held.workers_wanted) +
                    " ready" + (held.problem.empty() ? "" : ": " + held.problem);
  }
  return check;
}

// Until the control plane answers by itself: the process lives, and is not ready.
std::optional<http::Response> Daemon::HealthAnswer(const http::Request& head) const {
  if (head.method != "GET") return std::nullopt;
  if (head.path == "/livez") return http::Response::Json(200, nlohmann::json{{"status", "live"}}.dump());
  if (head.path != "/readyz") return std::nullopt;
  return http::Response::Json(503, HearthStatus::ReadinessJson(Readiness()).dump());
}

std::vector<PoolStatus> Daemon::Status() const {
  std::vector<PoolStatus> all;
  for (const WarmPool* pool : pools_->pools()) {
    const PoolCounts counts = pool->counts();
    PoolStatus status;
    status.function = pool->version().function;
    status.version = pool->version().version;
    status.starting = static_cast<uint32_t>(counts.starting);
    status.idle = static_cast<uint32_t>(counts.idle);
    for (const Worker* worker : pool->idle_workers())
      status.frozen += worker->state() == WorkerState::kFrozen;
    status.busy = static_cast<uint32_t>(counts.busy);
    const size_t waiting =
        loops_ ? loops_->WaitingOf(pool->version().generation, counts.waiting) : counts.waiting;
    status.waiting = static_cast<uint32_t>(waiting);
    status.workers_max = static_cast<uint32_t>(pool->limits().workers_max);
    const CapacityPlan& plan = pool->plan();
    status.reserved = static_cast<uint32_t>(plan.reserved_workers());
    status.reserved_busy = static_cast<uint32_t>(counts.reserved_busy);
    status.reserved_idle = static_cast<uint32_t>(counts.reserved_idle);
    status.spare = static_cast<uint32_t>(pool->spare());
    status.hot = pool->hot();
    status.handed_ahead = pool->ahead().handed;
    status.taken_back = pool->ahead().taken_back;
    for (const CapacityPlan::Reserved& one : plan.reserved) status.commitments.push_back(one.commitment);
    if (!plan.dedicated.empty()) {
      status.commitments.push_back(plan.dedicated);
      status.plan = NameOf(Plan::kDedicated);
      status.cpus = FormatCpus(cpu_hosts_->CpusOf(plan.dedicated));
    }
    status.draining = pool->state() != WarmPool::State::kOpen;
    for (const Worker* worker : pool->workers()) {
      WorkerLife life = worker->life();
      const auto age = std::chrono::duration_cast<milliseconds>(loop_.clock().Now() - life.since);
      status.workers.push_back({worker->id().value(), std::string(NameOf(life.state)),
                                static_cast<uint64_t>(age.count()), std::move(life.why)});
    }
    all.push_back(std::move(status));
  }
  return all;
}

std::vector<UnusableMount> Daemon::UnusableMounts() const {
  std::vector<UnusableMount> all;
  for (const auto& [function, warnings] : sandboxes_->mount_warnings()) {
    for (const MountWarning& warning : warnings) all.push_back({function, warning.mount, warning.text});
  }
  return all;
}

std::vector<ChosenIsolation> Daemon::ChosenIsolations() const {
  std::vector<ChosenIsolation> all;
  for (const FunctionVersionPtr& version : registry_->List()) {
    if (std::string why = sandboxes_->WhyOwnSandboxes(*version); !why.empty())
      all.push_back({version->function, "strict", std::move(why)});
  }
  return all;
}

BlankSandboxes Daemon::Blanks() const {
  const BlankKeeper& blanks = sandboxes_->blanks();
  return {blanks.wanted(), blanks.ready(), blanks.wanted() * kBlankMemory.mib()};
}

bool Daemon::UseBlanks() const {
  for (const FunctionVersionPtr& latest : registry_->List()) {
    const auto versions = registry_->ListVersions(latest->function);
    if (!versions.ok()) continue;
    for (const FunctionVersionPtr& version : *versions) {
      if (sandboxes_->UsesBlanks(*version)) return true;
    }
  }
  return false;
}

NodeMemory Daemon::MemoryNow() const {
  const PoolSet::MemoryUse use = pools_->memory_use();
  NodeMemory memory;
  memory.capacity = pools_->memory_total().mib();
  memory.busy = use.busy.mib();
  memory.reserved_busy = use.reserved_busy.mib();
  memory.reserved_idle = use.reserved_idle.mib();
  memory.dedicated = use.dedicated.mib();
  memory.keep_alive = use.keep_alive.mib();
  memory.platform = use.platform.mib();
  return memory;
}

}  // namespace hearth
