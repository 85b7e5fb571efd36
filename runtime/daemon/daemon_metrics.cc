#include "runtime/daemon/daemon_metrics.h"

namespace hearth {
namespace {

double D(uint64_t figure) { return static_cast<double>(figure); }

}  // namespace

bool DaemonMetrics::Refresh(std::function<void()> done) {
  if (parts_.loops != nullptr) {
    done = [weak = weak_.Get(), done = std::move(done)] {
      if (weak) weak->parts_.loops->AskFigures(done);
    };
  }
  parts_.event_store.AllStatistics([weak = weak_.Get(), done = std::move(done)](
                                       Result<std::vector<std::pair<std::string, QueueStatistics>>> all) {
    if (weak && all.ok()) weak->events_ = std::move(all).value();
    done();
  });
  return true;
}

void DaemonMetrics::Collect(MetricWriter& out) const {
  out.Write("hearth_build_info", {HEARTH_VERSION}, 1);
  CollectSandboxes(out);
  CollectRouter(out);
  CollectLoops(out);
  CollectEvents(out);
  CollectBuckets(out);
  CollectLedger(out);
  CollectStores(out);
  CollectServers(out);
}

void DaemonMetrics::CollectSandboxes(MetricWriter& out) const {
  const BlankKeeper& blanks = parts_.sandboxes.blanks();
  out.Write("hearth_blank_sandboxes", {"wanted"}, D(blanks.wanted()));
  out.Write("hearth_blank_sandboxes", {"ready"}, D(blanks.ready()));
  out.Write("hearth_own_sandbox_starts_total", {"blank"}, D(blanks.starts_from_blanks()));
  out.Write("hearth_own_sandbox_starts_total", {"nothing"}, D(blanks.starts_without()));
  out.Write("hearth_egress_places", {"in_use"}, D(parts_.sandboxes.CountWithEgress()));
  out.Write("hearth_egress_places", {"all"}, D(parts_.sandboxes.gives_egress() ? parts_.egress_places : 0));
}

void DaemonMetrics::CollectRouter(MetricWriter& out) const {
  out.Write("hearth_functions", {}, D(parts_.registry.List().size()));
  size_t under_way = parts_.router.in_flight();
  if (parts_.loops != nullptr) {
    for (const ServingLoop::Figures& loop : parts_.loops->figures()) under_way += loop.events_under_way;
  }
  out.Write("hearth_events_under_way", {}, D(under_way));
  out.Write("hearth_events_under_way_limit", {}, D(parts_.router.limits().concurrency_max));
}

void DaemonMetrics::CollectLoops(MetricWriter& out) const {
  out.Write("hearth_workers_lent", {}, D(parts_.loops == nullptr ? 0 : parts_.loops->workers_lent()));
  out.Write("hearth_worker_loans_total", {}, D(parts_.loops == nullptr ? 0 : parts_.loops->loans()));
}

void DaemonMetrics::CollectEvents(MetricWriter& out) const {
  parts_.async.Visit([&](const std::string& function, const AsyncEvents::Counters& counters, size_t running) {
    out.Write("hearth_async_events_total", {function, "accepted"}, D(counters.accepted));
    out.Write("hearth_async_events_total", {function, "succeeded"}, D(counters.succeeded));
    out.Write("hearth_async_events_total", {function, "retried"}, D(counters.retried));
    out.Write("hearth_async_events_total", {function, "dropped"}, D(counters.dropped));
    out.Write("hearth_async_destinations_total", {function, "sent"}, D(counters.told));
    out.Write("hearth_async_destinations_total", {function, "failed"}, D(counters.untold));
    out.Write("hearth_async_events_running", {function}, D(running));
  });
  for (const auto& [function, queue] : events_) {
    out.Write("hearth_async_events_waiting", {function}, D(queue.visible + queue.delayed));
    out.Write("hearth_async_event_age_seconds", {function},
              std::chrono::duration<double>(queue.oldest_age).count());
  }
}

void DaemonMetrics::CollectBuckets(MetricWriter& out) const {
  for (const auto& [bucket, status] : parts_.buckets.Statuses()) {
    out.Write("hearth_bucket_file_events_total", {bucket, "notify"}, D(status.found_by_hint));
    out.Write("hearth_bucket_file_events_total", {bucket, "scan"}, D(status.found_by_scan));
    out.Write("hearth_bucket_objects_total", {bucket, "succeeded"}, D(status.succeeded));
    out.Write("hearth_bucket_objects_total", {bucket, "failed"}, D(status.failed));
    out.Write("hearth_bucket_objects_total", {bucket, "retried"}, D(status.retried));
    out.Write("hearth_bucket_objects_total", {bucket, "throttled"}, D(status.throttled));
    out.Write("hearth_bucket_objects_under_way", {bucket}, D(status.under_way));
    out.Write("hearth_bucket_objects_running", {bucket}, D(status.running));
    out.Write("hearth_bucket_lag_seconds", {bucket}, std::chrono::duration<double>(status.lag).count());
    out.Write("hearth_bucket_overflows_total", {bucket}, D(status.overflows));
    out.Write("hearth_bucket_receipts", {bucket}, D(status.receipts));
    for (const char* state : {"Missing", "Scanning", "Watching", "Polling", "Stopped"})
      out.Write("hearth_bucket_state", {bucket, state}, status.state == state ? 1 : 0);
  }
}

void DaemonMetrics::CollectLedger(MetricWriter& out) const {
  const LedgerLog::Stats stats = parts_.ledger.stats();
  out.Write("hearth_ledger_records_total", {}, D(parts_.ledger.size() - records_at_start_));
  out.Write("hearth_ledger_conflicts_total", {}, D(parts_.meter.conflicts()));
  out.Write("hearth_ledger_writable", {}, parts_.meter.writable() ? 1 : 0);
  out.Write("hearth_ledger_bytes", {}, D(stats.bytes));
  out.Write("hearth_ledger_unsynced_records", {}, D(stats.unsynced));
  out.Write("hearth_ledger_sync_seconds", {}, stats.sync_ns.view());
}

void DaemonMetrics::CollectStores(MetricWriter& out) const {
  const std::pair<const char*, const CommitStats*> stores[] = {
      {"registry", &parts_.registry_store.commit_stats()},
      {"receipts", &parts_.receipt_store.commit_stats()},
      {"queues", &parts_.queue_store.commit_stats()},
      {"events", &parts_.event_store.commit_stats()}};
  for (const auto& [store, stats] : stores) {
    out.Write("hearth_store_commits_total", {store}, D(stats->operations.count()));
    out.Write("hearth_store_commit_failures_total", {store}, D(stats->failed));
    out.Write("hearth_store_group_operations", {store}, stats->operations.view());
    out.Write("hearth_store_commit_seconds", {store}, stats->time_ns.view());
  }
}

void DaemonMetrics::CollectServers(MetricWriter& out) const {
  http::ServerStats data = parts_.data_server.stats();
  size_t connections = parts_.data_server.connections();
  const auto of_loop = [&out](size_t number, const http::ServerStats& stats, size_t open) {
    const std::string loop = std::to_string(number);
    out.Write("hearth_loop_connections", {loop}, D(open));
    out.Write("hearth_loop_requests_total", {loop}, D(stats.requests_handled));
  };
  of_loop(0, data, connections);
  if (parts_.loops != nullptr) {
    size_t number = 0;
    for (const ServingLoop::Figures& loop : parts_.loops->figures()) {
      of_loop(++number, loop.server, loop.connections);
      data.Add(loop.server);
      connections += loop.connections;
    }
  }
  CollectServer(out, "data", data, connections);
  CollectServer(out, "control", parts_.control_server.stats(), parts_.control_server.connections());
}

void DaemonMetrics::CollectServer(MetricWriter& out, const char* name, const http::ServerStats& stats,
                                  size_t connections) const {
  out.Write("hearth_http_connections", {name}, D(connections));
  out.Write("hearth_http_connections_total", {name, "accepted"}, D(stats.connections_accepted));
  out.Write("hearth_http_connections_total", {name, "refused"}, D(stats.connections_refused));
  out.Write("hearth_http_requests_total", {name, "handled"}, D(stats.requests_handled));
  out.Write("hearth_http_requests_total", {name, "refused"}, D(stats.requests_refused));
  for (const char* code : {"2xx", "3xx", "4xx", "5xx"})
    out.Write("hearth_http_answers_total", {name, code}, D(stats.answers[code[0] - '0']));
}

}  // namespace hearth
