#include "triggers/bucket/live_bucket.h"

#include <fnmatch.h>

#include <algorithm>

namespace hearth {
namespace {

// Without its receipts a bucket would run everything again, so it waits for them.
constexpr milliseconds kLoadAgainAfter{2000};
constexpr milliseconds kLookAgainAfter{2000};

std::string RootText(const BucketRoot& root) {
  return std::to_string(root.device) + ':' + std::to_string(root.inode);
}

std::string RootKey(const std::string& bucket) { return "root/" + bucket; }

}  // namespace

LiveBucket::LiveBucket(DispatchServices& dispatch, BucketWatch::Services& watch, WorkThread& hashing,
                       KeyStore& receipts, InotifyTree::RootId id, BucketSettings settings)
    : dispatch_(dispatch),
      keys_(receipts),
      settings_(std::move(settings)),
      receipts_(receipts, settings_.name),
      starts_(receipts, settings_.name),
      sequencer_(receipts, dispatch.executor.clock(), settings_.name),
      watch_(std::make_unique<BucketWatch>(watch, id, settings_.path, settings_.rules, *this)),
      opener_(watch.executor, watch.disk),
      hasher_(watch.executor, hashing) {
  MakeDispatchers();
}

LiveBucket::~LiveBucket() = default;

void LiveBucket::Start() {
  started_ = true;
  Load([weak = weak_.Get()](const Status& loaded) {
    if (weak) weak->OnLoaded(loaded);
  });
}

void LiveBucket::Load(KeyStore::Done done) {
  keys_.Get(RootKey(settings_.name),
            [weak = weak_.Get(), done = std::move(done)](const Result<std::optional<std::string>>& root) {
              if (!weak) return;
              if (root.ok()) weak->root_at_last_scan_ = root->value_or("");
              weak->sequencer_.Load([weak, done](const Status& numbered) {
                if (!weak) return;
                if (!numbered.ok()) return done(numbered);
                weak->starts_.Load([weak, done](const Status& begun) {
                  if (!weak) return;
                  if (!begun.ok()) return done(begun);
                  weak->receipts_.Load(done);
                });
              });
            });
}

void LiveBucket::OnLoaded(const Status& loaded) {
  if (stopped_) return;
  if (loaded.ok()) {
    last_error_.clear();
    starts_.Use(settings_);
    loaded_ = true;
    if (!starts_.any_pending()) OnBegun(Ok());
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
        dispatch_, receipts_, static_cast<ObjectSource&>(*this), settings_.name, n.function, n.qualifier,
        [this] { return sequencer_.Next(); }, [this] { OnProgress(); });
    dispatcher->SetOnEnded([this](ObjectOutcome outcome) { OnEnded(std::move(outcome)); });
  }
  for (auto& [target, dispatcher] : old) {
    dispatcher->Stop();
    retired_[target + '#' + std::to_string(sequencer_.Next())] = std::move(dispatcher);
  }
}

void LiveBucket::Configure(BucketSettings settings) {
  settings_ = std::move(settings);
  MakeDispatchers();
  if (started_) starts_.Use(settings_);
  watch_->SetRules(settings_.rules);
  if (started_) watch_->RequestScan();
}

void LiveBucket::WhenBegun(std::function<void()> begun) {
  if (stopped_ || !started_ || (loaded_ && !starts_.any_pending()))
    return dispatch_.executor.Post(std::move(begun));
  begun_.push_back(std::move(begun));
  begun_anyway_ = dispatch_.executor.After(kStartPatience, [this] { OnBegun(Ok()); });
}

void LiveBucket::OnBegun(const Status& stored) {
  if (!stored.ok()) last_error_ = "where functions begin is not stored: " + stored.error().message;
  begun_anyway_.Cancel();
  for (auto& begun : std::exchange(begun_, {})) dispatch_.executor.Post(std::move(begun));
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
  look_again_.Cancel();
  watch_->Stop();
  for (const auto& [target, dispatcher] : dispatchers_) dispatcher->Stop();
  for (ScanRequest& replay : std::exchange(replays_, {})) {
    dispatch_.executor.Post([replayed = std::move(replay.replayed)] {
      replayed(Error{ErrorCode::kUnavailable, "the bucket was stopped before its scan was over"});
    });
  }
  OnBegun(Ok());
  AnswerOutcomes();
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
  status.skipped = skipped_;
  status.unchanged = unchanged_;
  status.waiting = watch_->waiting();
  status.starting = starts_.PendingTargets();
  status.overflows = watch_->overflows();
  status.found_by_scan = watch_->found_by_scan();
  status.found_by_hint = watch_->found_by_hint();
  for (const auto& [hash, receipt] : receipts_.failed()) {
    if (status.failures.size() == kFailuresShown) break;
    status.failures.push_back(receipt);
  }
  return status;
}

void LiveBucket::OnEnded(ObjectOutcome outcome) {
  outcomes_.Add(dispatch_.executor.clock().WallNow(), std::move(outcome));
  if (outcomes_waiters_.empty()) return;
  // What ends in this turn of the loop is told together.
  dispatch_.executor.Post([weak = weak_.Get()] {
    if (weak) weak->AnswerOutcomes();
  });
}

void LiveBucket::Outcomes(const OutcomesRequest& request, Replayed reply) {
  const bool waits = request.wait > milliseconds(0) && request.after == outcomes_.last() && !stopped_ &&
                     outcomes_waiters_.size() < kOutcomesWaitersMax;
  if (!waits) {
    return dispatch_.executor.Post(
        [told = outcomes_.After(request.after), reply = std::move(reply)] { reply(told); });
  }
  Timer over = dispatch_.executor.After(request.wait, [this] { AnswerOutcomes(); });
  outcomes_waiters_.push_back({request.after, std::move(reply), std::move(over)});
}

// All of them: who is answered before its time asks again.
void LiveBucket::AnswerOutcomes() {
  for (OutcomesWaiter& waiter : std::exchange(outcomes_waiters_, {})) {
    dispatch_.executor.Post(
        [told = outcomes_.After(waiter.after), reply = std::move(waiter.reply)] { reply(told); });
  }
}

void LiveBucket::Hash(const std::string& key, const ObjectIdentity& identity, ObjectSource::OnHashed hashed) {
  if (!watch_->root()) {
    dispatch_.executor.Post([weak = weak_.Get(), hashed = std::move(hashed)] {
      if (weak) hashed("");
    });
    return;
  }
  hasher_.Hash(*watch_->root(), key, identity, [hashed = std::move(hashed)](const Result<std::string>& hash) {
    hashed(hash.ok() ? *hash : "");
  });
}

void LiveBucket::Compare(const std::string& target, const KeyHint& hint, const ObjectIdentity& identity,
                         ObjectTerms terms) {
  const auto [found, is_new] =
      comparisons_.try_emplace({target, hint.key}, Comparison{hint, identity, terms});
  if (!is_new) {  // the one under way is of what was there before
    found->second = {hint, identity, terms};
    return;
  }
  hasher_.Hash(*watch_->root(), hint.key, identity,
               [this, target, key = hint.key, identity](const Result<std::string>& hash) {
                 const auto compared = comparisons_.find({target, key});
                 if (compared == comparisons_.end()) return;
                 if (compared->second.identity == identity) return OnCompared(target, key, hash);
                 const Comparison newer = comparisons_.extract(compared).mapped();
                 if (watch_->root()) Compare(target, newer.hint, newer.identity, newer.terms);
               });
}

void LiveBucket::OnCompared(const std::string& target, const std::string& key,
                            const Result<std::string>& hash) {
  receipts_.HashOf(target, key, [this, target, key, hash](const std::string& done) {
    const auto node = comparisons_.extract({target, key});
    OnProgress();  // there is room again
    const auto dispatcher = dispatchers_.find(target);
    if (node.empty() || dispatcher == dispatchers_.end() || stopped_) return;
    const Comparison& one = node.mapped();
    if (!hash.ok() || done.empty() || *hash != done)
      return dispatcher->second->Offer(key, one.identity, one.terms);
    ++unchanged_;
    // If it is not stored, the next life compares once more.
    receipts_.Record({Receipt::State::kDone, target, key, one.identity, "", done}, [](const Status&) {});
  });
}

bool LiveBucket::HasRoom() const {
  size_t under_way = comparisons_.size();
  for (const auto& [target, dispatcher] : dispatchers_) under_way += dispatcher->under_way();
  return under_way < kUnderWayMax;
}

// One event for each function, by the first of its notifications that matches.
void LiveBucket::ForEach(const std::function<bool(const BucketNotification&)>& wants, const Visit& visit) {
  std::vector<ObjectDispatcher*> visited;
  for (const BucketNotification& n : settings_.notifications) {
    if (!wants(n)) continue;
    ObjectDispatcher* dispatcher = dispatchers_.at(n.Target()).get();
    if (std::find(visited.begin(), visited.end(), dispatcher) != visited.end()) continue;
    visited.push_back(dispatcher);
    visit(*dispatcher, n);
  }
}

void LiveBucket::ForEachCreated(const std::string& key, uint64_t size, const Visit& visit) {
  ForEach([&](const BucketNotification& n) { return n.WantsCreated(key, size); }, visit);
}

void LiveBucket::ForEachRemoved(const std::string& key, const Visit& visit) {
  ForEach([&](const BucketNotification& n) { return n.WantsRemoved(key); }, visit);
}

bool LiveBucket::wants_removals() const {
  const auto wants = [](const BucketNotification& n) { return n.removed; };
  return std::any_of(settings_.notifications.begin(), settings_.notifications.end(), wants);
}

ObjectTerms LiveBucket::TermsOf(const BucketNotification& notification, const std::string& key) const {
  const auto wants = [&](const BucketNotification& n) {
    return n.WantsRemoved(key) && n.Target() == notification.Target();
  };
  const bool removed = std::any_of(settings_.notifications.begin(), settings_.notifications.end(), wants);
  ObjectTerms terms{notification.id, notification.format, notification.retries_max, removed};
  terms.on_failure = notification.on_failure;
  return terms;
}

bool LiveBucket::IsSettled(const std::string& key, const ObjectIdentity& identity) {
  bool settled = true;
  CountCandidates(key, identity);
  ForEachCreated(key, identity.size, [&](ObjectDispatcher& dispatcher, const BucketNotification&) {
    const std::string& target = dispatcher.target();
    if (IsReplayed(key, identity, target)) receipts_.Forget(target, key);
    if (receipts_.Has(target, key, identity) || dispatcher.IsUnderWay(key, identity)) return;
    if (!SkipIfOld(key, identity, target)) settled = false;
  });
  SkipForRemovals(key, identity);
  return settled;
}

bool LiveBucket::SkipIfOld(const std::string& key, const ObjectIdentity& identity,
                           const std::string& target) {
  const auto pending = starts_.Pending(target);
  if (!pending) return false;
  if (*pending == StartFrom::kCheckpoint && !IsDoneByOther(key, identity, target)) return false;
  receipts_.Skip(target, key, identity);
  ++skipped_;
  return true;
}

bool LiveBucket::IsDoneByOther(const std::string& key, const ObjectIdentity& identity,
                               const std::string& target) {
  bool done = false;
  starts_.ForEachOther(target,
                       [&](const std::string& other) { done |= receipts_.Has(other, key, identity); });
  return done;
}

// Only what has a receipt is missed when it goes.
void LiveBucket::SkipForRemovals(const std::string& key, const ObjectIdentity& identity) {
  if (!wants_removals()) return;
  ForEachRemoved(key, [&](ObjectDispatcher& dispatcher, const BucketNotification&) {
    const std::string& target = dispatcher.target();
    bool runs = false;
    ForEachCreated(key, identity.size, [&](ObjectDispatcher& other, const BucketNotification&) {
      runs |= &other == &dispatcher;
    });
    if (!runs && !receipts_.Has(target, key, identity)) receipts_.Skip(target, key, identity);
  });
}

bool ReplayRequest::Takes(const std::string& key, const ObjectIdentity& identity) const {
  if (since && identity.ctime_ns < std::chrono::nanoseconds(since->time_since_epoch()).count()) return false;
  return ::fnmatch(pattern.c_str(), key.c_str(), 0) == 0;
}

bool LiveBucket::IsReplayed(const std::string& key, const ObjectIdentity& identity,
                            const std::string& target) {
  bool replayed = false;
  for (ScanRequest& replay : replays_) {
    if (!replay.begun || !replay.forgets || replay.request.candidate) continue;
    if (!replay.request.target.empty() && replay.request.target != target) continue;
    if (!replay.request.Takes(key, identity)) continue;
    ++replay.count;
    replayed |= !replay.request.dry_run;
  }
  return replayed;
}

void LiveBucket::CountCandidates(const std::string& key, const ObjectIdentity& identity) {
  for (ScanRequest& replay : replays_) {
    if (!replay.begun || !replay.request.candidate) continue;
    const BucketNotification& candidate = *replay.request.candidate;
    const std::string target = candidate.Target();
    const bool wanted = candidate.WantsCreated(key, identity.size) && replay.request.Takes(key, identity);
    if (!wanted || receipts_.Has(target, key, identity)) continue;
    const bool is_new = !dispatchers_.contains(target);
    if (is_new && candidate.start_from == StartFrom::kNow) continue;
    if (is_new && candidate.start_from == StartFrom::kCheckpoint && IsDoneByOther(key, identity, target))
      continue;
    ++replay.count;
  }
}

// What a hint does not tell of has lost where it comes from. Where functions start each other, the deepest of those
// known stands for it, so that a circle which outruns the hints ends too; but it runs, since it may be anybody's.
uint32_t LiveBucket::HopsOf(const KeyHint& hint) {
  if (hint.from_scan) return std::min(std::max(hops_since_scan_, hops_before_scan_), kHopsMax - 1);
  hops_since_scan_ = std::max(hops_since_scan_, hint.hops);
  return hint.hops;
}

void LiveBucket::OnObject(const KeyHint& hint, const ObjectIdentity& identity) {
  const std::string& key = hint.key;
  const uint32_t hops = HopsOf(hint);
  ForEachCreated(key, identity.size,
                 [&](ObjectDispatcher& dispatcher, const BucketNotification& notification) {
                   if (receipts_.Has(dispatcher.target(), key, identity)) return;
                   if (hint.from_scan && SkipIfOld(key, identity, dispatcher.target())) return;
                   ObjectTerms terms = TermsOf(notification, key);
                   terms.hops = hops;
                   terms.hashes = settings_.content_hash;
                   const bool compare = settings_.content_hash && watch_->root() &&
                                        receipts_.HasHashOf(dispatcher.target(), key) &&
                                        !dispatcher.IsUnderWay(key, identity);
                   if (compare) return Compare(dispatcher.target(), hint, identity, terms);
                   dispatcher.Offer(key, identity, terms);
                 });
  SkipForRemovals(key, identity);
  FlushSkipped();
}

void LiveBucket::FlushSkipped() {
  if (starts_.any_pending() || !wants_removals()) return;  // a pending scan flushes at its end
  receipts_.FlushSkipped([](const Status&) {});            // if it fails the next scan skips it again
}

void LiveBucket::OnGone(const std::string& key) {
  std::erase_if(comparisons_, [&](const auto& entry) { return entry.first.second == key; });
  const auto told = [&](const std::string& target) {
    const auto tells = [&](const BucketNotification& n) {
      return n.Target() == target && n.WantsRemoved(key);
    };
    return std::any_of(settings_.notifications.begin(), settings_.notifications.end(), tells);
  };
  ForEach([&](const BucketNotification& n) { return n.Matches(key); },
          [&](ObjectDispatcher& dispatcher, const BucketNotification&) {
            dispatcher.Gone(key);
            if (!told(dispatcher.target())) receipts_.Forget(dispatcher.target(), key);
          });
  ForEachRemoved(key, [&](ObjectDispatcher& dispatcher, const BucketNotification& notification) {
    if (receipts_.Knows(dispatcher.target(), key)) dispatcher.OfferRemoval(key, TermsOf(notification, key));
  });
}

void LiveBucket::OnScanStarted() {
  receipts_.BeginScan();
  starts_.OnScanStarted();
  sweep_left_ = false;
  for (ScanRequest& replay : replays_) replay.begun = true;
}

void LiveBucket::OnScanFinished(bool complete) {
  hops_before_scan_ = std::exchange(hops_since_scan_, 0);
  if (complete && MaySweep()) {
    Sweep();
    RememberRoot();
    last_error_.clear();
  } else if (complete) {
    last_error_ = "the folder at " + settings_.path +
                  " is not the one of the last scan and has none of its files; the " +
                  std::to_string(receipts_.size()) + " receipts are kept (is a mount missing?)";
    // Nobody tells when something is mounted over a folder.
    look_again_ = dispatch_.executor.After(kLookAgainAfter, [this] { watch_->RequestScan(); });
  }
  receipts_.FlushSkipped([weak = weak_.Get(), complete](const Status& stored) {
    if (!weak) return;
    if (!stored.ok() || !complete) return weak->OnBegun(stored);
    weak->starts_.OnScanFinished(weak->settings_, [weak](const Status& begun) {
      if (weak) weak->OnBegun(begun);
    });
  });
  const auto over =
      std::stable_partition(replays_.begin(), replays_.end(), [](const ScanRequest& r) { return !r.begun; });
  for (auto replay = over; replay != replays_.end(); ++replay) {
    std::string answer = EncodeReplayed(replay->request, replay->count);
    dispatch_.executor.Post(
        [replayed = std::move(replay->replayed), answer = std::move(answer)] { replayed(answer); });
  }
  replays_.erase(over, replays_.end());
}

void LiveBucket::Sweep() {
  if (!wants_removals()) return receipts_.Sweep();
  receipts_.TakeUnseen(kUnderWayMax / 2, [weak = weak_.Get()](const std::vector<Receipt>& unseen, bool left) {
    if (weak && !weak->stopped_) weak->OnUnseen(unseen, left);
  });
}

// They went while nobody saw it.
void LiveBucket::OnUnseen(const std::vector<Receipt>& unseen, bool left) {
  sweep_left_ = left;
  for (const Receipt& receipt : unseen) {
    bool told = false;
    ForEachRemoved(receipt.key, [&](ObjectDispatcher& dispatcher, const BucketNotification& notification) {
      if (dispatcher.target() != receipt.target) return;
      told = true;
      dispatcher.OfferRemoval(receipt.key, TermsOf(notification, receipt.key));
    });
    if (!told) receipts_.Forget(receipt.target, receipt.key);
  }
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

void LiveBucket::OnProgress() {
  // Not inside the dispatcher's call: it may be let go here.
  dispatch_.executor.Post([weak = weak_.Get()] {
    if (!weak) return;
    std::erase_if(weak->retired_, [weak](const auto& entry) {
      if (entry.second->idle()) weak->ended_ += entry.second->counters();
      return entry.second->idle();
    });
    if (!weak->stopped_ && weak->sweep_left_ && weak->HasRoom()) {
      weak->sweep_left_ = false;
      weak->watch_->RequestScan();
    }
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
