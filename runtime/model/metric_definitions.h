#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>

namespace hearth {

// Every metric of Hearth, once: what a scrape may show, what docs/metrics.md lists (a test makes the page again
// from here), what dashboard and alert rules may name. A new metric is a row here and a Write() in a MetricSource.
//
// Names:   hearth_*, base units last (_seconds, _bytes), counters end in _total; process_* are Prometheus' own
//          names, which every dashboard for a process knows.
// Labels:  the first is what the series belongs to (function, queue, bucket, store, ...): at most
//          kEntitiesMax of those, the rest is added up under "overflow". The others have few values, named in
//          the meaning. Nothing that a request brings (path, id, user) is ever a label.

enum class MetricType : uint8_t { kCounter, kGauge, kHistogram };
enum class MetricGroup : uint8_t {
  kInvocations,
  kWorkers,
  kBilling,
  kEvents,
  kQueues,
  kBuckets,
  kLedger,
  kStores,
  kHttp,
  kDaemon
};

struct MetricDefinition {
  MetricGroup group;
  std::string_view name;
  MetricType type;
  std::string_view labels;   // names, comma-separated; values are written in this order
  std::string_view meaning;  // without a full stop; also the HELP line
  std::string_view otel{};   // OpenTelemetry's name of the same figure, if it has one
};

namespace metric_table {
using enum MetricType;
using enum MetricGroup;

inline constexpr auto kMetrics = std::to_array<MetricDefinition>({
    {kInvocations, "hearth_invocations_total", kCounter, "function,version,trigger,outcome",
     "attempts that ended, by what caused them and how they ended; OpenTelemetry counts those with the "
     "outcome success",
     "faas.invocations"},
    {kInvocations, "hearth_errors_total", kCounter, "function",
     "attempts that failed through the function: function_error, timeout, out_of_memory, crash, init_error, "
     "init_timeout",
     "faas.errors"},
    {kInvocations, "hearth_timeouts_total", kCounter, "function",
     "attempts ended by the function's timeout, init included", "faas.timeouts"},
    {kInvocations, "hearth_cold_starts_total", kCounter, "function", "attempts that a worker was made for",
     "faas.coldstarts"},
    {kInvocations, "hearth_throttles_total", kCounter, "function,reason",
     "events that found no slot in time, by the limit's name"},
    {kInvocations, "hearth_crashes_total", kCounter, "function,cause",
     "workers that died under an attempt, its init included: signal, exit, out_of_memory, protocol (ended "
     "for what it sent)"},
    {kInvocations, "hearth_invoke_duration_seconds", kHistogram, "function",
     "time in the handler, of attempts that reached it", "faas.invoke_duration"},
    {kInvocations, "hearth_init_duration_seconds", kHistogram, "function", "time in the handler's init",
     "faas.init_duration"},
    {kInvocations, "hearth_restore_duration_seconds", kHistogram, "function",
     "time in the handler's after_restore, in a worker that starts from a snapshot"},
    {kInvocations, "hearth_queue_wait_seconds", kHistogram, "function",
     "from accepted to handed to a worker, without init; never billed"},
    {kInvocations, "hearth_platform_overhead_seconds", kHistogram, "function",
     "from accepted to answered, without queue wait, init and handler: what Hearth itself takes; never "
     "billed"},
    {kInvocations, "hearth_memory_usage_bytes", kHistogram, "function",
     "peak memory of the worker, of attempts for which it is known", "faas.mem_usage"},
    {kInvocations, "hearth_cpu_usage_seconds", kHistogram, "function",
     "processor time of an attempt, where it is known", "faas.cpu_usage"},
    {kInvocations, "hearth_events_under_way", kGauge, "",
     "events accepted and not yet answered, over all functions"},
    {kInvocations, "hearth_events_under_way_limit", kGauge, "", "how many may be"},

    {kWorkers, "hearth_workers", kGauge, "function,state", "workers by state"},
    {kWorkers, "hearth_workers_lent", kGauge, "",
     "workers that loops beside the first have now; hearth_workers counts them as busy"},
    {kWorkers, "hearth_worker_loans_total", kCounter, "", "workers that the first loop has lent to others"},
    {kWorkers, "hearth_reserved_spillover_total", kCounter, "function",
     "attempts that ran on demand since all workers that a commitment keeps were busy"},
    {kWorkers, "hearth_output_cut_bytes_total", kCounter, "function",
     "what functions printed and logged past log_invocation_kib of one attempt; not kept"},
    {kWorkers, "hearth_worker_idle_cpu_seconds_total", kCounter, "function",
     "processor time that workers used while they had no event, before they were frozen; not billed"},
    {kWorkers, "hearth_blank_sandboxes", kGauge, "state",
     "sandboxes made ahead for workers that have one each, by state: wanted, ready; the platform's, not "
     "billed"},
    {kWorkers, "hearth_own_sandbox_starts_total", kCounter, "from",
     "workers started with a sandbox of their own, from: blank (it was made ahead), nothing"},
    {kWorkers, "hearth_egress_places", kGauge, "state",
     "sandboxes with a way out of their network namespace, by state: in_use, all (that egress_pool has "
     "addresses "
     "for; 0: this host gives none)"},
    {kWorkers, "hearth_worker_start_seconds", kHistogram, "function",
     "from asking for a worker to a started process, before init"},

    {kBilling, "hearth_billed_duration_seconds_total", kCounter, "function,plan", "billed duration"},
    {kBilling, "hearth_billed_gb_seconds_total", kCounter, "function,plan",
     "billed duration times configured memory"},
    {kBilling, "hearth_billed_requests_total", kCounter, "function,plan", "billed attempts"},

    {kEvents, "hearth_async_events_total", kCounter, "function,result",
     "accepted; of those: succeeded, retried (each time), dropped (failed for the last time, or its version "
     "is gone)"},
    {kEvents, "hearth_async_destinations_total", kCounter, "function,result",
     "messages to destinations and dead-letter queues of asynchronous events: sent, failed (it is not there, "
     "or "
     "refuses)"},
    {kEvents, "hearth_async_events_waiting", kGauge, "function",
     "stored events that wait for a worker or a retry"},
    {kEvents, "hearth_async_events_running", kGauge, "function", "stored events under way"},
    {kEvents, "hearth_async_event_age_seconds", kGauge, "function",
     "age of the oldest stored event that could run now; 0 when there is none"},

    {kQueues, "hearth_queue_messages", kGauge, "queue,state",
     "messages by state: visible, in_flight, delayed"},
    {kQueues, "hearth_queue_oldest_message_age_seconds", kGauge, "queue",
     "age of the oldest visible message; 0 when there is none"},
    {kQueues, "hearth_queue_sent_total", kCounter, "queue", "messages sent"},
    {kQueues, "hearth_queue_received_total", kCounter, "queue", "messages received, again or first"},
    {kQueues, "hearth_queue_deleted_total", kCounter, "queue", "messages deleted"},
    {kQueues, "hearth_queue_dead_lettered_total", kCounter, "queue",
     "messages moved to the dead-letter queue, having been received too often"},
    {kQueues, "hearth_queue_move_tasks", kGauge, "queue,state",
     "of a dead-letter queue, its last 10 tasks of moving messages back: running, completed, cancelling, "
     "cancelled, failed"},

    {kBuckets, "hearth_bucket_file_events_total", kCounter, "bucket,source",
     "finished files seen: notify (told by inotify), scan (found by reconciling; nothing had told of them)"},
    {kBuckets, "hearth_bucket_objects_total", kCounter, "bucket,result",
     "what became of objects: succeeded, failed (for good), retried and throttled (each time)"},
    {kBuckets, "hearth_bucket_objects_under_way", kGauge, "bucket", "objects seen and not yet settled"},
    {kBuckets, "hearth_bucket_objects_running", kGauge, "bucket", "of those, objects whose function runs"},
    {kBuckets, "hearth_bucket_lag_seconds", kGauge, "bucket",
     "since the oldest object that is not settled was noticed; 0 when there is none"},
    {kBuckets, "hearth_bucket_overflows_total", kCounter, "bucket",
     "overflows of the kernel's queue of notifications: each made a scan"},
    {kBuckets, "hearth_bucket_receipts", kGauge, "bucket", "receipts kept: a file and a function each"},
    {kBuckets, "hearth_bucket_state", kGauge, "bucket,state",
     "1 for the state that the watch is in: Missing, Scanning, Watching, Polling, Stopped"},

    {kLedger, "hearth_ledger_records_total", kCounter, "",
     "entries appended since the daemon started, of every kind"},
    {kLedger, "hearth_ledger_conflicts_total", kCounter, "",
     "records refused since another of the same invocation and attempt is there; must be 0"},
    {kLedger, "hearth_ledger_writable", kGauge, "",
     "1 while the ledger takes records; at 0 new work is refused with 503"},
    {kLedger, "hearth_ledger_bytes", kGauge, "", "size of all segments"},
    {kLedger, "hearth_ledger_unsynced_records", kGauge, "",
     "records that kill -9 would leave and power loss would take"},
    {kLedger, "hearth_ledger_sync_seconds", kHistogram, "", "time that a group's sync and chain took"},

    {kStores, "hearth_store_commits_total", kCounter, "store",
     "transactions: registry, receipts, queues, events"},
    {kStores, "hearth_store_commit_failures_total", kCounter, "store",
     "of those, groups of which nothing was stored"},
    {kStores, "hearth_store_group_operations", kHistogram, "store", "operations that shared a transaction"},
    {kStores, "hearth_store_commit_seconds", kHistogram, "store",
     "time that a transaction took, its sync included"},

    {kHttp, "hearth_http_connections", kGauge, "server", "open connections: data, control"},
    {kHttp, "hearth_http_connections_total", kCounter, "server,result",
     "connections: accepted, refused (over the limit)"},
    {kHttp, "hearth_http_requests_total", kCounter, "server,result",
     "requests: handled, refused (malformed, over a limit, not allowed, or the daemon was not ready)"},
    {kHttp, "hearth_loop_connections", kGauge, "loop",
     "open connections of the data plane, by loop (0: the first, which does everything else too)"},
    {kHttp, "hearth_loop_requests_total", kCounter, "loop",
     "requests of the data plane that a loop has handled"},
    {kHttp, "hearth_http_answers_total", kCounter, "server,code", "answers by class: 2xx, 3xx, 4xx, 5xx"},

    {kDaemon, "hearth_build_info", kGauge, "version", "1"},
    {kDaemon, "hearth_functions", kGauge, "", "functions deployed"},
    {kDaemon, "hearth_loop_lag_seconds", kHistogram, "",
     "how late a timer of 200 ms came: the loop was busy that long (up to 1 ms is the timer's resolution)"},
    {kDaemon, "hearth_scrape_seconds", kGauge, "part",
     "what the scrape before this one took: loop (held up the loop), render (on its thread)"},
    {kDaemon, "hearth_scrape_samples", kGauge, "", "samples of the scrape before this one"},
    {kDaemon, "process_cpu_seconds_total", kCounter, "", "processor time of hearthd itself, without workers"},
    {kDaemon, "process_resident_memory_bytes", kGauge, "", "resident memory of hearthd"},
    {kDaemon, "process_virtual_memory_bytes", kGauge, "", "virtual memory of hearthd"},
    {kDaemon, "process_open_fds", kGauge, "", "open file descriptors of hearthd"},
    {kDaemon, "process_max_fds", kGauge, "", "how many it may open"},
    {kDaemon, "process_start_time_seconds", kGauge, "", "when hearthd started, in seconds since 1970"},
});
}  // namespace metric_table

inline constexpr std::span<const MetricDefinition> kMetrics = metric_table::kMetrics;
inline constexpr size_t kMetricCount = metric_table::kMetrics.size();

constexpr size_t LabelCount(const MetricDefinition& metric) {
  size_t count = metric.labels.empty() ? 0 : 1;
  for (const char c : metric.labels) count += c == ',';
  return count;
}

// A metric by its name, found while compiling: a name that has no row does not compile.
class MetricRef final {
 public:
  template <size_t N>
  consteval MetricRef(const char (&name)[N])  // NOLINT(google-explicit-constructor)
      : index_(IndexOf(std::string_view(name, N - 1))) {}
  constexpr size_t index() const { return index_; }
  constexpr const MetricDefinition& definition() const { return kMetrics[index_]; }

 private:
  static size_t ThisMetricHasNoRowInTheTable();  // not constexpr: to be reached is a compile error
  static consteval size_t IndexOf(std::string_view name) {
    for (size_t i = 0; i < kMetricCount; ++i) {
      if (metric_table::kMetrics[i].name == name) return i;
    }
    return ThisMetricHasNoRowInTheTable();
  }
  size_t index_;
};

}  // namespace hearth
