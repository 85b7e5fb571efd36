#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "runtime/base/random.h"
#include "runtime/control/control_api.h"
#include "runtime/control/log_history.h"
#include "runtime/control/platform_log.h"
#include "runtime/control/pool_status.h"
#include "runtime/control/queue_metrics.h"
#include "runtime/daemon/config.h"
#include "runtime/daemon/daemon_metrics.h"
#include "runtime/daemon/live_backup.h"
#include "runtime/daemon/loop_set.h"
#include "runtime/daemon/loop_slots.h"
#include "runtime/http/route_table.h"
#include "runtime/http/server.h"
#include "runtime/loop/work_thread.h"
#include "runtime/meter/account.h"
#include "runtime/meter/bill_closer.h"
#include "runtime/meter/budget_watch.h"
#include "runtime/meter/ledger_upkeep.h"
#include "runtime/meter/meter.h"
#include "runtime/meter/node_hours.h"
#include "runtime/pool/cpu_hosts.h"
#include "runtime/pool/pool_set.h"
#include "runtime/pool/sandbox_host.h"
#include "runtime/registry/event_invoke_configs.h"
#include "runtime/registry/function_registry.h"
#include "runtime/registry/secret_store.h"
#include "runtime/router/alias_watch.h"
#include "runtime/router/async_events.h"
#include "runtime/router/committed_capacity.h"
#include "runtime/router/destinations.h"
#include "runtime/router/function_calls.h"
#include "runtime/router/function_destination.h"
#include "runtime/router/queue_destination.h"
#include "runtime/router/router.h"
#include "runtime/store/data_folder.h"
#include "runtime/store/sqlite_key_store.h"
#include "runtime/store/sqlite_queue_store.h"
#include "runtime/telemetry/log_store.h"
#include "runtime/telemetry/loop_lag.h"
#include "runtime/telemetry/metrics.h"
#include "runtime/telemetry/process_source.h"
#include "triggers/bucket/bucket_door.h"
#include "triggers/bucket/bucket_trigger.h"
#include "triggers/http/route_trigger.h"
#include "triggers/http/url_trigger.h"
#include "triggers/queue/queue_trigger.h"

namespace hearth {

// The composition root: makes every part, joins them, starts and stops them in order. It decides nothing
// itself.
//
// Owns:    everything but loop, clock and log, which main gives it. Members stand in the order in which they
//          are made; each borrows only from those above it.
// Thread:  loop thread.
// Failure: Open() and Start() say which part could not, and why.
class Daemon final : private PoolStatusSource, private RegistryObserver, private InvocationObserver {
 public:
  // Opens the data folder: refused while another daemon has it, or when a newer one wrote it.
  static Result<std::unique_ptr<Daemon>> Open(const Config& config, Loop& loop, Log& log);
  ~Daemon() override;

  // `started` runs once everything works and the ports are open; with an error, the daemon is to be
  // destroyed.
  void Start(std::function<void(hearth::Status)> started);
  // No new work; what is under way is finished, the ledger synced; then `stopped` runs.
  void Stop(std::function<void()> stopped);
  uint16_t data_port() const { return data_server_ ? data_server_->port() : 0; }
  uint16_t control_port() const { return control_server_ ? control_server_->port() : 0; }

 private:
  static constexpr seconds kPricesAgain{1};  // a ledger without room for the prices is asked again

  using Done = std::function<void(hearth::Status)>;
  struct Step {
    std::string what;  // for who asks meanwhile
    std::function<void(Done)> run;
  };
  enum class Phase { kStarting, kReady, kStopping };

  Daemon(const Config& config, Loop& loop, Log& log);
  hearth::Status OpenData();
  hearth::Status OpenPorts();
  hearth::Status OpenLedger();
  hearth::Status OpenAccount();
  hearth::Status UsePrices(const std::string& book);
  hearth::Status OpenRuntime();
  void OpenEvents();
  hearth::Status OpenTriggers();
  hearth::Status OpenLoops();
  void TellLoopsWhatIsDeployed();
  void RunSteps(std::shared_ptr<std::vector<Step>> steps, size_t next, Done done);
  void StartSandboxes(Done done);
  void AddFigures();
  hearth::Status MountControl();
  hearth::Status WriteReadyFile() const;
  std::vector<HearthStatus::Check> Readiness() const;
  HearthStatus::Check BucketsCheck() const;
  HearthStatus::Check ProvisionedCheck() const;
  std::optional<http::Response> HealthAnswer(const http::Request& head) const;
  void OnQueueVisible(std::string_view queue);
  std::vector<Trigger*> Triggers();
  NodeMemory MemoryNow() const;
  void DrainTriggers(std::function<void()> drained);
  void DrainServers(std::function<void()> drained);

  std::vector<PoolStatus> Status() const override;
  std::vector<UnusableMount> UnusableMounts() const override;
  std::vector<ChosenIsolation> ChosenIsolations() const override;
  BlankSandboxes Blanks() const override;
  bool UseBlanks() const;
  void OnReplacing(const FunctionVersionPtr& serving, const FunctionVersionPtr& next,
                   std::function<void(hearth::Status)> ready) override {
    router_->OnReplacing(serving, next, std::move(ready));
  }
  void OnNotReplaced(const FunctionVersionPtr& next) override { router_->OnNotReplaced(next); }
  void OnPlaced(const FunctionVersionPtr& version) override;
  void OnSnapshot(const FunctionVersionPtr& version, nanoseconds init) override;
  void OnReplaced(const FunctionVersionPtr& old_version, const FunctionVersionPtr& new_version) override;
  // What the router and the meter see is for metrics and for the functions' logs.
  void OnInvocationStarted(const FunctionVersion& version, const Event& event) override;
  void OnScalingChanged(const std::string& function) override;
  void OnAliasesChanged(const std::string& function) override;
  void OnInvocationSettled(const InvocationRecord& record) override;
  void OnThrottled(std::string_view function, std::string_view reason) override;
  void OnOverhead(std::string_view function, nanoseconds overhead) override;
  void OnReservedSpillover(const FunctionVersion& version) override;

  // Constant after construction.
  Config config_;  // with the ports that were really opened
  // Borrowed.
  Loop& loop_;
  Log& log_;
  // Owned, lowest floor first.
  SystemRandom random_;
  DataFolder folder_;
  std::string auth_token_;
  http::RouteTable data_routes_;
  http::RouteTable control_routes_;
  std::unique_ptr<http::Server> data_server_;
  std::unique_ptr<http::Server> control_server_;
  Metrics metrics_;
  ProcessSource process_figures_;
  LoopLag loop_lag_;
  std::optional<QueueMetrics> queue_metrics_;
  std::unique_ptr<LogFiles> log_files_;
  LogStore logs_;
  PlatformLog platform_log_;
  std::unique_ptr<SqliteKeyStore> keys_;
  std::unique_ptr<SqliteKeyStore> receipts_;
  std::unique_ptr<SqliteKeyStore> invocations_;  // asynchronous ones: what is known of them
  std::unique_ptr<SqliteQueueStore> queues_;     // what users see
  std::unique_ptr<SqliteQueueStore> events_;     // asynchronous invocations
  std::unique_ptr<LedgerLog> ledger_;
  LoopSlots loop_slots_;
  std::unique_ptr<Meter> meter_;
  std::unique_ptr<LedgerUpkeep> upkeep_;
  std::unique_ptr<Account> account_;
  std::unique_ptr<WorkThread> rating_;
  std::unique_ptr<BillMaker> bills_;
  std::unique_ptr<LogHistory> history_;
  std::unique_ptr<BudgetWatch> budgets_;
  std::unique_ptr<BillCloser> closer_;
  Timer prices_again_;
  CgroupDiscovery cgroups_;
  std::optional<BusyLanes> lanes_;
  std::optional<WorkerContext> workers_;
  std::unique_ptr<SandboxHost> sandboxes_;
  std::unique_ptr<CodeFolders> code_;
  std::unique_ptr<SecretStore> secrets_;
  std::unique_ptr<FunctionRegistry> registry_;
  std::unique_ptr<PoolSet> pools_;
  std::optional<DiskGuard> disk_;
  std::optional<AliasWatch> alias_watch_;
  std::unique_ptr<Router> router_;
  std::optional<FunctionCalls> calls_;  // of handlers; told by workers, which go with the router
  std::unique_ptr<CpuHosts> cpu_hosts_;
  std::unique_ptr<CommittedCapacity> committed_;
  std::unique_ptr<NodeHours> node_hours_;
  std::optional<EventInvokeConfigs> invoke_configs_;
  std::optional<QueueDestination> queue_destination_;
  std::optional<FunctionDestination> function_destination_;
  Destinations destinations_{loop_};
  std::optional<InvocationBook> book_;
  std::unique_ptr<AsyncEvents> async_;
  std::unique_ptr<UrlTrigger> urls_;
  std::unique_ptr<RouteTrigger> routes_;
  std::unique_ptr<QueueTrigger> mappings_;
  std::unique_ptr<BucketTrigger> buckets_;
  std::unique_ptr<BucketDoor> door_;
  std::unique_ptr<LoopSet> loops_;  // beside this one; null: there are none
  std::unique_ptr<DaemonMetrics> figures_;
  std::optional<LiveBackup> backups_;
  std::unique_ptr<ControlApi> control_;
  Phase phase_ = Phase::kStarting;
  std::string starting_with_;
};

}  // namespace hearth
