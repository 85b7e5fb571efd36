#include "triggers/bucket/live_bucket.h"

#include <fnmatch.h>

#include <algorithm>

namespace hearth {
namespace {

// Without its receipts a bucket would run everything again, so it waits for them.
constexpr milliseconds kLoadAgainAfter{2000};

std::string RootText(const BucketRoot& root) {
  return std::to_string(root.device) + ':' + std::to_string(root.inode);
}

std::string RootKey(const std::string& bucket) { return "root/" + bucket; }

}  // namespace

LiveBucket::LiveBucket(DispatchServices& dispatch, BucketWatch::Services& watch, KeyStore& receipts,
                       InotifyTree::RootId id, BucketSettings settings)
    : dispatch_(dispatch),
      keys_(receipts),
      settings_(std::move(settings)),
      receipts_(receipts, settings_.name),
      watch_(std::make_unique<BucketWatch>(watch, id, settings_.path, *this)) {
  MakeDispatchers();
}

LiveBucket::~LiveBucket() = default;

void LiveBucket::Start() {
  started_ = true;
  keys_.Get(RootKey(settings_.name), [weak = weak_.Get()](const Result<std::optional<std::string>>& root) {
    if (!weak) return;
    if (root.ok()) weak->root_at_last_scan_ = root->value_or("");
    weak->receipts_.Load([weak](const Status& loaded) {
      if (weak) weak->OnLoaded(loaded);
    });
  });
}

void LiveBucket::OnLoaded(const Status& loaded) {
  if (stopped_) return;
  if (loaded.ok()) {
    last_error_.clear();
    return watch_->Start();
  }
  last_error_ = "receipts cannot be read: " + loaded.error().message;
  load_again_ = dispatch_.executor.After(kLoadAgainAfter, [this] { Start(); });
}

void LiveBucket::MakeDispatchers() {
  Dispatchers old = std::exchange(dispatchers_, {});
  for (const BucketNotification& n : settings_.notifications) {
    std::unique_ptr<ObjectDispatcher>& dispatcher = dispatchers_[n.Target()];
    if (dispatcher) continue;
    if (const auto kept = old.find(n.Target()); kept != old.end()) {
      dispatcher = std::move(kept->second);
      old.erase(kept);
      continue;
    }
    dispatcher = std::make_unique<ObjectDispatcher>(
        dispatch_, receipts_, settings_.name, n.function, n.qualifier, [this] { return NextSequencer(); },
        [this] { OnProgress(); });
  }
  for (auto& [target, dispatcher] : old) {
    dispatcher->Stop();
    retired_[target + '#' + std::to_string(NextSequencer())] = std::move(dispatcher);
  }
}

void LiveBucket::Configure(BucketSettings settings) {
  settings_ = std::move(settings);
  MakeDispatchers();
  if (started_) watch_->RequestScan();
}

void LiveBucket::Replay(ReplayRequest request, Replayed replayed) {
  RequestScan({false, true, std::move(request), 0, std::move(replayed)});
}

void LiveBucket::Rescan(Replayed scanned) { RequestScan({false, false, {}, 0, std::move(scanned)}); }

void LiveBucket::RequestScan(ScanRequest request) {
  if (!watch_->root()) {
    std::string why = "bucket " + settings_.name + " cannot be scanned now: " + status().last_error;
    return dispatch_.executor.Post([replayed = std::move(request.replayed), why = std::move(why)] {
      replayed(Error{ErrorCode::kUnavailable, why});
    });
  }
  replays_.push_back(std::move(request));
  watch_->RequestScan();
}

void LiveBucket::Stop(std::function<void()> idle) {
  stopped_ = true;
  idle_ = std::move(idle);
  load_again_.Cancel();
  watch_->Stop();
  for (const auto& [target, dispatcher] : dispatchers_) dispatcher->Stop();
  for (ScanRequest& replay : std::exchange(replays_, {})) {
    dispatch_.executor.Post([replayed = std::move(replay.replayed)] {
      replayed(Error{ErrorCode::kUnavailable, "the bucket was stopped before its scan was over"});
    });
  }
  OnProgress();
}

BucketStatus LiveBucket::status() const {
  BucketStatus status;
  const bool polled = watch_->polled() && watch_->state() == BucketWatch::State::kWatching;
  status.state = stopped_ ? "Stopped" : polled ? "Polling" : NameOf(watch_->state());
  status.last_error = last_error_.empty() ? watch_->last_error() : last_error_;
  DispatchCounters counters = ended_;
  for (const auto& [target, dispatcher] : retired_) counters += dispatcher->counters();
  const WallTime now = dispatch_.executor.clock().WallNow();
  for (const auto& [target, dispatcher] : dispatchers_) {
    counters += dispatcher->counters();
    const auto lag = now - dispatcher->oldest_noticed().value_or(now);
    status.lag = std::max(status.lag, std::chrono::duration_cast<seconds>(lag));
    status.under_way += dispatcher->under_way();
    status.running += dispatcher->running();
    if (status.last_error.empty()) status.last_error = dispatcher->last_error();
  }
  status.succeeded = counters.succeeded;
  status.failed = counters.failed;
  status.retried = counters.retried;
  status.throttled = counters.throttled;
  status.receipts = receipts_.size();
  status.overflows = watch_->overflows();
  status.found_by_scan = watch_->found_by_scan();
  status.found_by_hint = watch_->found_by_hint();
  for (const auto& [hash, receipt] : receipts_.failed()) {
    if (status.failures.size() == kFailuresShown) break;
    status.failures.push_back(receipt);
  }
  return status;
}

bool LiveBucket::HasRoom() const {
  size_t under_way = 0;
  for (const auto& [target, dispatcher] : dispatchers_) under_way += dispatcher->under_way();
  return under_way < kUnderWayMax;
}

// One event for each function, by the first of its notifications that matches.
template <class Visit>
void LiveBucket::ForEachMatch(const std::string& key, Visit visit) {
  std::vector<ObjectDispatcher*> visited;
  for (const BucketNotification& n : settings_.notifications) {
    if (!n.Matches(key)) continue;
    ObjectDispatcher* dispatcher = dispatchers_.at(n.Target()).get();
    if (std::find(visited.begin(), visited.end(), dispatcher) != visited.end()) continue;
    visited.push_back(dispatcher);
    visit(*dispatcher, n);
  }
}

bool LiveBucket::IsSettled(const std::string& key, const ObjectIdentity& identity) {
  bool settled = true;
  ForEachMatch(key, [&](ObjectDispatcher& dispatcher, const BucketNotification&) {
    if (IsReplayed(key, dispatcher.target())) receipts_.Forget(dispatcher.target(), key);
    settled &= receipts_.Has(dispatcher.target(), key, identity) || dispatcher.IsUnderWay(key, identity);
  });
  return settled;
}

bool LiveBucket::IsReplayed(const std::string& key, const std::string& target) {
  bool replayed = false;
  for (ScanRequest& replay : replays_) {
    if (!replay.begun || !replay.forgets) continue;
    if (!replay.request.target.empty() && replay.request.target != target) continue;
    if (::fnmatch(replay.request.pattern.c_str(), key.c_str(), 0) != 0) continue;
    ++replay.count;
    replayed = true;
  }
  return replayed;
}

void LiveBucket::OnObject(const std::string& key, const ObjectIdentity& identity) {
  ForEachMatch(key, [&](ObjectDispatcher& dispatcher, const BucketNotification& notification) {
    if (!receipts_.Has(dispatcher.target(), key, identity)) dispatcher.Offer(key, identity, notification.id);
  });
}

void LiveBucket::OnGone(const std::string& key) {
  ForEachMatch(key, [&](ObjectDispatcher& dispatcher, const BucketNotification&) {
    receipts_.Forget(dispatcher.target(), key);
    dispatcher.Gone(key);
  });
}

void LiveBucket::OnScanStarted() {
  receipts_.BeginScan();
  for (ScanRequest& replay : replays_) replay.begun = true;
}

void LiveBucket::OnScanFinished(bool complete) {
  if (complete && MaySweep()) {
    receipts_.Sweep();
    RememberRoot();
    last_error_.clear();
  } else if (complete) {
    last_error_ = "the folder at " + settings_.path +
                  " is not the one of the last scan and has none of its files; the " +
                  std::to_string(receipts_.size()) + " receipts are kept (is a mount missing?)";
  }
  const auto over =
      std::stable_partition(replays_.begin(), replays_.end(), [](const ScanRequest& r) { return !r.begun; });
  for (auto replay = over; replay != replays_.end(); ++replay) {
    dispatch_.executor.Post(
        [replayed = std::move(replay->replayed), count = replay->count] { replayed(EncodeReplayed(count)); });
  }
  replays_.erase(over, replays_.end());
}

bool LiveBucket::MaySweep() const {
  if (receipts_.size() == 0 || receipts_.seen_in_scan() > 0) return true;
  return watch_->root() && RootText(*watch_->root()) == root_at_last_scan_;
}

void LiveBucket::RememberRoot() {
  if (!watch_->root() || RootText(*watch_->root()) == root_at_last_scan_) return;
  root_at_last_scan_ = RootText(*watch_->root());
  std::vector<KeyStore::Write> writes{{RootKey(settings_.name), root_at_last_scan_}};
  keys_.Apply(std::move(writes),
              [](const Status&) {});  // if it is not stored, the next life's first scan does it again
}

// Microseconds of the wall clock, and never the same or an earlier one: it grows over restarts too.
uint64_t LiveBucket::NextSequencer() {
  const auto now = static_cast<uint64_t>(dispatch_.executor.clock().WallNow().time_since_epoch().count());
  sequencer_ = std::max(sequencer_ + 1, now);
  return sequencer_;
}

void LiveBucket::OnProgress() {
  // Not inside the dispatcher's call: it may be let go here.
  dispatch_.executor.Post([weak = weak_.Get()] {
    if (!weak) return;
    std::erase_if(weak->retired_, [weak](const auto& entry) {
      if (entry.second->idle()) weak->ended_ += entry.second->counters();
      return entry.second->idle();
    });
    if (!weak->stopped_) weak->watch_->Resume();
    weak->CheckIdle();
  });
}

void LiveBucket::CheckIdle() {
  if (!stopped_ || !retired_.empty()) return;
  const auto busy = [](const auto& entry) { return !entry.second->idle(); };
  if (std::any_of(dispatchers_.begin(), dispatchers_.end(), busy)) return;
  if (auto idle = std::exchange(idle_, nullptr)) idle();
}

}  // namespace hearth
