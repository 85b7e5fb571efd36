#include "runtime/daemon/daemon.h"

#include <unistd.h>

#include <algorithm>
#include <climits>
#include <utility>

#include <nlohmann/json.hpp>

#include "runtime/base/files.h"
#include "runtime/daemon/service_manager.h"
#include "runtime/http/error_response.h"
#include "runtime/router/event_codec.h"
#include "runtime/router/snapshot_bill.h"

namespace hearth {
namespace {

constexpr uint32_t kUidFirst = 100'000;  // as root, functions get uids of their own from here
constexpr uint32_t kUidCount = 10'000;

Result<std::string> FolderOfThisProgram() {
  char path[PATH_MAX];
  const ssize_t n = ::readlink("/proc/self/exe", path, sizeof path - 1);
  if (n < 0) return ErrnoError("read /proc/self/exe");
  std::string text(path, n);
  return text.substr(0, text.rfind('/'));
}

// bin/hearthd and libexec/hearth/hearth-launcher, in the installed tree as in the build tree.
Result<std::string> FindLauncher() {
  HEARTH_ASSIGN(const std::string here, FolderOfThisProgram());
  const std::string path = here + "/../libexec/hearth/hearth-launcher";
  if (PathExists(path)) return path;
  return Error{ErrorCode::kMisconfigured, "hearth-launcher is not where it belongs: " + path};
}

Result<std::string> ReadToken(const std::string& path) {
  if (path.empty()) return std::string();
  HEARTH_ASSIGN(std::string token, ReadFile(path));
  while (!token.empty() && (token.back() == '\n' || token.back() == '\r' || token.back() == ' '))
    token.pop_back();
  if (token.empty()) return Error{ErrorCode::kMisconfigured, "--auth-token-file " + path + " is empty"};
  return token;
}

Result<std::string> ReadPriceBook(const std::string& path) {
  if (path.empty()) return std::string(ShippedPriceBookJson());
  return ReadFile(path);
}

std::string Address(const ListenAddress& address) {
  return address.host + ":" + std::to_string(address.port);
}

std::vector<std::string> Lines(const std::string& text) {
  std::vector<std::string> lines;
  for (size_t begin = 0; begin < text.size();) {
    const size_t end = std::min(text.find('\n', begin), text.size());
    lines.push_back(text.substr(begin, end - begin));
    begin = end + 1;
  }
  return lines;
}

}  // namespace

Result<std::unique_ptr<Daemon>> Daemon::Open(const Config& config, Loop& loop, Log& log) {
  std::unique_ptr<Daemon> daemon(new Daemon(config, loop, log));
  HEARTH_TRY(daemon->OpenData());
  HEARTH_TRY(daemon->OpenPorts());
  HEARTH_TRY(daemon->OpenLedger());
  HEARTH_TRY(daemon->OpenRuntime());
  HEARTH_TRY(daemon->OpenTriggers());
  HEARTH_TRY(daemon->OpenLoops());
  daemon->AddFigures();
  return daemon;
}

Daemon::Daemon(const Config& config, Loop& loop, Log& log)
    : config_(config),
      loop_(loop),
      log_(log),
      metrics_(loop, {.is_deployed =
                          [this](std::string_view function, std::string_view version) {
                            return registry_ &&
                                   registry_->Resolve(std::string(function), std::string(version)).ok();
                          }}),
      process_figures_(loop.clock()),
      loop_lag_(loop),
      logs_(PlatformLog::WithPlatformLines({.settings_of =
                                                [this](std::string_view function, std::string_view version) {
                                                  return registry_
                                                             ? registry_->LogSettingsOf(std::string(function),
                                                                                        std::string(version))
                                                             : LogSettings{};
                                                }})),
      platform_log_(
          logs_, [this] { return ledger_->size() - 1; }, loop.clock()) {}

Daemon::~Daemon() = default;

hearth::Status Daemon::OpenData() {
  if (config_.loops == 0) config_.loops = std::clamp(LoopThread::Processors(), 1u, kLoopsMax);
  HEARTH_ASSIGN(folder_, DataFolder::Open(config_.data_dir, HEARTH_VERSION));
  config_.data_dir = folder_.path();  // absolute: buckets and code below it are named to other processes
  HEARTH_ASSIGN(auth_token_, ReadToken(config_.auth_token_file));
  HEARTH_TRY(MakeFolders(config_.data_dir + "/ledger"));
  HEARTH_TRY(MakeFolders(config_.data_dir + "/code"));
  HEARTH_ASSIGN(keys_, SqliteKeyStore::Open(config_.data_dir + "/registry.db", loop_, {}));
  HEARTH_ASSIGN(receipts_, SqliteKeyStore::Open(config_.data_dir + "/receipts.db", loop_, {}));
  HEARTH_ASSIGN(invocations_, SqliteKeyStore::Open(config_.data_dir + "/invocations.db", loop_, {}));
  HEARTH_ASSIGN(queues_, SqliteQueueStore::Open(config_.data_dir + "/queues.db", loop_, {}));
  SqliteQueueStore::Options of_events;
  of_events.message_bytes_max = kStoredEventBytesMax;
  HEARTH_ASSIGN(events_,
                SqliteQueueStore::Open(config_.data_dir + "/events.db", loop_, std::move(of_events)));
  LogFiles::Options log_options;
  log_options.folder = config_.data_dir + "/logs";
  log_options.function_max = Bytes{config_.log_function_mib << 20};
  log_options.total_max = Bytes{config_.log_total_mib << 20};
  log_options.age_max = config_.log_keep;
  HEARTH_ASSIGN(log_files_, LogFiles::Open(log_options, loop_));
  logs_.SetFiles(*log_files_);
  events_->SetOnVisible([this](std::string_view queue) {
    if (async_) async_->OnQueueVisible(queue);
  });
  queues_->SetOnVisible([this](std::string_view queue) { OnQueueVisible(queue); });
  metrics_.AddSource(queue_metrics_.emplace(*queues_));
  return Ok();
}

// Open from the beginning, so that the ports are known to all that is made later; until everything works, the
// answer is 503.
hearth::Status Daemon::OpenPorts() {
  const auto starting = [this](const http::Request&) -> std::optional<http::Response> {
    if (phase_ == Phase::kReady) return std::nullopt;
    if (phase_ == Phase::kStopping)
      return http::ErrorResponse(503, "Stopping", "hearthd is stopping; try again in a moment");
    return http::ErrorResponse(503, "Starting", "hearthd is starting; try again in a moment");
  };
  http::ServerOptions data;
  data.limits.body_max = Bytes{config_.payload_bytes_max};
  data.filter = starting;
  HEARTH_ASSIGN(data_server_, http::Server::Create(loop_, config_.data_listen, data_routes_, log_, data));
  http::ServerOptions control;
  // A little more than an event may have, so that what is just over is refused in Lambda's own words.
  control.limits.body_max = Bytes{config_.payload_bytes_max + (1_MiB).count};
  control.filter = [this, starting](const http::Request& head) -> std::optional<http::Response> {
    if (auto refusal = starting(head)) return HealthAnswer(head).value_or(std::move(*refusal));
    return control_->Filter()(head);
  };
  // Whoever asks after an answer sees it in the bill, the metrics and the logs, whichever loop gave it.
  if (config_.loops > 1) {
    control.prelude = [this](std::function<void()> handle) {
      if (!loops_) return handle();
      loops_->CatchUp(std::move(handle));
    };
  }
  HEARTH_ASSIGN(control_server_,
                http::Server::Create(loop_, config_.control_listen, control_routes_, log_, control));
  config_.data_listen.port = data_server_->port();
  config_.control_listen.port = control_server_->port();
  return Ok();
}

hearth::Status Daemon::OpenLedger() {
  LedgerLog::Options options;
  options.folder = config_.data_dir + "/ledger";
  options.sync_linger = config_.ledger_sync;
  options.segment_bytes = config_.ledger_segment_mib << 20;
  HEARTH_ASSIGN(LedgerLog::Opened opened, LedgerLog::Open(options, loop_));
  if (opened.report.bytes_dropped > 0)
    log_.Warn("the ledger ended in the middle of a record", {{"detail", opened.report.detail}});
  ledger_ = std::move(opened.log);
  Meter::Options meter_options;
  meter_options.boot_id = random_.Next64();
  HEARTH_ASSIGN(OpenSlots::Opened slots,
                OpenSlots::Open(config_.data_dir + "/ledger/open.slots", config_.concurrency_max));
  HEARTH_ASSIGN(loop_slots_,
                LoopSlots::Open(config_.data_dir + "/ledger", config_.loops - 1, config_.concurrency_max));
  HEARTH_ASSIGN(Meter::Opened meter,
                Meter::Open(*ledger_, meter_options, std::move(slots), loop_slots_.all()));
  HEARTH_TRY(loop_slots_.RemoveSpent());
  if (meter.report.settled > 0) {
    log_.Info("records were on their way from other loops when hearthd ended; they are in the ledger now",
              {{"records", std::to_string(meter.report.settled)}});
  }
  if (meter.report.interrupted > 0) {
    log_.Warn("attempts were under way when hearthd ended; they are recorded as interrupted, not billed",
              {{"attempts", std::to_string(meter.report.interrupted)}});
  }
  if (meter.report.not_known > 0)
    log_.Error("what was under way when hearthd ended is not fully known", {{"detail", meter.report.detail}});
  if (meter.report.unreadable > 0)
    log_.Error("the ledger has records that cannot be read", {{"first", meter.report.detail}});
  meter_ = std::move(meter.meter);
  meter_->AddObserver(static_cast<InvocationObserver&>(*this));
  upkeep_ = std::make_unique<LedgerUpkeep>(LedgerUpkeep::Options{.keep = config_.ledger_keep}, *ledger_,
                                           *meter_, loop_, log_);
  upkeep_->Start();
  return OpenAccount();
}

hearth::Status Daemon::OpenAccount() {
  HEARTH_ASSIGN(account_, Account::Open(*meter_, loop_.clock(), random_));
  HEARTH_ASSIGN(const std::string book, ReadPriceBook(config_.price_book));
  HEARTH_TRY(UsePrices(book));
  rating_ = std::make_unique<WorkThread>(loop_, "rating");
  bills_ = std::make_unique<BillMaker>(*meter_, *account_, loop_, *rating_);
  history_ = std::make_unique<LogHistory>(*log_files_, *meter_, loop_, *rating_);
  budgets_ = std::make_unique<BudgetWatch>(
      *account_, *bills_, loop_,
      [this](const Budget& budget, const BudgetSpent& spent, const Budget::Step& step) {
        log_.Warn("budget step reached", {{"budget", budget.name},
                                          {"step_percent", std::to_string(step.percent)},
                                          {"action", std::string(NameOf(step.action))},
                                          {"spent", ToString(spent.spent)},
                                          {"monthly", ToString(budget.monthly)}});
      });
  closer_ = std::make_unique<BillCloser>(*account_, *bills_, loop_, [this](const Error& error) {
    log_.Error("days and months could not be closed", {{"error", error.message}});
  });
  return Ok();
}

// A ledger without room is no reason not to start: nothing runs, and so nothing is rated, until it has some.
hearth::Status Daemon::UsePrices(const std::string& book) {
  const hearth::Status used = account_->UsePrices(book);
  if (used.ok()) return Ok();
  const Error error =
      used.error().WithContext(config_.price_book.empty() ? "shipped prices" : config_.price_book);
  if (error.code != ErrorCode::kUnavailable) return error;
  if (!prices_again_.armed()) log_.Error("prices are not in the ledger yet", {{"error", error.message}});
  prices_again_ = loop_.After(kPricesAgain, [this, book] {
    if (hearth::Status tried = UsePrices(book); !tried.ok())
      log_.Error("prices are not in the ledger", {{"error", tried.error().message}});
  });
  return Ok();
}

hearth::Status Daemon::OpenRuntime() {
  cgroups_ = DiscoverCgroups();
  WorkerSettings settings;
  settings.response_bytes_max = config_.response_bytes_max;
  settings.init_limit = config_.init_time_out;
  settings.idle_linger = config_.idle_linger;
  settings.output_bytes_max = config_.log_invocation_kib << 10;
  settings.zygote_forks_max = config_.zygote_forks_max;
  workers_.emplace(loop_, logs_, metrics_, settings);
  workers_->lanes = &lanes_.emplace(loop_);
  SandboxHost::Options sandbox_options;
  HEARTH_ASSIGN(sandbox_options.launcher, FindLauncher());
  sandbox_options.isolation_least = config_.isolation_least;
  // Nobody else can fill one: a folder of the host's would have to be mounted into a root that has been left.
  sandbox_options.blanks_max = ::geteuid() == 0 ? config_.blanks_max : 0;
  sandbox_options.launcher_arguments = ArgumentsOf(config_.egress);
  sandboxes_ = std::make_unique<SandboxHost>(
      sandbox_options, *workers_, *cgroups_.backend,
      [this](const std::string& bucket) { return buckets_->PathOf(bucket); },
      [this](const std::string& secret) { return secrets_->Read(secret); }, log_);
  HEARTH_ASSIGN(secrets_, SecretStore::Open(config_.data_dir + "/secrets", loop_));
  code_ = std::make_unique<CodeFolders>(config_.data_dir + "/code", loop_);
  FunctionRegistry::Options registry_options{config_.account, config_.region, 0, 0};
  if (::geteuid() == 0) registry_options.uid_first = kUidFirst, registry_options.uid_count = kUidCount;
  registry_ = std::make_unique<FunctionRegistry>(registry_options, *keys_, *code_, *sandboxes_, loop_.clock(),
                                                 random_);
  registry_->SetObserver(this);
  registry_->SetSecrets(secrets_.get());

  PoolSet::Options pool_options;
  pool_options.memory_total = Bytes{config_.memory_mib << 20};
  pool_options.limits.waiters_max = config_.waiters_max;
  pool_options.limits.workers_max = config_.concurrency_max;
  pool_options.limits.idle_time_out = config_.idle_time_out;
  pool_options.limits.spare_when_hot = config_.spare_when_hot;
  pool_options.limits.prefetch.events_max = config_.prefetch_max;
  pools_ = std::make_unique<PoolSet>(pool_options, *sandboxes_, loop_);
  sandboxes_->blanks().SetUsed([this] { return UseBlanks(); });
  sandboxes_->blanks().SetRoom(
      [this](uint32_t wanted) { return pools_->KeepForPlatform(wanted, kBlankMemory); });
  pools_->SetOnPlatformRoomTaken([this] { sandboxes_->blanks().OnRoomTaken(); });
  const Router::Limits limits{Bytes{config_.payload_bytes_max}, config_.concurrency_max,
                              config_.fsync_before_reply};
  InvocationObserver& observer = *this;
  router_ = std::make_unique<Router>(limits, *registry_, *pools_, *meter_, observer, loop_);
  calls_.emplace(*router_, random_, loop_);
  workers_->calls = &*calls_;
  workers_->call_bytes_max = config_.payload_bytes_max;
  cpu_hosts_ = std::make_unique<CpuHosts>(*cgroups_.backend, KeepThisProcessOn);
  committed_ =
      std::make_unique<CommittedCapacity>(CommittedCapacity::Options{config_.reserved_headroom_percent},
                                          account_->state(), *registry_, *pools_, *cpu_hosts_, loop_, log_);
  sandboxes_->SetCpuSetOf([this](const std::string& function) { return committed_->HostOf(function); });
  account_->SetPlacement(committed_.get());
  router_->SetBudgets(budgets_.get());
  disk_.emplace(config_.data_dir, Bytes{config_.disk_reserve_mib << 20}, DiskGuard::FreeOf(config_.data_dir),
                loop_, log_);
  router_->SetDisk(&*disk_);
  alias_watch_.emplace(*registry_, loop_, log_);
  node_hours_ = std::make_unique<NodeHours>(
      *account_, loop_, random_, [this] { return MemoryNow(); },
      [this](const Error& error) {
        log_.Error("where the node's memory was is not in the ledger yet", {{"error", error.message}});
      });
  OpenEvents();
  return Ok();
}

void Daemon::OpenEvents() {
  invoke_configs_.emplace(*keys_);
  queue_destination_.emplace(QueueDestination::Options{config_.account}, *queues_, loop_);
  function_destination_.emplace(*registry_, *router_, random_, loop_);
  destinations_.Add("sqs", *queue_destination_);
  destinations_.Add("lambda", *function_destination_);
  InvocationBook::Options kept;
  kept.kept_max = config_.invocations_kept;
  kept.kept_for = config_.invocations_kept_hours;
  kept.open_max = config_.async_events_max;
  book_.emplace(kept, *invocations_, loop_, log_);
  AsyncEvents::Options options;
  options.retry.retry_delay = config_.async_retry_delay;
  async_ = std::make_unique<AsyncEvents>(
      options, AsyncEvents::Parts{*events_, *router_, *meter_, *registry_, *invoke_configs_, *book_,
                                  destinations_, random_, log_, loop_});
  router_->SetAsyncEvents(async_.get());
}

hearth::Status Daemon::OpenTriggers() {
  const HttpInvoker::Identity identity{config_.account, config_.region};
  const std::string advertised = Address(config_.data_listen);
  HEARTH_ASSIGN(urls_,
                UrlTrigger::Create({identity, advertised}, data_routes_, *keys_, *router_, loop_, random_));
  routes_ = std::make_unique<RouteTrigger>(RouteTrigger::Options{identity, advertised}, data_routes_,
                                           urls_->endpoints(), *keys_, *router_, loop_, random_);
  mappings_ = std::make_unique<QueueTrigger>(
      loop_, *router_, *keys_, *queues_, random_, log_,
      QueueTrigger::Options{config_.region, config_.account, config_.payload_bytes_max});
  BucketTrigger::Options bucket_options;
  bucket_options.region = config_.region;
  bucket_options.account = config_.account;
  bucket_options.data_dir = config_.data_dir;
  bucket_options.destinations = &destinations_;
  const auto buckets_of = [this](const std::string& function) {
    const auto version = registry_->Resolve(function, "");
    return version.ok() ? (*version)->settings.buckets : std::vector<BucketMount>();
  };
  buckets_ = std::make_unique<BucketTrigger>(loop_, *router_, *keys_, *receipts_, random_, log_, buckets_of,
                                             bucket_options);
  BucketDoor::Options door_options{{config_.data_dir, config_.disk_reserve_mib << 20},
                                   [this] { return disk_->Check(); }};
  HEARTH_ASSIGN(door_, BucketDoor::Create(
                           loop_, data_routes_, random_,
                           [this](std::string_view bucket) { return buckets_->SettingsOf(bucket); },
                           std::move(door_options)));
  return Ok();
}

void Daemon::AddFigures() {
  figures_ = std::make_unique<DaemonMetrics>(DaemonMetrics::Parts{
      *sandboxes_, PlacesOf(config_.egress.plan.pool), *data_server_, *control_server_, *keys_, *receipts_,
      *queues_, *events_, *ledger_, *meter_, *registry_, *router_, *async_, *buckets_, loops_.get()});
  metrics_.AddSource(process_figures_);
  metrics_.AddSource(loop_lag_);
  metrics_.AddSource(*figures_);
}

hearth::Status Daemon::MountControl() {
  ControlApi::Options options;
  options.access.token = auth_token_;
  options.access.allowed_hosts = config_.allowed_hosts;
  options.access.allowed_hosts.push_back(config_.control_listen.host);
  options.info.version = HEARTH_VERSION;
  options.info.data_address = Address(config_.data_listen);
  options.info.control_address = Address(config_.control_listen);
  options.info.account = config_.account;
  options.info.region = config_.region;
  options.info.data_folder = config_.data_dir;
  options.info.isolation_level = static_cast<int>(sandboxes_->isolation_level());
  for (const std::string& line : Lines(sandboxes_->isolation_report())) {
    if (line.find(": missing") != std::string::npos) options.info.isolation_missing.push_back(line);
  }
  if (cgroups_.backend->freezer() == FreezerKind::kNone)
    options.info.isolation_missing.push_back(cgroups_.freezer_report);
  options.readiness = [this] { return Readiness(); };
  backups_.emplace(config_.data_dir, HEARTH_VERSION, *code_, *ledger_, loop_);
  options.backups = &*backups_;
  options.new_work = [this] { return disk_->Check(); };
  options.concurrency_max = config_.concurrency_max;
  ControlParts parts{*registry_,    *router_, *queues_,  *keys_, *meter_,
                     *account_,     *bills_,  *budgets_, logs_,  history_.get(),
                     metrics_,      *this,    *async_,   *book_, *invoke_configs_,
                     destinations_, {},       loop_,     random_};
  for (Trigger* trigger : Triggers()) parts.triggers.emplace(std::string(trigger->kind()), trigger);
  HEARTH_ASSIGN(control_, ControlApi::Mount(control_routes_, parts, std::move(options)));
  return Ok();
}

void Daemon::Start(Done started) {
  if (loops_) loops_->Start();
  auto steps = std::make_shared<std::vector<Step>>();
  const auto add = [&steps](std::string what, std::function<void(Done)> run) {
    steps->push_back({std::move(what), std::move(run)});
  };
  add("the launcher starts", [this](Done done) { StartSandboxes(std::move(done)); });
  add("functions are read", [this](Done done) {
    registry_->Load([this, done = std::move(done)](const hearth::Status& loaded) {
      if (loaded.ok()) TellLoopsWhatIsDeployed();
      done(loaded);
    });
  });
  add("settings of asynchronous invocations are read",
      [this](Done done) { invoke_configs_->Load(std::move(done)); });
  add("asynchronous invocations are read", [this](Done done) { book_->Load(std::move(done)); });
  add("the control plane is mounted", [this](Done done) {
    committed_->Hold();
    done(MountControl());
  });
  for (Trigger* trigger : Triggers()) {
    add("the " + std::string(trigger->kind()) + " trigger starts",
        [trigger](Done done) { trigger->Start(std::move(done)); });
  }
  // After the buckets, which workers may mount.
  add("provisioned workers are initialised",
      [this](Done done) { committed_->Warm([done = std::move(done)] { done(Ok()); }); });
  add("asynchronous events are taken up", [this](Done done) { async_->Start(std::move(done)); });
  add("the last of it", [this](Done done) {
    phase_ = Phase::kReady;
    if (loops_) loops_->Listen();
    sandboxes_->blanks().Review();
    budgets_->Start();
    closer_->Start();
    node_hours_->Start();
    done(WriteReadyFile());
  });
  RunSteps(steps, 0, std::move(started));
}

void Daemon::RunSteps(std::shared_ptr<std::vector<Step>> steps, size_t next, Done done) {
  if (next == steps->size()) return done(Ok());
  starting_with_ = (*steps)[next].what;
  (*steps)[next].run([this, steps, next, done](hearth::Status finished) {
    if (!finished.ok()) return done(std::move(finished));
    RunSteps(steps, next + 1, done);
  });
}

void Daemon::StartSandboxes(Done done) {
  sandboxes_->Start([this, done = std::move(done)](hearth::Status started) {
    if (!started.ok()) return done(std::move(started));
    log_.Info("isolation level " + std::to_string(sandboxes_->isolation_level()) + " (--min-isolation " +
              std::to_string(config_.isolation_least) + ")");
    for (const std::string& line : Lines(sandboxes_->isolation_report())) log_.Info(line);
    if (!cgroups_.backend->limits_memory()) log_.Warn(cgroups_.report);
    const bool freezes = cgroups_.backend->freezer() != FreezerKind::kNone;
    log_.Write(freezes ? LogLevel::kInfo : LogLevel::kWarn, cgroups_.freezer_report);
    done(Ok());
  });
}

hearth::Status Daemon::WriteReadyFile() const {
  log_.Info("ready", {{"data", "http://" + Address(config_.data_listen)},
                      {"control", "http://" + Address(config_.control_listen)},
                      {"data_dir", config_.data_dir}});
  if (const hearth::Status told = TellServiceManager("READY=1"); !told.ok())
    log_.Warn("the service manager was not told", {{"why", told.error().message}});
  if (config_.ready_file.empty()) return Ok();
  const nlohmann::json ready = {{"pid", ::getpid()},
                                {"data_port", config_.data_listen.port},
                                {"control_port", config_.control_listen.port}};
  return WriteFileAtomically(config_.ready_file, ready.dump() + "\n");
}

void Daemon::OnQueueVisible(std::string_view queue) {
  if (mappings_) mappings_->OnQueueVisible(queue);
  if (control_) control_->OnQueueVisible(queue);
}

std::vector<Trigger*> Daemon::Triggers() {
  return {urls_.get(), routes_.get(), mappings_.get(), buckets_.get()};
}

void Daemon::OnPlaced(const FunctionVersionPtr& version) {
  if (loops_) loops_->OnPlaced(version);
  if (sandboxes_->UsesBlanks(*version)) sandboxes_->blanks().Review();
}

void Daemon::OnSnapshot(const FunctionVersionPtr& version, nanoseconds init) {
  InvocationRecord record = SnapshotRecord(*version, init, MakeUuid(random_), loop_.clock().WallNow(),
                                           committed_->HostOf(version->function));
  record.boot_id = meter_->boot_id();
  const auto recorded = meter_->Record(record);
  if (recorded.ok()) return;
  log_.Error("the init of a snapshot is not in the ledger, and not billed",
             {{"function", version->function}, {"error", recorded.error().message}});
}

void Daemon::OnReplaced(const FunctionVersionPtr& old_version, const FunctionVersionPtr& new_version) {
  if (sandboxes_->UsesBlanks(*old_version)) sandboxes_->blanks().Review();
  if (loops_ && new_version) loops_->OnPlaced(new_version);
  if (loops_ && !new_version) loops_->OnGone(*old_version);
  router_->OnReplaced(old_version, new_version);
  committed_->Apply();
  const bool function_gone = !new_version && old_version->version == "$LATEST";
  if (!new_version) {
    metrics_.ForgetVersion(old_version->function, old_version->version);
    invoke_configs_->Forget(old_version->function, function_gone ? "" : old_version->version);
  }
  if (!function_gone) return;
  for (Trigger* trigger : Triggers()) trigger->ForgetFunction(old_version->function);
  async_->ForgetFunction(old_version->function);
  metrics_.ForgetFunction(old_version->function);
  logs_.ForgetFunction(old_version->function);
  sandboxes_->ForgetFunction(old_version->function);
}

void Daemon::OnInvocationStarted(const FunctionVersion& version, const Event& event) {
  metrics_.OnInvocationStarted(version, event);
  platform_log_.OnInvocationStarted(version, event);
}

void Daemon::OnInvocationSettled(const InvocationRecord& record) {
  metrics_.OnInvocationSettled(record);
  platform_log_.OnInvocationSettled(record);
  if (alias_watch_ && record.init != InitKind::kSnapshot) alias_watch_->OnInvocationSettled(record);
}

void Daemon::OnThrottled(std::string_view function, std::string_view reason) {
  metrics_.OnThrottled(function, reason);
  platform_log_.OnThrottled(function, reason);
}

void Daemon::OnOverhead(std::string_view function, nanoseconds overhead) {
  metrics_.OnOverhead(function, overhead);
}
void Daemon::OnReservedSpillover(const FunctionVersion& version) { metrics_.OnReservedSpillover(version); }

// From the outside in: first nothing new comes, then what is under way ends, then the workers go, then the
// ledger is safe.
void Daemon::Stop(std::function<void()> stopped) {
  log_.Info("stopping: finishing what is under way");
  phase_ = Phase::kStopping;
  (void)TellServiceManager("STOPPING=1");
  node_hours_->Stop();  // while the workers are there
  async_->Stop();
  control_->EndFollows();
  auto after_ledger = [stopped = std::move(stopped)](const hearth::Status&) { stopped(); };
  auto after_pools = [this, after_ledger] { ledger_->Sync(after_ledger); };
  auto after_router = [this, after_pools] { pools_->Drain(after_pools); };
  auto after_servers = [this, after_router] { router_->Drain(after_router); };
  auto after_triggers = [this, after_servers] { DrainServers(after_servers); };
  DrainTriggers(after_triggers);
}

void Daemon::DrainTriggers(std::function<void()> drained) {
  auto left = std::make_shared<size_t>(Triggers().size());
  for (Trigger* trigger : Triggers()) {
    trigger->Drain([left, drained] {
      if (--*left == 0) drained();
    });
  }
}

void Daemon::DrainServers(std::function<void()> drained) {
  auto left = std::make_shared<size_t>(loops_ ? 3 : 2);
  const auto one = [left, drained = std::move(drained)] {
    if (--*left == 0) drained();
  };
  data_server_->Drain(one);
  control_server_->Drain(one);
  if (loops_) loops_->Drain(one);
}

}  // namespace hearth
