#include "triggers/bucket/object_dispatcher.h"

#include <algorithm>

#include "triggers/bucket/s3_event_json.h"

namespace hearth {
namespace {

// The event itself is at fault and would be again; with any other error nothing ran, for reasons that pass.
bool IsFaultOfEvent(ErrorCode code) {
  return code == ErrorCode::kTooLarge || code == ErrorCode::kInvalidArgument;
}

std::string Describe(const Outcome& outcome) {
  return outcome.error.type.empty() ? std::string(NameOf(outcome.kind))
                                    : outcome.error.type + ": " + outcome.error.message;
}

}  // namespace

ObjectDispatcher::ObjectDispatcher(DispatchServices& services, ReceiptBook& receipts, ObjectSource& source,
                                   std::string bucket, std::string function, std::string qualifier,
                                   std::function<uint64_t()> next_sequencer, std::function<void()> progress)
    : services_(services),
      receipts_(receipts),
      source_(source),
      bucket_(std::move(bucket)),
      function_(std::move(function)),
      qualifier_(std::move(qualifier)),
      target_(qualifier_.empty() ? function_ : function_ + ":" + qualifier_),
      next_sequencer_(std::move(next_sequencer)),
      progress_(std::move(progress)),
      back_off_(services.settings.back_off_first, services.settings.back_off_longest) {}

void ObjectDispatcher::Offer(const std::string& key, const ObjectIdentity& identity,
                             const ObjectTerms& terms) {
  if (stopped_) return;
  const auto found = objects_.find(key);
  if (found == objects_.end()) {
    Enter(key, identity, terms);
    return Pump();
  }
  Object& object = found->second;
  const uint32_t hops = object.identity == identity ? std::max(object.terms.hops, terms.hops) : terms.hops;
  object.terms = terms;
  object.terms.hops = hops;  // a scan sees the same file and knows nothing of them
  if (object.state == State::kReady) {
    object.identity = identity;
    object.is_removal = false;  // it is there again
  } else if (object.state == State::kWaiting) {
    // What failed is not there any more: a new object, with retries of its own.
    if (object.identity == identity && !object.is_removal) return;
    objects_.erase(found);
    Enter(key, identity, terms);
    Pump();
  } else {
    object.gone = false;
    const bool same = object.identity == identity && !object.is_removal;
    object.newer = same ? std::nullopt : std::optional(identity);
  }
}

void ObjectDispatcher::OfferRemoval(const std::string& key, const ObjectTerms& terms) {
  if (stopped_) return;
  const auto found = objects_.find(key);
  if (found != objects_.end()) return Gone(key);
  Enter(key, {}, terms).is_removal = true;
  Pump();
}

ObjectDispatcher::Object& ObjectDispatcher::Enter(const std::string& key, const ObjectIdentity& identity,
                                                  const ObjectTerms& terms) {
  Object& object = objects_[key];
  object.identity = identity;
  object.terms = terms;
  object.request_id = RequestId::Make(services_.random);
  object.noticed = services_.executor.clock().WallNow();
  object.sequencer = next_sequencer_();
  ready_.push_back(key);
  return object;
}

DispatchCounters& DispatchCounters::operator+=(const DispatchCounters& other) {
  succeeded += other.succeeded;
  failed += other.failed;
  retried += other.retried;
  throttled += other.throttled;
  return *this;
}

std::optional<WallTime> ObjectDispatcher::oldest_noticed() const {
  std::optional<WallTime> oldest;
  for (const auto& [key, object] : objects_) {
    if (!oldest || object.noticed < *oldest) oldest = object.noticed;
  }
  return oldest;
}

bool ObjectDispatcher::IsUnderWay(const std::string& key, const ObjectIdentity& identity) const {
  const auto found = objects_.find(key);
  if (found == objects_.end()) return false;
  const Object& object = found->second;
  if (object.is_removal && !object.newer) return false;
  return (object.newer ? *object.newer : object.identity) == identity;
}

void ObjectDispatcher::Gone(const std::string& key) {
  const auto found = objects_.find(key);
  if (found == objects_.end() || found->second.is_removal) return;
  Object& object = found->second;
  if (object.state == State::kReady || object.state == State::kWaiting) {
    objects_.erase(found);
    progress_();
    return;
  }
  object.gone = true;
  object.newer.reset();
}

void ObjectDispatcher::Stop() {
  stopped_ = true;
  ready_.clear();
  back_off_timer_.Cancel();
  std::erase_if(objects_, [](const auto& entry) {
    return entry.second.state == State::kReady || entry.second.state == State::kWaiting;
  });
}

void ObjectDispatcher::Pump() {
  while (!stopped_ && !backing_off_ && running_ < services_.settings.concurrency_max && !ready_.empty()) {
    const std::string key = std::move(ready_.front());
    ready_.pop_front();
    const auto found = objects_.find(key);
    if (found == objects_.end() || found->second.state != State::kReady) continue;
    Run(key, found->second);
  }
}

void ObjectDispatcher::Tell(const std::string& key, const Object& object, ObjectOutcome::Result result,
                            const std::string& error) const {
  if (!ended_) return;
  ObjectOutcome outcome;
  outcome.result = result;
  outcome.key = key;
  outcome.target = target_;
  outcome.is_removal = object.is_removal;
  outcome.request_id = object.request_id.text();
  outcome.attempt = object.attempt;
  outcome.hops = object.terms.hops;
  outcome.took = std::chrono::duration_cast<milliseconds>(services_.executor.clock().Now() - object.began);
  outcome.error = error;
  ended_(std::move(outcome));
}

void ObjectDispatcher::Run(const std::string& key, Object& object) {
  object.began = services_.executor.clock().Now();
  if (object.terms.hops >= kHopsMax) {
    return OnFailed(
        key, object,
        "Hearth.HopLimit: " + std::to_string(object.terms.hops) +
            " functions, one after the other, led to this object by what they wrote, which is the "
            "limit: they start each other in a circle. Narrow a prefix or suffix of their notifications, "
            "then replay the object",
        Retry::kPointless);
  }
  object.state = State::kRunning;
  ++object.attempt;
  ++running_;
  if (object.is_removal) return Deliver(key, object, nullptr);
  source_.Open(key, object.identity, [weak = weak_.Get(), key](Result<std::shared_ptr<EventObject>> opened) {
    if (weak) weak->OnOpened(key, std::move(opened));
  });
}

void ObjectDispatcher::OnOpened(const std::string& key, Result<std::shared_ptr<EventObject>> opened) {
  Object& object = objects_.at(key);
  if (opened.ok() && !object.gone && !stopped_) return Deliver(key, object, std::move(*opened));
  --running_;
  if (!opened.ok() && opened.error().code == ErrorCode::kUnavailable) {
    --object.attempt;
    CouldNotRun(key, object, opened.error().message);
  } else {
    Drop(key);
  }
  Pump();
}

// Not what it was. What is there now is seen or being looked at; it may also be gone.
void ObjectDispatcher::Drop(const std::string& key) {
  const Object& object = objects_.at(key);
  Tell(key, object, ObjectOutcome::Result::kOutdated, "");
  const bool look = !object.newer && !object.gone && !stopped_;
  const bool tell_removal = object.gone && object.terms.wants_removed && receipts_.Knows(target_, key);
  const ObjectTerms terms = object.terms;
  LetGo(key);
  if (look) source_.LookAgain(key, terms.hops);
  if (tell_removal) OfferRemoval(key, terms);
}

void ObjectDispatcher::Deliver(const std::string& key, const Object& object,
                               std::shared_ptr<EventObject> open) {
  Event event = MakeEvent(key, object);
  event.object = std::move(open);
  services_.sink.Deliver(std::move(event), [weak = weak_.Get(), key](Result<Outcome> outcome) {
    if (weak) weak->OnOutcome(key, std::move(outcome));
  });
}

Event ObjectDispatcher::MakeEvent(const std::string& key, const Object& object) const {
  ObjectEvent told;
  told.kind = object.is_removal ? ObjectEvent::Kind::kRemoved : ObjectEvent::Kind::kCreated;
  told.region = services_.region;
  told.account = services_.account;
  told.bucket = bucket_;
  told.configuration_id = object.terms.configuration_id;
  told.key = key;
  told.identity = object.identity;
  told.noticed = object.noticed;
  told.sequencer = object.sequencer;
  told.request_id = object.request_id.text();
  told.hops = object.terms.hops;
  Event event;
  event.request_id = object.request_id;
  event.function = function_;
  event.qualifier = qualifier_;
  event.trigger = TriggerKind::kBucket;
  event.attempt = object.attempt;
  event.hops = object.terms.hops;
  if (object.terms.format == EventFormat::kCloudEvents) {
    event.payload = EncodeCloudEvent(told);
    event.content_type = "application/cloudevents+json";
  } else {
    event.payload = EncodeS3Event(told);
  }
  return event;
}

void ObjectDispatcher::OnOutcome(const std::string& key, Result<Outcome> outcome) {
  Object& object = objects_.at(key);
  --running_;
  if (!outcome.ok()) {
    const Error& error = outcome.error();
    if (IsFaultOfEvent(error.code)) {
      OnFailed(key, object, error.message, Retry::kPointless);
    } else {
      --object.attempt;  // there is no record of it: the number is free
      CouldNotRun(key, object, error.message);
    }
  } else if (!outcome->ok() && !IsBillable(outcome->kind)) {
    CouldNotRun(key, object, Describe(*outcome));
  } else {
    back_off_.Reset();
    if (outcome->ok()) {
      ++counters_.succeeded;
      Tell(key, object, ObjectOutcome::Result::kSucceeded, "");
      last_error_.clear();
      Record(key, Receipt::State::kDone, "");
    } else {
      OnFailed(key, object, Describe(*outcome), Retry::kAllowed);
    }
  }
  Pump();
}

void ObjectDispatcher::CouldNotRun(const std::string& key, Object& object, std::string why) {
  ++counters_.throttled;
  Tell(key, object, ObjectOutcome::Result::kWaiting, why);
  last_error_ = std::move(why);
  if (object.gone || stopped_) return LetGo(key);
  if (object.newer) {
    object.identity = *std::exchange(object.newer, std::nullopt);
    object.is_removal = false;
  }
  object.state = State::kReady;
  ready_.push_front(key);
  if (backing_off_) return;
  backing_off_ = true;
  back_off_timer_ = services_.executor.After(back_off_.Next(services_.random), [this] {
    backing_off_ = false;
    Pump();
  });
}

void ObjectDispatcher::OnFailed(const std::string& key, Object& object, std::string why, Retry retry) {
  last_error_ = why;
  const size_t failures = object.failures++;
  const bool superseded = object.gone || object.newer;
  const size_t retries_max =
      std::min<size_t>(services_.settings.retry_delays.size(), object.terms.retries_max);
  if (retry == Retry::kAllowed && !superseded && failures < retries_max) {
    if (stopped_) return LetGo(key);  // without a receipt: the next start finds it
    ++counters_.retried;
    Tell(key, object, ObjectOutcome::Result::kRetried, why);
    object.state = State::kWaiting;
    object.retry = services_.executor.After(services_.settings.retry_delays[failures], [this, key] {
      objects_.at(key).state = State::kReady;
      ready_.push_back(key);
      Pump();
    });
    return;
  }
  ++counters_.failed;
  Tell(key, object, ObjectOutcome::Result::kFailed, why);
  services_.log.Warn("bucket: an object failed for good",
                     {{"bucket", bucket_}, {"key", EncodeKey(key)}, {"function", target_}, {"error", why}});
  if (object.terms.on_failure.empty() || services_.destinations == nullptr)
    return Record(key, Receipt::State::kFailed, std::move(why));
  object.state = State::kTelling;
  ++running_;
  TellDestination(key, std::move(why));
}

// Before the receipt: a daemon that dies in between runs the object once more, and tells of it again.
void ObjectDispatcher::TellDestination(const std::string& key, std::string why) {
  const Object& object = objects_.at(key);
  const Event event = MakeEvent(key, object);
  FailedEvent failed;
  failed.event = event.payload;
  failed.request_id = object.request_id.text();
  failed.function_arn =
      "arn:aws:lambda:" + services_.region + ":" + services_.account + ":function:" + target_;
  failed.attempts = object.attempt;
  failed.error = why;
  Destination::Message message;
  message.body = EncodeFailedEvent(failed, services_.executor.clock().WallNow());
  message.idempotency_key = "bucket-" + object.request_id.text();
  services_.destinations->Send(object.terms.on_failure, std::move(message),
                               [weak = weak_.Get(), key, why = std::move(why)](const Status& told) {
                                 if (weak) weak->OnTold(key, why, told);
                               });
}

void ObjectDispatcher::OnTold(const std::string& key, std::string why, const Status& told) {
  Object& object = objects_.at(key);
  const bool passes =
      !told.ok() && !IsFaultOfEvent(told.error().code) && told.error().code != ErrorCode::kNotFound;
  if (passes) {
    last_error_ = "destination not told: " + told.error().message;
    if (!stopped_) {
      object.retry =
          services_.executor.After(services_.settings.back_off_longest / 10,
                                   [this, key, why = std::move(why)] { TellDestination(key, why); });
      return;
    }
    --running_;
    return LetGo(key);  // without a receipt: the next start finds it
  }
  --running_;
  if (!told.ok()) {
    services_.log.Error("bucket: a destination takes no word of a failed object",
                        {{"bucket", bucket_}, {"key", EncodeKey(key)}, {"error", told.error().message}});
    why += " (OnFailure was not told: " + told.error().message + ")";
  }
  Record(key, Receipt::State::kFailed, std::move(why));
  Pump();
}

void ObjectDispatcher::Record(const std::string& key, Receipt::State state, std::string error) {
  Object& object = objects_.at(key);
  if (object.is_removal) {
    // Without a receipt nothing is left to tell of: if this is lost, the next scan finds the receipt and tells
    // once more.
    receipts_.Forget(target_, key);
    return LetGo(key);
  }
  if (object.gone && !object.terms.wants_removed) return LetGo(key);
  object.state = State::kRecording;
  ++running_;
  Receipt receipt{state, target_, key, object.identity, std::move(error), ""};
  if (!object.terms.hashes || state != Receipt::State::kDone) return Store(key, std::move(receipt));
  source_.Hash(key, object.identity, [weak = weak_.Get(), key, receipt](std::string hash) mutable {
    receipt.hash = std::move(hash);
    if (weak) weak->Store(key, std::move(receipt));
  });
}

void ObjectDispatcher::Store(const std::string& key, Receipt receipt) {
  receipts_.Record(receipt, [weak = weak_.Get(), key, receipt](const Status& stored) {
    if (weak) weak->OnRecorded(key, receipt, stored);
  });
}

void ObjectDispatcher::OnRecorded(const std::string& key, Receipt receipt, const Status& stored) {
  --running_;
  if (!stored.ok()) {
    // The object has run. Letting go of it now would run it again at the next scan: hold it until the store
    // works.
    last_error_ = "receipt not stored: " + stored.error().message;
    if (!stopped_) {
      ++running_;
      Object& object = objects_.at(key);
      object.retry = services_.executor.After(services_.settings.back_off_longest / 10, [this, key, receipt] {
        --running_;
        Record(key, receipt.state, receipt.error);
      });
      return;
    }
  }
  const Object& object = objects_.at(key);
  const bool tell_removal = object.gone && object.terms.wants_removed;
  if (object.gone && !tell_removal) receipts_.Forget(target_, key);
  const ObjectTerms terms = object.terms;
  LetGo(key);
  if (tell_removal) OfferRemoval(key, terms);
  Pump();
}

void ObjectDispatcher::LetGo(const std::string& key) {
  auto object = objects_.extract(key);
  if (object.mapped().newer && !stopped_) Enter(key, *object.mapped().newer, object.mapped().terms);
  progress_();
}

}  // namespace hearth
