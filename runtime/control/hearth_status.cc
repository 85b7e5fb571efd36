#include "runtime/control/hearth_status.h"

#include "runtime/model/function.h"
#include "runtime/registry/code_folders.h"

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
                        {"draining", pool.draining}});
  }
  call->AnswerJson(200, {{"versions", std::move(versions)}});
}

// The store tells one queue's numbers at a time.
struct HearthStatus::QueueList {
  ApiCallPtr call;
  std::vector<QueueDescription> queues;
  size_t next = 0;
  Json out = Json::array();
};

void HearthStatus::Queues(const ApiCallPtr& call) {
  queues_.List([this, call](Result<std::vector<QueueDescription>> queues) {
    if (!queues.ok()) return call->Fail(queues.error());
    auto list = std::make_shared<QueueList>();
    list->call = call;
    list->queues = std::move(queues).value();
    NextQueue(list);
  });
}

void HearthStatus::NextQueue(const std::shared_ptr<QueueList>& list) {
  if (list->next == list->queues.size())
    return list->call->AnswerJson(200, {{"queues", std::move(list->out)}});
  const std::string name = list->queues[list->next].name;
  queues_.Statistics(name, [this, list](const Result<QueueStatistics>& statistics) {
    const QueueDescription& queue = list->queues[list->next++];
    // One that was removed meanwhile is left out.
    if (statistics.ok()) {
      list->out.push_back({{"name", queue.name},
                           {"visible", statistics->visible},
                           {"in_flight", statistics->in_flight},
                           {"delayed", statistics->delayed},
                           {"oldest_age_ms", statistics->oldest_age.count()},
                           {"visibility_timeout_s", queue.settings.visibility_timeout.count()},
                           {"dead_letter_queue", queue.settings.dead_letter_queue},
                           {"receives_max", queue.settings.receives_max}});
    }
    NextQueue(list);
  });
}

void HearthStatus::Live(const ApiCallPtr& call) const { call->AnswerJson(200, {{"status", "live"}}); }

void HearthStatus::Ready(const ApiCallPtr& call) const {
  const Status ready = readiness_ ? readiness_() : Ok();
  if (ready.ok()) return call->AnswerJson(200, {{"status", "ready"}});
  call->AnswerJson(503, {{"status", "not ready"}, {"reason", ready.error().message}});
}

}  // namespace hearth
