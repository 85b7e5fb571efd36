#include "triggers/bucket/bucket_watch.h"

#include <algorithm>

namespace hearth {
namespace {

milliseconds Jittered(milliseconds mean, Random& random) {
  const int64_t quarter = mean.count() / 4;
  return mean - milliseconds(quarter) +
         milliseconds(random.Next64() % static_cast<uint64_t>(2 * quarter + 1));
}

}  // namespace

BucketWatch::BucketWatch(Services& services, InotifyTree::RootId id, std::string path, WatchRules rules,
                         Observer& observer)
    : services_(services),
      id_(id),
      path_(std::move(path)),
      observer_(observer),
      rules_(std::make_shared<const WatchRules>(std::move(rules))) {}

BucketWatch::~BucketWatch() { Stop(); }

void BucketWatch::Start() {
  stopped_ = false;
  Attach();
}

void BucketWatch::Stop() {
  stopped_ = true;
  timer_.Cancel();
  ForgetAll();
  if (tree()) tree()->Forget(id_, "");
}

void BucketWatch::ForgetAll() {
  probe_.clear();
  probe_over_.Cancel();
  catch_up_.Cancel();
  folders_.clear();
  hints_.clear();
  hinted_.clear();
  found_.clear();
  busy_.clear();
  settling_.clear();
}

void BucketWatch::SetRules(WatchRules rules) {
  rules_ = std::make_shared<const WatchRules>(std::move(rules));
  settling_.clear();
  found_.clear();
}

void BucketWatch::Attach() {
  struct Attached {
    Result<BucketRoot> root;
    std::string silent;
  };
  services_.disk.Run<std::shared_ptr<Attached>>(
      [path = path_] {
        auto root = AttachRoot(path);
        std::string silent = root.ok() ? SilentFileSystem(*root) : "";
        return std::make_shared<Attached>(Attached{std::move(root), std::move(silent)});
      },
      [weak = weak_.Get()](const std::shared_ptr<Attached>& attached) {
        if (weak) weak->OnAttached(std::move(attached->root), attached->silent);
      });
}

void BucketWatch::OnAttached(Result<BucketRoot> root, const std::string& silent) {
  if (stopped_) return;
  if (!root.ok()) return OnRootLost(root.error().message);
  root_ = std::move(*root);
  state_ = State::kWatching;
  last_error_.clear();
  polled_because_.clear();
  probed_ = false;
  if (!silent.empty()) {
    polled_because_ = "folder " + path_ + " is on " + silent +
                      ", which does not tell of what other machines or its server do: it is polled too";
  }
  RequestScan();
}

// A file system may take a watch and tell nothing. A file of our own is the test; where we may not write one
// there is none.
void BucketWatch::Probe() {
  if (!tree() || !polled_because_.empty() || std::exchange(probed_, true)) return;
  probe_ = ".hearth-probe-" + std::to_string(services_.random.Next64());
  services_.disk.Run<Status>(
      [root = *root_, name = probe_] { return TouchProbe(root, name); },
      [weak = weak_.Get(), name = probe_](const Status& touched) {
        if (!weak || weak->probe_ != name) return;
        if (!touched.ok()) return weak->probe_.clear();
        weak->probe_over_ = weak->services_.executor.After(weak->services_.settings.probe_limit, [weak] {
          weak->probe_.clear();
          weak->polled_because_ = "folder " + weak->path_ +
                                  " takes a watch but tells nothing (a file of our own made no event): it "
                                  "is polled";
          weak->RequestScan();
        });
      });
}

void BucketWatch::OnRootLost(std::string why) {
  if (stopped_) return;
  if (tree()) tree()->Forget(id_, "");
  state_ = State::kMissing;
  last_error_ = why.empty() ? "bucket folder " + path_ + " was moved, deleted or unmounted" : std::move(why);
  polled_because_.clear();
  root_.reset();
  ForgetAll();
  scan_complete_ = false;
  timer_ = services_.executor.After(services_.settings.attach_again_every, [this] { Attach(); });
}

void BucketWatch::Resume() { Pump(); }

void BucketWatch::RequestScan() {
  scan_wanted_ = true;
  Pump();
}

void BucketWatch::OnKey(std::string key, InotifyTree::KeyChange change, uint32_t hops) {
  using Change = InotifyTree::KeyChange;
  if (!probe_.empty() && key == probe_) {
    probe_.clear();
    probe_over_.Cancel();
  }
  if (rules_->Ignores(key)) return;
  if (rules_->IsMarker(key)) {
    if (change == Change::kGone) return;
    return Hint({rules_->KeyOfMarker(key), false, false});
  }
  if (change == Change::kClosed && rules_->finish.mode == FinishRule::Mode::kRenameOnly) return;
  Hint({std::move(key), change == Change::kCreated, false, false, hops});
}

void BucketWatch::OnFolder(std::string key) {
  if (rules_->Ignores(key) || !root_) return;
  folders_.push_back(std::move(key));
  Pump();
}

// Which keys were in it only the receipts know, by their hashes: a scan sweeps them.
void BucketWatch::OnFolderMovedOut() { RequestScan(); }

void BucketWatch::OnOverflow() {
  ++overflows_;
  RequestScan();
}

void BucketWatch::Hint(KeyHint hint) {
  if (stopped_ || !root_) return;
  std::deque<KeyHint>& queue = hint.from_scan ? found_ : hints_;
  if (queue.size() >= kHintsMax) {
    scan_wanted_ = true;
    scan_complete_ = false;
    return;
  }
  if (!hint.from_scan && !hint.appeared) {
    const auto [known, is_new] = hinted_.try_emplace(hint.key, hint.hops);
    known->second = std::max(known->second, hint.hops);
    if (!is_new) return;
  }
  queue.push_back(std::move(hint));
  Pump();
}

void BucketWatch::Pump() {
  if (stopped_ || !root_) return;
  if (!examining_ && observer_.HasRoom()) ExamineSome();
  if (reading_) return;
  // A scan waits while much is under way: what it found would only be found again.
  if (hints_.size() > kHintsMax / 2 || found_.size() > kHintsMax / 2) return;
  if (!folders_.empty()) return WatchSome();
  if (scanning_all_) return EndScan();
  if (scan_wanted_ && hints_.empty() && found_.empty() && observer_.HasRoom()) BeginScan();
}

void BucketWatch::ExamineSome() {
  std::vector<KeyHint> some;
  while (!hints_.empty() && some.size() < kExaminedAtOnce) {
    some.push_back(std::move(hints_.front()));
    hints_.pop_front();
    const auto hinted = hinted_.extract(some.back().key);
    if (!hinted.empty()) some.back().hops = std::max(some.back().hops, hinted.mapped());
  }
  size_t allowed = found_.empty() ? 0 : std::min(kExaminedAtOnce - some.size(), CatchUpAllowance());
  for (; allowed > 0 && !found_.empty(); --allowed) {
    some.push_back(std::move(found_.front()));
    found_.pop_front();
    if (rules_->catch_up_per_s > 0) allowance_ -= 1;
  }
  if (some.empty()) return;
  examining_ = true;
  const size_t asked = some.size();
  services_.disk.Run<std::vector<ExaminedKey>>(
      [root = *root_, rules = rules_, some = std::move(some)] { return ExamineKeys(root, *rules, some); },
      [weak = weak_.Get(), root = *root_, asked](std::vector<ExaminedKey> examined) {
        if (weak) weak->OnExamined(root, std::move(examined), asked);
      });
}

// How many of found_ may be looked at now; if none, Pump() runs again when there is one. A tenth of a second's
// worth may come at once.
size_t BucketWatch::CatchUpAllowance() {
  const auto rate = static_cast<double>(rules_->catch_up_per_s);
  if (rate == 0) return kExaminedAtOnce;
  const MonotonicTime now = services_.executor.clock().Now();
  const double passed = std::chrono::duration<double>(now - allowance_at_).count();
  allowance_ = std::min(allowance_ + passed * rate, std::max(1.0, rate / 10));
  allowance_at_ = now;
  if (allowance_ < 1) {
    const auto until = std::chrono::duration<double>((1 - allowance_) / rate);
    catch_up_ = services_.executor.After(std::chrono::duration_cast<nanoseconds>(until) + milliseconds(1),
                                         [this] { Pump(); });
  }
  return static_cast<size_t>(allowance_);
}

void BucketWatch::OnExamined(const BucketRoot& root, std::vector<ExaminedKey> examined, size_t asked) {
  examining_ = false;
  if (stopped_ || !root_ || *root_ != root) return Pump();
  if (examined.size() != asked) return OnRootLost("");
  for (ExaminedKey& one : examined) {
    // A rename tells the hops, a close that comes after it knows nothing of them.
    if (const auto busy = busy_.find(one.hint.key); busy != busy_.end())
      one.hint.hops = std::max(one.hint.hops, busy->second.hint.hops);
    if (one.state == ExaminedKey::State::kBusy) {
      LookAgainLater(std::move(one.hint));
      continue;
    }
    busy_.erase(one.hint.key);
    if (one.state == ExaminedKey::State::kGone) {
      settling_.erase(one.hint.key);
      observer_.OnGone(one.hint.key);
    }
    if (one.state != ExaminedKey::State::kFinished || !HasSettled(one)) continue;
    ++(one.hint.from_scan ? found_by_scan_ : found_by_hint_);
    observer_.OnObject(one.hint, one.identity);
  }
  Pump();
}

// The rule stable:Ns. What is over kHintsMax the next scan finds.
bool BucketWatch::HasSettled(const ExaminedKey& one) {
  if (rules_->finish.mode != FinishRule::Mode::kStable) return true;
  const Clock& clock = services_.executor.clock();
  const auto changed =
      WallTime(std::chrono::duration_cast<std::chrono::microseconds>(nanoseconds(one.identity.ctime_ns)));
  if (one.hint.from_scan && clock.WallNow() - changed >= rules_->finish.stable) return true;
  const MonotonicTime now = clock.Now();
  const auto found = settling_.find(one.hint.key);
  if (found != settling_.end() && found->second.identity == one.identity) {
    if (now - found->second.since < rules_->finish.stable) return false;  // its timer runs
    settling_.erase(found);
    return true;
  }
  if (found == settling_.end() && settling_.size() >= kHintsMax) return false;
  SettlingKey& settling = settling_[one.hint.key];
  settling.identity = one.identity;
  settling.since = now;
  settling.again = services_.executor.After(rules_->finish.stable, [this, hint = one.hint] {
    KeyHint again = hint;
    again.appeared = false;
    Hint(std::move(again));
  });
  return false;
}

// Its writer's close will tell - but the kernel tells of a close before the writer has quite let go, and a
// mapping is let go without a word.
void BucketWatch::LookAgainLater(KeyHint hint) {
  if (busy_.size() >= kHintsMax) {
    scan_wanted_ = true;
    return;
  }
  const std::string key = hint.key;
  const uint32_t hops = hint.hops;
  const WatchSettings& settings = services_.settings;
  const auto found =
      busy_
          .try_emplace(key, BusyKey{std::move(hint), BackOff(settings.busy_first, settings.busy_longest), {}})
          .first;
  found->second.hint.hops = std::max(found->second.hint.hops, hops);
  found->second.again = services_.executor.After(found->second.back_off.Next(services_.random), [this, key] {
    if (const auto busy = busy_.find(key); busy != busy_.end()) Hint(busy->second.hint);
  });
}

void BucketWatch::BeginScan() {
  scan_wanted_ = false;
  scanning_all_ = true;
  scan_complete_ = true;
  last_error_.clear();
  state_ = State::kScanning;
  polled_ = tree() == nullptr || !polled_because_.empty();
  timer_.Cancel();
  observer_.OnScanStarted();
  folders_.push_back("");
  WatchSome();
}

void BucketWatch::WatchSome() {
  if (!reader_) reader_ = std::make_shared<FolderReader>(*root_, rules_);
  auto root_fd = OpenRoot(*root_);
  if (!root_fd.ok()) {
    reader_.reset();
    scanning_all_ = false;
    return OnRootLost(root_fd.error().message);
  }
  for (size_t i = 0; i < kFoldersAtOnce && !folders_.empty(); ++i) {
    WatchFolder(root_fd->get(), folders_.front());
    reader_->Add(std::move(folders_.front()));
    folders_.pop_front();
  }
  ReadSome();
}

void BucketWatch::WatchFolder(int root_fd, const std::string& key) {
  if (!tree()) return;
  auto folder = OpenFolder(root_fd, key);
  if (!folder.ok()) return;  // the reader meets the same error, and tells
  if (auto watched = tree()->Watch(id_, key, folder->get()); !watched.ok()) {
    polled_ = true;
    last_error_ = watched.error().message;
  }
}

void BucketWatch::ReadSome() {
  reading_ = true;
  services_.disk.Run<FolderReader::Step>([reader = reader_] { return reader->Read(kEntriesAtOnce); },
                                         [weak = weak_.Get(), reader = reader_](FolderReader::Step step) {
                                           if (weak) weak->OnRead(reader, std::move(step));
                                         });
}

void BucketWatch::OnRead(const std::shared_ptr<FolderReader>& reader, FolderReader::Step step) {
  if (stopped_) return;
  if (!root_) {  // lost meanwhile; what was read is of the past
    reader_.reset();
    reading_ = false;
    if (std::exchange(scanning_all_, false)) observer_.OnScanFinished(/*complete=*/false);
    return;
  }
  for (std::string& folder : step.folders) folders_.push_back(std::move(folder));
  for (std::string& error : step.errors) {
    scan_complete_ = false;
    last_error_ = std::move(error);
  }
  for (FolderReader::File& file : step.files) {
    if (!observer_.IsSettled(file.key, file.identity)) Hint({std::move(file.key), false, true});
  }
  if (!step.at_end && reader == reader_) return ReadSome();
  reader_.reset();
  reading_ = false;  // not before: a hint pumps
  Pump();
}

void BucketWatch::EndScan() {
  scanning_all_ = false;
  state_ = State::kWatching;
  observer_.OnScanFinished(scan_complete_);
  ArmReconcile();
  Probe();
}

void BucketWatch::ArmReconcile() {
  const milliseconds mean = polled_ ? services_.settings.polled_every : services_.settings.reconcile_every;
  timer_ = services_.executor.After(Jittered(mean, services_.random), [this] { RequestScan(); });
}

std::string_view NameOf(BucketWatch::State state) {
  switch (state) {
    case BucketWatch::State::kMissing:
      return "Missing";
    case BucketWatch::State::kScanning:
      return "Scanning";
    case BucketWatch::State::kWatching:
      return "Watching";
  }
  return "Unknown";
}

}  // namespace hearth
