#include "triggers/bucket/bucket_trigger.h"

#include <filesystem>
#include <system_error>

#include "runtime/base/files.h"
#include "triggers/bucket/object_files.h"

namespace hearth {
namespace {

constexpr std::string_view kKeyPrefix = "trigger/bucket/";

std::string KeyOf(std::string_view name) { return std::string(kKeyPrefix) + std::string(name); }

Error NoSuchBucket(std::string_view name) {
  return {ErrorCode::kNotFound, "there is no bucket " + std::string(name)};
}

Trigger::Document DocumentOf(const LiveBucket& bucket) {
  return {bucket.settings().name, EncodeBucketSettings(bucket.settings()),
          EncodeBucketStatus(bucket.status())};
}

// Blocks. The folder's real path: the one given must be there, our own is made.
Result<std::string> PrepareFolder(const std::string& path, bool ours) {
  if (ours) HEARTH_TRY(MakeFolders(path));
  std::error_code failure;
  const auto real = std::filesystem::canonical(path, failure);
  if (failure) {
    Error error = ErrnoError("bucket folder " + path, failure.value());
    error.code = ErrorCode::kInvalidArgument;
    error.message += "; make the folder first, or leave Path out";
    return error;
  }
  HEARTH_TRY(AttachRoot(real.string()));
  return real.string();
}

bool LiesWithin(const std::string& inner, const std::string& outer) {
  return inner == outer || inner.starts_with(outer.ends_with('/') ? outer : outer + "/");
}

}  // namespace

BucketTrigger::BucketTrigger(Loop& loop, EventSink& sink, KeyStore& documents, KeyStore& receipts,
                             Random& random, Log& log, FunctionBuckets buckets_of, Options options)
    : loop_(loop),
      documents_(documents),
      receipts_(receipts),
      buckets_of_(std::move(buckets_of)),
      data_dir_(std::move(options.data_dir)),
      dispatch_{loop,
                sink,
                random,
                log,
                std::move(options.region),
                std::move(options.account),
                std::move(options.dispatch),
                options.destinations},
      disk_(loop, "bucket-disk"),
      hashing_(loop, "bucket-hash"),
      watch_{loop, disk_, random, nullptr, options.watch} {
  auto tree = InotifyTree::Create(loop, *this);
  if (tree.ok()) {
    tree_ = std::move(*tree);
    watch_.tree = tree_.get();
    if (watch_.settings.deaf_for_test) tree_->GoDeafForTest();
  } else {
    log.Warn("buckets are polled, not watched", {{"error", tree.error().message}});
  }
}

BucketTrigger::~BucketTrigger() = default;

void BucketTrigger::Put(std::string name, std::string json, Reply reply) {
  auto settings = ParseBucketSettings(name, json);
  Status valid = settings.ok() ? Check(*settings) : Status(settings.error());
  if (!valid.ok()) {
    return Later([error = valid.error(), reply = std::move(reply)] { reply(error); });
  }
  auto wanted = std::make_shared<BucketSettings>(std::move(*settings));
  CheckDestinations(wanted, 0, [this, wanted, reply = std::move(reply)](const Status& checked) {
    if (!checked.ok()) return reply(checked.error().WithContext("bucket " + wanted->name + ", OnFailure"));
    PrepareAndStore(std::move(*wanted), reply);
  });
}

void BucketTrigger::CheckDestinations(std::shared_ptr<BucketSettings> settings, size_t next, Done checked) {
  while (next < settings->notifications.size() && settings->notifications[next].on_failure.empty()) ++next;
  if (next == settings->notifications.size()) return checked(Ok());
  if (dispatch_.destinations == nullptr) {
    return Later([checked = std::move(checked)] {
      checked(Error{ErrorCode::kUnsupported, "there are no destinations here"});
    });
  }
  dispatch_.destinations->Check(
      settings->notifications[next].on_failure,
      [weak = weak_.Get(), settings, next, checked = std::move(checked)](const Status& found) {
        if (!weak) return;
        if (!found.ok()) return checked(found);
        weak->CheckDestinations(settings, next + 1, checked);
      });
}

void BucketTrigger::PrepareAndStore(BucketSettings settings, Reply reply) {
  const bool ours = settings.path.empty();
  const std::string path = ours ? data_dir_ + "/buckets/" + settings.name : settings.path;
  disk_.Run<Result<std::string>>([path, ours] { return PrepareFolder(path, ours); },
                                 [weak = weak_.Get(), settings = std::move(settings),
                                  reply = std::move(reply)](Result<std::string> real) mutable {
                                   if (!weak) return;
                                   if (!real.ok()) return reply(real.error());
                                   settings.path = std::move(*real);
                                   if (auto overlap = weak->CheckOverlap(settings); !overlap.ok())
                                     return reply(overlap.error());
                                   weak->StoreAndApply(std::move(settings), std::move(reply));
                                 });
}

Status BucketTrigger::Check(const BucketSettings& settings) const {
  if (draining_) return Error{ErrorCode::kUnavailable, "bucket " + settings.name + ": hearthd is stopping"};
  auto all = AllSettings();
  all[settings.name] = &settings;
  return RefuseFeedbackLoop(all, buckets_of_);
}

// A file in two buckets would be two objects, and the loop check could be walked round. What lies in the data folder is
// the daemon's own: queues, ledger, code; but for the folder of buckets there.
Status BucketTrigger::CheckOverlap(const BucketSettings& settings) const {
  const bool in_ours =
      LiesWithin(settings.path, data_dir_) && !LiesWithin(settings.path, data_dir_ + "/buckets");
  if (in_ours || LiesWithin(data_dir_, settings.path)) {
    return Error{ErrorCode::kInvalidArgument, "bucket " + settings.name + ": its folder " + settings.path +
                                                  " and the daemon's data folder " + data_dir_ +
                                                  " lie within each other; give it a folder of its own"};
  }
  for (const auto& [name, entry] : buckets_) {
    const std::string& other = entry.bucket->settings().path;
    if (name == settings.name || (!LiesWithin(other, settings.path) && !LiesWithin(settings.path, other)))
      continue;
    return Error{ErrorCode::kInvalidArgument, "bucket " + settings.name + ": its folder " + settings.path +
                                                  " and that of bucket " + name + ", " + other +
                                                  ", lie within each other; give it a folder of its own"};
  }
  return Ok();
}

// Where new functions begin is stored first: a daemon that dies in between must not run a backlog that nobody
// wants. The answer comes once they have begun, so that what is dropped after it is theirs.
void BucketTrigger::StoreAndApply(BucketSettings settings, Reply reply) {
  const auto found = buckets_.find(settings.name);
  auto starts = found != buckets_.end() ? found->second.bucket->StartsOf(settings)
                                        : StartPoints(receipts_, settings.name).WritesFor(settings);
  if (starts.empty()) return StoreDocument(std::move(settings), std::move(reply));
  receipts_.Apply(std::move(starts), [weak = weak_.Get(), settings = std::move(settings),
                                      reply = std::move(reply)](const Status& announced) {
    if (!weak) return;
    if (!announced.ok()) return reply(announced.error().WithContext("store bucket " + settings.name));
    weak->StoreDocument(settings, reply);
  });
}

void BucketTrigger::StoreDocument(BucketSettings settings, Reply reply) {
  std::vector<KeyStore::Write> writes{{KeyOf(settings.name), EncodeBucketSettings(settings)}};
  documents_.Apply(std::move(writes), [weak = weak_.Get(), settings = std::move(settings),
                                       reply = std::move(reply)](const Status& stored) {
    if (!weak) return;
    if (!stored.ok()) return reply(stored.error().WithContext("store bucket " + settings.name));
    weak->Apply(settings);
    weak->buckets_.at(settings.name).bucket->WhenBegun([weak, name = settings.name, reply] {
      if (weak) reply(weak->Get(name));
    });
  });
}

void BucketTrigger::Apply(BucketSettings settings) {
  const auto found = buckets_.find(settings.name);
  if (found != buckets_.end() && found->second.bucket->settings().path == settings.path) {
    return found->second.bucket->Configure(std::move(settings));
  }
  if (found != buckets_.end()) Retire(found);
  const InotifyTree::RootId id = next_id_++;
  std::string name = settings.name;
  auto bucket = std::make_unique<LiveBucket>(dispatch_, watch_, hashing_, receipts_, id, std::move(settings));
  disk_.Submit([path = bucket->settings().path] { SweepIncoming(path); });
  if (started_ && !draining_) bucket->Start();
  buckets_[std::move(name)] = {id, std::move(bucket)};
}

void BucketTrigger::Remove(std::string name, Done done) {
  if (!buckets_.contains(name)) {
    return Later([error = NoSuchBucket(name), done = std::move(done)] { done(error); });
  }
  documents_.Apply({{KeyOf(name), std::nullopt}},
                   [weak = weak_.Get(), name, done = std::move(done)](const Status& removed) {
                     if (!weak) return;
                     if (!removed.ok()) return done(removed.error().WithContext("remove bucket " + name));
                     const auto found = weak->buckets_.find(name);
                     if (found == weak->buckets_.end()) return done(Ok());
                     found->second.bucket->ForgetReceipts([](const Status&) {});
                     weak->ForgetStarts(name);
                     weak->Retire(found);
                     done(Ok());
                   });
}

// A bucket of this name that is made later knows no function.
void BucketTrigger::ForgetStarts(const std::string& name) {
  receipts_.List(StartPoints::PrefixOf(name),
                 [weak = weak_.Get()](const Result<std::vector<KeyStore::Entry>>& entries) {
                   if (!weak || !entries.ok() || entries->empty()) return;
                   std::vector<KeyStore::Write> writes;
                   for (const KeyStore::Entry& entry : *entries) writes.push_back({entry.key, std::nullopt});
                   weak->receipts_.Apply(std::move(writes), [](const Status&) {});
                 });
}

void BucketTrigger::Retire(Buckets::iterator entry) {
  const InotifyTree::RootId id = entry->second.id;
  LiveBucket* bucket = entry->second.bucket.get();
  closing_.emplace(id, std::move(entry->second.bucket));
  buckets_.erase(entry);
  bucket->Stop([this, id] {
    Later([weak = weak_.Get(), id] {
      if (!weak) return;
      weak->closing_.erase(id);
      weak->CheckDrained();
    });
  });
}

Result<Trigger::Document> BucketTrigger::Get(std::string_view name) const {
  const auto found = buckets_.find(name);
  if (found == buckets_.end()) return NoSuchBucket(name);
  return DocumentOf(*found->second.bucket);
}

std::vector<Trigger::Document> BucketTrigger::List() const {
  std::vector<Document> documents;
  for (const auto& [name, entry] : buckets_) documents.push_back(DocumentOf(*entry.bucket));
  return documents;
}

std::vector<std::pair<std::string, BucketStatus>> BucketTrigger::Statuses() const {
  std::vector<std::pair<std::string, BucketStatus>> all;
  for (const auto& [name, entry] : buckets_) all.emplace_back(name, entry.bucket->status());
  return all;
}

void BucketTrigger::Command(std::string name, std::string verb, std::string json,
                            std::function<void(Result<std::string>)> reply) {
  const auto found = buckets_.find(name);
  auto request = verb == "replay" ? ParseReplayRequest(json) : ReplayRequest{};
  Status valid = found == buckets_.end() ? Status(NoSuchBucket(name)) : Ok();
  if (valid.ok() && !request.ok()) valid = request.error();
  const auto outcomes =
      verb == "outcomes" ? ParseOutcomesRequest(json) : Result<OutcomesRequest>(OutcomesRequest{});
  if (valid.ok() && !outcomes.ok()) valid = outcomes.error();
  if (valid.ok() && verb != "replay" && verb != "scan" && verb != "outcomes") {
    valid =
        Error{ErrorCode::kInvalidArgument, "bucket: the commands are replay, scan and outcomes, not " + verb};
  }
  if (!valid.ok()) {
    return Later([error = valid.error(), reply = std::move(reply)] { reply(error); });
  }
  LiveBucket& bucket = *found->second.bucket;
  if (verb == "scan") return bucket.Rescan(std::move(reply));
  if (verb == "outcomes") return bucket.Outcomes(*outcomes, std::move(reply));
  bucket.Replay(std::move(*request), std::move(reply));
}

void BucketTrigger::ForgetFunction(std::string_view function) {
  std::vector<BucketSettings> changed;
  for (const auto& [name, entry] : buckets_) {
    BucketSettings settings = entry.bucket->settings();
    const auto names_it = [&](const BucketNotification& n) { return n.function == function; };
    if (std::erase_if(settings.notifications, names_it) > 0) changed.push_back(std::move(settings));
  }
  for (BucketSettings& settings : changed) {
    StoreAndApply(std::move(settings), [log = &dispatch_.log](const Result<Document>& stored) {
      if (!stored.ok())
        log->Error("a notification of a deleted function stays", {{"error", stored.error().message}});
    });
  }
}

void BucketTrigger::Start(Done started) {
  documents_.List(std::string(kKeyPrefix), [weak = weak_.Get(), started = std::move(started)](
                                               const Result<std::vector<KeyStore::Entry>>& entries) {
    if (!weak) return;
    if (!entries.ok()) return started(entries.error().WithContext("load buckets"));
    weak->started_ = true;
    for (const auto& [name, entry] : weak->buckets_) entry.bucket->Start();
    for (const KeyStore::Entry& entry : *entries) {
      const std::string name = entry.key.substr(kKeyPrefix.size());
      auto settings = ParseBucketSettings(name, entry.value);
      // One document that cannot be read must not keep the others from working.
      if (settings.ok() && !weak->buckets_.contains(name)) weak->Apply(std::move(*settings));
      if (!settings.ok()) {
        weak->dispatch_.log.Error("a stored bucket is skipped",
                                  {{"name", name}, {"error", settings.error().message}});
      }
    }
    started(Ok());
  });
}

void BucketTrigger::Drain(std::function<void()> drained) {
  draining_ = true;
  drained_ = std::move(drained);
  while (!buckets_.empty()) Retire(buckets_.begin());
  Later([weak = weak_.Get()] {
    if (weak) weak->CheckDrained();
  });
}

void BucketTrigger::CheckDrained() {
  if (!draining_ || !closing_.empty()) return;
  if (auto drained = std::exchange(drained_, nullptr)) drained();
}

Result<std::string> BucketTrigger::PathOf(std::string_view bucket) const {
  const auto found = buckets_.find(bucket);
  if (found == buckets_.end()) return NoSuchBucket(bucket);
  return found->second.bucket->settings().path;
}

const BucketSettings* BucketTrigger::SettingsOf(std::string_view bucket) const {
  const auto found = buckets_.find(bucket);
  return found == buckets_.end() ? nullptr : &found->second.bucket->settings();
}

Status BucketTrigger::CheckMounts(const std::string& function, const std::vector<BucketMount>& mounts) const {
  const FunctionBuckets buckets_of = [&](const std::string& other) {
    return other == function ? mounts : buckets_of_(other);
  };
  return RefuseFeedbackLoop(AllSettings(), buckets_of);
}

std::map<std::string, const BucketSettings*, std::less<>> BucketTrigger::AllSettings() const {
  std::map<std::string, const BucketSettings*, std::less<>> all;
  for (const auto& [name, entry] : buckets_) all[name] = &entry.bucket->settings();
  return all;
}

LiveBucket* BucketTrigger::Find(InotifyTree::RootId id) {
  for (const auto& [name, entry] : buckets_) {
    if (entry.id == id) return entry.bucket.get();
  }
  return nullptr;
}

void BucketTrigger::OnKey(InotifyTree::RootId root, std::string key, InotifyTree::KeyChange change,
                          uint32_t hops) {
  if (LiveBucket* bucket = Find(root)) bucket->watch().OnKey(std::move(key), change, hops);
}

void BucketTrigger::OnFolder(InotifyTree::RootId root, std::string key) {
  if (LiveBucket* bucket = Find(root)) bucket->watch().OnFolder(std::move(key));
}

void BucketTrigger::OnFolderMovedOut(InotifyTree::RootId root, std::string) {
  if (LiveBucket* bucket = Find(root)) bucket->watch().OnFolderMovedOut();
}

void BucketTrigger::OnRootLost(InotifyTree::RootId root) {
  if (LiveBucket* bucket = Find(root)) bucket->watch().OnRootLost("");
}

void BucketTrigger::OnOverflow() {
  for (const auto& [name, entry] : buckets_) entry.bucket->watch().OnOverflow();
}

}  // namespace hearth
