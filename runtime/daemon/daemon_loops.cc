#include <utility>

#include "runtime/daemon/daemon.h"

// What the loops beside the first are told.

namespace hearth {

hearth::Status Daemon::OpenLoops() {
  if (config_.loops == 1) return Ok();
  HEARTH_TRY(data_server_->SharePort());
  std::vector<ServingLoop::Slots> slots;
  for (size_t number = 1; number < config_.loops; ++number)
    slots.push_back({loop_slots_.TakeOpen(number), loop_slots_.TakeSettled(number)});
  HEARTH_ASSIGN(loops_,
                LoopSet::Create(config_, std::move(slots), *workers_,
                                LoopSet::Parts{*router_, *pools_, *registry_, *meter_, *budgets_, *disk_,
                                               *data_server_, *this, metrics_, logs_, loop_, log_}));
  urls_->SetOnChanged(
      [this](const std::string& name, const EndpointConfig* config) { loops_->OnUrlChanged(name, config); });
  routes_->SetOnChanged([this](const std::string& name, const EndpointConfig* config) {
    loops_->OnRouteChanged(name, config);
  });
  budgets_->SetOnEvaluated([this] { loops_->OnBudgetsEvaluated(); });
  return Ok();
}

void Daemon::TellLoopsWhatIsDeployed() {
  if (!loops_) return;
  for (const FunctionVersionPtr& function : registry_->List()) {
    const auto versions = registry_->ListVersions(function->function);
    if (!versions.ok()) continue;
    for (const FunctionVersionPtr& version : *versions) loops_->OnPlaced(version);
    loops_->OnAliasesChanged(function->function);
    loops_->OnScalingChanged(function->function);
  }
}

void Daemon::OnScalingChanged(const std::string& function) {
  router_->OnScalingChanged(function);
  if (loops_) loops_->OnScalingChanged(function);
}

void Daemon::OnAliasesChanged(const std::string& function) {
  if (loops_) loops_->OnAliasesChanged(function);
}

}  // namespace hearth
