#pragma once

#include <array>
#include <string>
#include <utility>
#include <vector>

#include "runtime/daemon/loop_set.h"
#include "runtime/http/server.h"
#include "runtime/meter/meter.h"
#include "runtime/model/metric_source.h"
#include "runtime/pool/sandbox_host.h"
#include "runtime/registry/function_registry.h"
#include "runtime/router/async_events.h"
#include "runtime/router/router.h"
#include "runtime/store/ledger_log.h"
#include "runtime/store/sqlite_key_store.h"
#include "runtime/store/sqlite_queue_store.h"
#include "triggers/bucket/bucket_trigger.h"

namespace hearth {

// The figures of parts that know nothing of metrics, read when somebody scrapes. What it borrows outlives it.
class DaemonMetrics final : public MetricSource {
 public:
  struct Parts {
    const SandboxHost& sandboxes;
    uint32_t egress_places;  // that its addresses are enough for
    const http::Server& data_server;
    const http::Server& control_server;
    const SqliteKeyStore& registry_store;
    const SqliteKeyStore& receipt_store;
    const SqliteQueueStore& queue_store;
    SqliteQueueStore& event_store;
    const LedgerLog& ledger;
    const Meter& meter;
    const FunctionRegistry& registry;
    const Router& router;
    const AsyncEvents& async;
    const BucketTrigger& buckets;
    LoopSet* loops;  // null: there is one
  };
  explicit DaemonMetrics(const Parts& parts) : parts_(parts), records_at_start_(parts.ledger.size()) {}

  bool Refresh(std::function<void()> done) override;
  void Collect(MetricWriter& out) const override;

 private:
  void CollectSandboxes(MetricWriter& out) const;
  void CollectRouter(MetricWriter& out) const;
  void CollectLoops(MetricWriter& out) const;
  void CollectEvents(MetricWriter& out) const;
  void CollectBuckets(MetricWriter& out) const;
  void CollectLedger(MetricWriter& out) const;
  void CollectStores(MetricWriter& out) const;
  void CollectServers(MetricWriter& out) const;
  void CollectServer(MetricWriter& out, const char* name, const http::ServerStats& stats,
                     size_t connections) const;

  const Parts parts_;
  const uint64_t records_at_start_;
  std::vector<std::pair<std::string, QueueStatistics>> events_;  // as they were last told
  WeakPtrFactory<DaemonMetrics> weak_{this};
};

}  // namespace hearth
