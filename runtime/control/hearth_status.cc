#include "runtime/control/hearth_status.h"

#include <algorithm>

#include "runtime/model/function.h"
#include "runtime/registry/code_folders.h"
#include "runtime/store/queue_store.h"

namespace hearth {
namespace {

Json LimitsJson() {
  return {{"timeout_max_s", kTimeoutMax.count()},          {"memory_max_mib", kMemoryMax.mib()},
          {"package_max_bytes", kPackageBytesMax},         {"unpacked_max_bytes", kUnpackedBytesMax},
          {"environment_max_bytes", kEnvironmentBytesMax}, {"message_max_bytes", kMessageBytesMax.count}};
}

}  // namespace

void HearthStatus::Info(const ApiCallPtr& call) const {
  call->AnswerJson(200, {{"version", info_.version},
                         {"data_address", info_.data_address},
                         {"control_address", info_.control_address},
                         {"account", info_.account},
                         {"region", info_.region},
                         {"isolation_level", info_.isolation_level},
                         {"isolation_missing", info_.isolation_missing},
                         {"data_folder", info_.data_folder},
                         {"limits", LimitsJson()}});
}

void HearthStatus::Workers(const ApiCallPtr& call) const {
  const bool each = call->query("each") == "1";
  Json versions = Json::array();
  for (const PoolStatus& pool : pool_.Status()) {
    versions.push_back({{"function", pool.function},
                        {"version", pool.version},
                        {"starting", pool.starting},
                        {"idle", pool.idle},
                        {"frozen", pool.frozen},
                        {"busy", pool.busy},
                        {"waiting", pool.waiting},
                        {"workers_max", pool.workers_max},
                        {"reserved", pool.reserved},
                        {"reserved_busy", pool.reserved_busy},
                        {"reserved_idle", pool.reserved_idle},
                        {"spare", pool.spare},
                        {"handed_ahead", pool.handed_ahead},
                        {"taken_back", pool.taken_back},
                        {"hot", pool.hot},
                        {"commitments", pool.commitments},
                        {"plan", pool.plan},
                        {"cpus", pool.cpus},
                        {"draining", pool.draining}});
    if (!each) continue;
    Json workers = Json::array();
    for (const WorkerStatus& worker : pool.workers) {
      workers.push_back(
          {{"id", worker.id}, {"state", worker.state}, {"for_ms", worker.for_ms}, {"why", worker.why}});
    }
    versions.back()["workers"] = std::move(workers);
  }
  Json mounts = Json::array();
  for (const UnusableMount& one : pool_.UnusableMounts())
    mounts.push_back({{"function", one.function}, {"mount", one.mount}, {"warning", one.text}});
  Json chosen = Json::array();
  for (const ChosenIsolation& one : pool_.ChosenIsolations())
    chosen.push_back({{"function", one.function}, {"isolation", one.isolation}, {"why", one.why}});
  const BlankSandboxes blanks = pool_.Blanks();
  call->AnswerJson(
      200, {{"versions", std::move(versions)},
            {"unusable_mounts", std::move(mounts)},
            {"chosen_isolations", std::move(chosen)},
            {"blank_sandboxes",
             {{"wanted", blanks.wanted}, {"ready", blanks.ready}, {"memory_mib", blanks.memory_mib}}}});
}

void HearthStatus::Live(const ApiCallPtr& call) const { call->AnswerJson(200, {{"status", "live"}}); }

bool HearthStatus::IsReady(const std::vector<Check>& checks) {
  return std::all_of(checks.begin(), checks.end(), [](const Check& check) { return check.ok; });
}

Json HearthStatus::ReadinessJson(const std::vector<Check>& checks) {
  Json all = Json::array();
  std::string reason;
  for (const Check& check : checks) {
    all.push_back({{"check", check.name}, {"ok", check.ok}, {"detail", check.detail}});
    if (!check.ok && reason.empty()) reason = check.detail;
  }
  Json json = {{"status", reason.empty() ? "ready" : "not ready"}, {"checks", std::move(all)}};
  if (!reason.empty()) json["reason"] = reason;
  return json;
}

void HearthStatus::Ready(const ApiCallPtr& call) const {
  const std::vector<Check> checks = readiness_ ? readiness_() : std::vector<Check>();
  call->AnswerJson(IsReady(checks) ? 200 : 503, ReadinessJson(checks));
}

}  // namespace hearth
