#include "runtime/pool/sandbox_host.h"

#include <fcntl.h>
#include <string.h>

#include <algorithm>
#include <utility>

#include "runtime/base/files.h"
#include "runtime/model/secret.h"

namespace hearth {
namespace {

constexpr uint32_t kRootlessLevel = 2;
constexpr milliseconds kRestartDelayMax{10'000};
// A function that crashes at each event would have its library loaded at each.
constexpr milliseconds kReplacementPause{1'000};

}  // namespace

SandboxHost::SandboxHost(Options options, WorkerContext& workers, CgroupBackend& cgroups,
                         BucketPath bucket_path, SecretValue secret_value, Log& log)
    : options_(std::move(options)),
      bucket_path_(std::move(bucket_path)),
      secret_value_(std::move(secret_value)),
      workers_(workers),
      cgroups_(cgroups),
      log_(log),
      launcher_(workers.loop, log, options_.launcher, options_.launcher_arguments),
      blanks_(options_.blanks_max, workers.loop, log,
              [this](uint32_t count) { launcher_.KeepBlanks(count); }) {
  launcher_.SetOnBlanks(
      [this](uint32_t ready, const std::string& problem) { blanks_.OnBlanks(ready, problem); });
}

SandboxHost::~SandboxHost() = default;

void SandboxHost::Start(std::function<void(Status)> started) { StartLauncher(std::move(started)); }

void SandboxHost::StartLauncher(std::function<void(Status)> started) {
  launcher_.Start([this, started = std::move(started)](
                      Result<LauncherClient::Hello> hello) { OnHello(std::move(hello), started); },
                  [this] { OnLauncherDeath(); });
}

void SandboxHost::OnHello(Result<LauncherClient::Hello> hello, const std::function<void(Status)>& started) {
  if (!hello.ok()) return started(hello.error());
  // Without limits of memory for each worker it is at most what an unprivileged daemon gives.
  isolation_level_ =
      cgroups_.limits_memory() ? hello->isolation_level : std::min(hello->isolation_level, kRootlessLevel);
  isolation_report_ = std::move(hello->report);
  forks_workers_ = hello->forks_workers;
  egress_missing_ = std::move(hello->egress_missing);
  restart_delay_ = milliseconds(100);
  if (isolation_level_ < options_.isolation_least) {
    return started(Error{ErrorCode::kUnsupported,
                         "this host gives isolation level " + std::to_string(isolation_level_) +
                             ", but --min-isolation is " + std::to_string(options_.isolation_least) + ".\n" +
                             isolation_report_ +
                             "Mend what is missing, or accept less with --min-isolation " +
                             std::to_string(isolation_level_) + "."});
  }
  blanks_.OnLauncher();
  started(Ok());
}

void SandboxHost::OnLauncherDeath() {
  blanks_.OnLauncherDeath();
  for (auto& [generation, versioned] : versions_) {
    if (versioned.current) versioned.spent.push_back(std::move(versioned.current));
    if (versioned.next) versioned.spent.push_back(std::move(versioned.next));
  }
  SweepLater();
  const milliseconds delay = restart_delay_;
  restart_delay_ = std::min(2 * restart_delay_, kRestartDelayMax);
  restart_ = workers_.loop.After(delay, [this] {
    StartLauncher([this](Status started) {
      if (started.ok()) return;
      log_.Error("the launcher cannot be started again", {{"why", started.error().message}});
      if (!launcher_.running()) OnLauncherDeath();
    });
  });
}

// Read each time, so that a value is in our memory no longer than it takes to hand it on.
Result<SandboxFiles> SandboxHost::FilesOf(const FunctionVersion& version) const {
  SandboxFiles files;
  for (const BucketMount& mount : version.settings.buckets) {
    HEARTH_ASSIGN(std::string source, bucket_path_(mount.bucket));
    files.mounts.push_back(
        {std::move(source), "/mnt/buckets/" + mount.bucket, static_cast<uint8_t>(mount.writable ? 1 : 0)});
  }
  if (version.settings.secrets.empty()) return files;
  std::string values;
  const auto wipe = [](std::string& one) { ::explicit_bzero(one.data(), one.size()); };
  values.reserve(version.settings.secrets.size() *
                 kSecretBytesMax);  // it never moves, so all of it can be wiped
  for (const SecretUse& use : version.settings.secrets) {
    auto value = secret_value_(use.secret);
    if (!value.ok()) {
      wipe(values);
      return value.error();
    }
    files.secrets.push_back({use.file, value->size()});
    values += *value;
    wipe(*value);
  }
  auto memory = MakeSealedMemfd("hearth-secrets", values);
  wipe(values);
  HEARTH_ASSIGN(files.secret_values, std::move(memory));
  return files;
}

std::unique_ptr<FunctionSandbox> SandboxHost::NewSandbox(
    const std::shared_ptr<const FunctionVersion>& version, std::string cpu_set) {
  auto sandbox = std::make_unique<FunctionSandbox>(SandboxId(next_sandbox_++), version, std::move(cpu_set),
                                                   launcher_, cgroups_, workers_, log_);
  sandbox->SetOnWorkerGone([this] { SweepLater(); });
  sandbox->SetOnTired([this, generation = version->generation] { OnTired(generation); });
  sandbox->SetOnMounts(
      [this, version](const auto& mounts, const auto& access) { OnMounts(*version, mounts, access); });
  sandbox->SetOnLeavesThreads(
      [this, version](FunctionSandbox::Waiting waiting) { OnLeavesThreads(version, std::move(waiting)); });
  sandbox->SetOnOwnStart([this, uses_blanks = UsesBlanks(*version)](bool was_blank) {
    uses_blanks ? blanks_.OnStart(was_blank) : blanks_.OnWholeStart();
  });
  return sandbox;
}

std::string SandboxHost::WhyOwnSandboxes(const FunctionVersion& version) const {
  if (version.settings.isolation == Isolation::kStrict) return {};
  if (!forks_workers_) return "this host gives workers no namespaces of their own (hearth doctor)";
  if (leave_threads_.contains(version.code.folder)) {
    return "its library starts threads while it is loaded, and a process with threads cannot be forked; "
           "start "
           "them in init";
  }
  return {};
}

bool SandboxHost::HasOwnSandboxes(const FunctionVersion& version) const {
  return version.settings.isolation == Isolation::kStrict || !WhyOwnSandboxes(version).empty();
}

bool SandboxHost::UsesBlanks(const FunctionVersion& version) const {
  return version.settings.network == Network::kNone && HasOwnSandboxes(version);
}

size_t SandboxHost::CountWithEgress() const {
  size_t count = 0;
  const auto add = [&count](const std::unique_ptr<FunctionSandbox>& sandbox) {
    if (!sandbox || sandbox->state() == FunctionSandbox::State::kGone) return;
    if (sandbox->version().settings.network == Network::kEgress) ++count;
  };
  for (const auto& [id, trial] : trials_) add(trial);
  for (const auto& [generation, versioned] : versions_) {
    add(versioned.current);
    add(versioned.next);
    std::for_each(versioned.spent.begin(), versioned.spent.end(), add);
  }
  return count;
}

// Found when it is deployed, or by its first start after one of hearthd.
void SandboxHost::OnLeavesThreads(const std::shared_ptr<const FunctionVersion>& version,
                                  FunctionSandbox::Waiting waiting) {
  const bool is_new = leave_threads_.insert(version->code.folder).second;
  if (is_new && !WhyOwnSandboxes(*version).empty()) {
    log_.Warn("a function's workers have a sandbox each, as with strict isolation",
              {{"function", version->function}, {"why", WhyOwnSandboxes(*version)}});
  }
  blanks_.Review();
  for (auto& [id, done] : waiting) {
    if (const Status launched = LaunchIn(version, id, done); !launched.ok()) done(launched.error());
  }
  SweepLater();
}

Status SandboxHost::CheckSnapshot(const FunctionVersion& version) const {
  if (!StartsFromSnapshot(version) || !HasOwnSandboxes(version)) return Ok();
  return Error{ErrorCode::kBadArtefact, "SnapStart copies one process, but each worker of " +
                                            version.function + " needs a sandbox of its own: " +
                                            WhyOwnSandboxes(version) + "; set SnapStart.ApplyOn to \"None\""};
}

Status SandboxHost::LaunchIn(const std::shared_ptr<const FunctionVersion>& version, WorkerId id,
                             OnWorker& done) {
  if (!launcher_.running())
    return Error{ErrorCode::kUnavailable, "hearth-launcher is being restarted; try again"};
  HEARTH_TRY(CheckSnapshot(*version));
  Versioned& versioned = versions_[version->generation];
  std::string cpu_set = cpu_set_of_ ? cpu_set_of_(version->function) : std::string();
  const bool own = HasOwnSandboxes(*version);
  const bool in_place = versioned.cpu_set == cpu_set && !own;
  if (!versioned.current || !in_place || !versioned.current->takes_launches()) {
    HEARTH_ASSIGN(SandboxFiles files, FilesOf(*version));
    if (versioned.current) versioned.spent.push_back(std::move(versioned.current));
    versioned.cpu_set = cpu_set;
    versioned.current = NewSandbox(version, std::move(cpu_set));
    SweepLater();  // the one before may have no worker any more
    if (own) {
      versioned.current->MakeWithWorker(std::move(files), id, std::move(done));
      return Ok();
    }
    versioned.current->Make(std::move(files),
                            [](const Status&) {});  // those who wait are told by their launches
  }
  versioned.current->Launch(id, std::move(done));
  return Ok();
}

void SandboxHost::Launch(const std::shared_ptr<const FunctionVersion>& version, OnWorker done) {
  const Status launched = LaunchIn(version, WorkerId(next_worker_++), done);
  if (launched.ok()) return;
  workers_.loop.Post([self = weak_.Get(), done = std::move(done), error = launched.error()] {
    if (self) done(error);
  });
}

void SandboxHost::Forget(const FunctionVersion& version) {
  const auto found = versions_.find(version.generation);
  if (found == versions_.end()) return;
  found->second.forgotten = true;
  SweepLater();
}

void SandboxHost::Unpack(std::string zip_path, std::string folder, Done done) {
  const auto fail = [this, &done](const Error& error) {
    workers_.loop.Post([done = std::move(done), error] { done(error); });
  };
  auto zip = OpenFile(zip_path, O_RDONLY);
  if (!zip.ok()) return fail(zip.error());
  auto target = OpenFile(folder, O_RDONLY | O_DIRECTORY);
  if (!target.ok()) return fail(target.error());
  UnpackZipFrame limits;
  limits.bytes_max = kUnpackedBytesMax;
  limits.entries_max = kUnpackedEntriesMax;
  launcher_.Unpack(zip->get(), target->get(), limits, std::move(done));
}

// A host that cannot is not the function's fault, but asking it to is the caller's.
Status SandboxHost::CheckNetwork(const FunctionVersion& version) const {
  if (version.settings.network == Network::kNone || egress_missing_.empty()) return Ok();
  return Error{ErrorCode::kInvalidArgument,
               "Hearth.Network \"egress\" cannot be had here: " + egress_missing_};
}

void SandboxHost::TrialLoad(const FunctionVersion& version, Done done) {
  const Status network = CheckNetwork(version);
  auto files = network.ok() ? FilesOf(version) : network.error();
  if (!files.ok()) {
    workers_.loop.Post([done = std::move(done), error = files.error()] { done(error); });
    return;
  }
  auto sandbox = NewSandbox(std::make_shared<const FunctionVersion>(version), "");
  FunctionSandbox& trial = *sandbox;
  const uint64_t id = trial.id().value();
  trials_[id] = std::move(sandbox);
  trial.Make(std::move(files).value(), [this, id, done = std::move(done)](Status made) {
    const std::unique_ptr<FunctionSandbox> over = std::move(trials_.extract(id).mapped());
    done(std::move(made));
  });
}

void SandboxHost::TakeSnapshot(const std::shared_ptr<const FunctionVersion>& version, OnSnapshot done) {
  const Status possible = CheckSnapshot(*version);
  auto files = possible.ok() ? FilesOf(*version) : Result<SandboxFiles>(possible.error());
  if (files.ok() && !launcher_.running())
    files = Error{ErrorCode::kUnavailable, "hearth-launcher is being restarted; try again"};
  if (!files.ok()) {
    workers_.loop.Post([done = std::move(done), error = files.error()] { done(error); });
    return;
  }
  Versioned& versioned = versions_[version->generation];
  versioned.cpu_set = cpu_set_of_ ? cpu_set_of_(version->function) : std::string();
  versioned.current = NewSandbox(version, versioned.cpu_set);
  FunctionSandbox& sandbox = *versioned.current;
  sandbox.Make(std::move(files).value(), [this, version, &sandbox, done = std::move(done)](Status made) {
    if (made.ok()) return done(sandbox.snapshot_took());
    Forget(*version);
    done(made.error());
  });
}

void SandboxHost::OnMounts(const FunctionVersion& version, const std::vector<BindMount>& mounts,
                           const std::vector<MountAccess>& access) {
  std::vector<MountWarning> warnings = MountWarningsOf(mounts, access, version.host_uid);
  const auto known = mount_warnings_.find(version.function);
  if (warnings.empty()) {
    if (known != mount_warnings_.end()) mount_warnings_.erase(known);
    return;
  }
  if (known != mount_warnings_.end() && known->second == warnings) return;
  for (const MountWarning& warning : warnings)
    log_.Warn(warning.text, {{"function", version.function}, {"mount", warning.mount}});
  mount_warnings_[version.function] = std::move(warnings);
}

void SandboxHost::OnTired(uint64_t generation) {
  const auto found = versions_.find(generation);
  if (found == versions_.end() || found->second.next || !found->second.current) return;
  Versioned& versioned = found->second;
  if (versioned.current->has_own_worker()) return;  // forks no other anyway
  const MonotonicTime now = workers_.loop.clock().Now();
  const auto since = versioned.replaced_at ? now - *versioned.replaced_at : nanoseconds(kReplacementPause);
  const auto pause = std::chrono::duration_cast<milliseconds>(nanoseconds(kReplacementPause) - since);
  versioned.replacement =
      workers_.loop.After(std::max(pause, milliseconds(0)), [this, generation] { MakeNext(generation); });
}

void SandboxHost::MakeNext(uint64_t generation) {
  const auto found = versions_.find(generation);
  if (found == versions_.end() || found->second.forgotten || !launcher_.running()) return;
  Versioned& versioned = found->second;
  if (versioned.next || !versioned.current || !versioned.current->is_tired()) return;
  const auto version = versioned.current->shared_version();
  auto files = FilesOf(*version);
  if (!files.ok()) return;  // the next start says why
  versioned.next = NewSandbox(version, versioned.cpu_set);
  versioned.next->Make(std::move(files).value(),
                       [this, generation](const Status& made) { OnNextMade(generation, made); });
}

// From inside a call of `next`, which lives on.
void SandboxHost::OnNextMade(uint64_t generation, const Status& made) {
  const auto found = versions_.find(generation);
  if (found == versions_.end() || !found->second.next) return;
  Versioned& versioned = found->second;
  versioned.replaced_at = workers_.loop.clock().Now();
  if (made.ok() && !versioned.forgotten) {
    std::swap(versioned.current, versioned.next);
    log_.Info("a zygote has been replaced", {{"function", versioned.current->version().function}});
  }
  if (versioned.next) versioned.spent.push_back(std::move(versioned.next));
  SweepLater();
}

// Sandboxes are destroyed from the loop, never from inside one of their own callbacks.
void SandboxHost::SweepLater() {
  if (std::exchange(sweeping_, true)) return;
  workers_.loop.Post([self = weak_.Get()] {
    if (self) self->Sweep();
  });
}

void SandboxHost::Sweep() {
  sweeping_ = false;
  const auto over = [](const std::unique_ptr<FunctionSandbox>& sandbox) {
    return sandbox->state() == FunctionSandbox::State::kGone || sandbox->workers_alive() == 0;
  };
  for (auto it = versions_.begin(); it != versions_.end();) {
    Versioned& versioned = it->second;
    std::erase_if(versioned.spent, over);
    // One with a worker of its own ends with it.
    const bool once = versioned.current != nullptr && versioned.current->has_own_worker();
    if ((versioned.forgotten || once) && versioned.current && over(versioned.current))
      versioned.current.reset();
    const bool empty = versioned.forgotten && !versioned.current && versioned.spent.empty();
    it = empty ? versions_.erase(it) : std::next(it);
  }
}

}  // namespace hearth
