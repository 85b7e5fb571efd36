#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "runtime/control/access_guard.h"
#include "runtime/control/hearth_backup.h"
#include "runtime/control/hearth_bill.h"
#include "runtime/control/hearth_budgets.h"
#include "runtime/control/hearth_commitments.h"
#include "runtime/control/hearth_documents.h"
#include "runtime/control/hearth_invocations.h"
#include "runtime/control/hearth_ledger.h"
#include "runtime/control/hearth_logs.h"
#include "runtime/control/hearth_queues.h"
#include "runtime/control/hearth_scaling.h"
#include "runtime/control/hearth_secrets.h"
#include "runtime/control/hearth_status.h"
#include "runtime/control/lambda_aliases.h"
#include "runtime/control/lambda_event_invoke.h"
#include "runtime/control/lambda_functions.h"
#include "runtime/control/lambda_invoke.h"
#include "runtime/control/lambda_layers.h"
#include "runtime/control/lambda_mappings.h"
#include "runtime/control/lambda_provisioned.h"
#include "runtime/control/lambda_tags.h"
#include "runtime/control/lambda_urls.h"
#include "runtime/control/sqs_api.h"
#include "runtime/http/connection.h"
#include "runtime/http/route_table.h"
#include "runtime/telemetry/metrics.h"

namespace hearth {

// What the control API works on. All outlive it.
struct ControlParts {
  FunctionRegistry& registry;
  EventSink& sink;
  QueueStore& queues;
  KeyStore& keys;
  const Meter& meter;
  Account& account;
  BillMaker& bills;
  BudgetWatch& budgets;
  LogStore& logs;
  LogHistory* history;  // null: logs reach as far as memory
  Metrics& metrics;
  const PoolStatusSource& pool;
  AsyncEvents& events;
  InvocationBook& invocations;
  EventInvokeConfigs& invoke_configs;
  Destination& destinations;
  TriggersByKind triggers;  // "url", "queue", "bucket" and "route" must be there
  Executor& executor;
  Random& random;
};

// The control plane: Lambda's REST API, SQS's two protocols, and our own resources under /_hearth/v1/, on one
// route table.
//
// Owns:    its routes and the handlers of each resource family. Owned by the daemon.
// Borrows: ControlParts, the route table.
// Thread:  loop thread.
// Failure: a request that the guard refuses is 403 with the reason, whatever its path.
// Promise: no handler runs after the destructor returns. The registry, queue store, triggers and sink may
//          still hold callbacks into it: they must be drained, or gone, before it is.
class ControlApi final {
 public:
  struct Options {
    AccessGuard::Options access;
    ControlInfo info;
    HearthStatus::Readiness readiness;  // empty: always ready
    size_t concurrency_max = 1000;      // events under way at once
    BackupMaker* backups = nullptr;     // outlives the API; null: there are none
    std::function<Status()> new_work;  // asked before code is deployed or a message sent; empty: always taken
  };

  static Result<std::unique_ptr<ControlApi>> Mount(http::RouteTable& routes, ControlParts parts,
                                                   Options options);

  // A message may have become visible in `queue`: the store's one observer is fanned out by the daemon.
  void OnQueueVisible(std::string_view queue) { sqs_.OnQueueVisible(queue); }
  // Ends the answers that follow a log, which would end only with their clients, and those that wait: for a drain.
  void EndFollows() {
    logs_.EndFollows();
    invocations_.EndWaits();
  }
  // The same guard for the server, so that a stranger's body is not even read. It may outlive the API.
  http::RequestFilter Filter() const;

 private:
  using Handle = std::function<void(const ApiCallPtr&)>;

  ControlApi(ControlParts parts, Options options);

  Status MountAll(http::RouteTable& routes);
  Status MountFunctions(http::RouteTable& routes);
  Status MountFunctionParts(http::RouteTable& routes);
  Status MountFiles(http::RouteTable& routes);
  Status MountEvents(http::RouteTable& routes);
  Status MountMappings(http::RouteTable& routes);
  Status MountAccount(http::RouteTable& routes);
  Status MountSqs(http::RouteTable& routes);
  Status MountHearth(http::RouteTable& routes);
  Status MountBilling(http::RouteTable& routes);
  Status MountDocuments(http::RouteTable& routes, const std::string& path, HearthDocuments& documents);
  Status Add(http::RouteTable& routes, std::string_view route, Handle handle,
             http::RouteOptions options = {});
  http::Handler Guarded(Handle handle);
  Handle NewWork(Handle handle) const;

  void AccountSettings(const ApiCallPtr& call);
  void CodeSigningConfig(const ApiCallPtr& call);

  // Constant after construction.
  const size_t concurrency_max_;
  const std::function<Status()> new_work_;
  const std::shared_ptr<const AccessGuard> guard_;
  // Borrowed.
  FunctionRegistry& registry_;
  Metrics& metrics_;
  Random& random_;
  const TriggersByKind triggers_;
  // Mutable.
  LambdaFunctions functions_;
  LambdaTags tags_;
  LambdaProvisioned provisioned_;
  LambdaInvoke invoke_;
  LambdaEventInvoke event_invoke_;
  LambdaAliases aliases_;
  LambdaLayers layers_;
  LambdaUrls urls_;
  LambdaMappings mappings_;
  SqsApi sqs_;
  HearthBill bill_;
  HearthCommitments commitments_;
  HearthBudgets budgets_;
  HearthLedger ledger_;
  HearthBackup backup_;
  HearthInvocations invocations_;
  HearthLogs logs_;
  HearthScaling scaling_;
  HearthSecrets secrets_;
  HearthStatus status_;
  HearthQueues queues_;
  HearthDocuments buckets_;
  HearthDocuments routes_;
  std::vector<http::RouteLease> leases_;
  WeakPtrFactory<ControlApi> weak_{this};
};

}  // namespace hearth
