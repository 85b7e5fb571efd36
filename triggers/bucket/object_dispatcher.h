#pragma once

#include <deque>
#include <functional>
#include <optional>
#include <string>
#include <unordered_map>
#include <vector>

#include "runtime/base/back_off.h"
#include "runtime/base/log.h"
#include "runtime/base/weak_ptr.h"
#include "runtime/loop/executor.h"
#include "runtime/router/destination.h"
#include "runtime/router/event_sink.h"
#include "triggers/bucket/bucket_settings.h"
#include "triggers/bucket/object_source.h"
#include "triggers/bucket/outcome_log.h"
#include "triggers/bucket/receipt_book.h"

namespace hearth {

struct DispatchSettings {
  uint32_t concurrency_max = 32;  // events in flight for each function of a bucket
  // Between a failed attempt and the next; their number is that of the retries. Seconds, not Lambda's
  // minutes: somebody has just dropped a file and waits.
  std::vector<milliseconds> retry_delays{milliseconds(1000), milliseconds(5000)};
  milliseconds back_off_first{100};  // while the function cannot run at all; doubles
  milliseconds back_off_longest{30'000};
};

// What dispatchers work with; all outlive them.
struct DispatchServices {
  Executor& executor;
  EventSink& sink;
  Random& random;
  Log& log;
  std::string region;
  std::string account;
  DispatchSettings settings;
  Destination* destinations = nullptr;  // null: nobody is told of failures
};

struct DispatchCounters {
  uint64_t succeeded = 0;
  uint64_t failed = 0;     // for good, after the retries
  uint64_t retried = 0;    // after an error of the function
  uint64_t throttled = 0;  // could not run; tried again for as long as it takes

  DispatchCounters& operator+=(const DispatchCounters& other);
};

// What the notification asks for that an object goes out by.
struct ObjectTerms {
  std::string configuration_id;
  EventFormat format = EventFormat::kS3;
  uint32_t retries_max = kBucketRetriesMax;
  bool wants_removed = false;   // once it has run, and its file is gone
  uint32_t hops = 0;            // functions whose output led to it
  bool hashes = false;          // its receipt says the content's hash
  std::string on_failure = {};  // ARN of who is told when it fails for good
};

// Brings the objects of one bucket to one function.
//
// Each attempt has the object open, afresh: one that has other content by then is dropped, and looked at again.
//
// An object is ready -> running -> (telling, when it failed ->) recording -> gone; running -> waiting (function error, retries left) ->
// ready; running -> ready, and the whole dispatcher backs off, when nothing ran. The receipt is durable
// before the object is let go. A removal runs in the same way, and at its end the receipt goes. Of one key one
// thing runs at a time, the newest last.
//
// Owns:    the objects under way. Owned by LiveBucket.
// Borrows: DispatchServices, ReceiptBook, ObjectSource.
// Thread:  loop thread only.
// Limits:  running <= concurrency_max; takes what it is given: the owner looks at under_way() first.
// Failure: an object that fails for good gets a receipt that says so, once the destination has word of it. Never lost:
//          without a receipt the next scan finds it. A destination that is not there, or takes nothing so large, is
//          named in the receipt.
// Promise: no callback runs after the destructor returns.
class ObjectDispatcher final {
 public:
  // `next_sequencer` and `progress` belong to the owner; `progress` runs when an object is let go.
  ObjectDispatcher(DispatchServices& services, ReceiptBook& receipts, ObjectSource& source,
                   std::string bucket, std::string function, std::string qualifier,
                   std::function<uint64_t()> next_sequencer, std::function<void()> progress);

  // Who is told of each attempt; without one nobody is.
  using OnEnded = std::function<void(ObjectOutcome)>;
  void SetOnEnded(OnEnded ended) { ended_ = std::move(ended); }

  // Same key, same content: ignored while it is under way. Other content: runs after what runs now.
  void Offer(const std::string& key, const ObjectIdentity& identity, const ObjectTerms& terms);
  // The key has a receipt and no file any more.
  void OfferRemoval(const std::string& key, const ObjectTerms& terms);
  bool IsUnderWay(const std::string& key, const ObjectIdentity& identity) const;
  // The key has no file any more: what has not begun is dropped.
  void Gone(const std::string& key);
  // Begins nothing more; running attempts settle.
  void Stop();
  bool idle() const { return running_ == 0; }

  size_t under_way() const { return objects_.size(); }
  size_t running() const { return running_; }
  // When the oldest of those under way was noticed. Looks at each.
  std::optional<WallTime> oldest_noticed() const;
  const std::string& target() const { return target_; }
  const DispatchCounters& counters() const { return counters_; }
  const std::string& last_error() const { return last_error_; }

 private:
  enum class State { kReady, kRunning, kWaiting, kTelling, kRecording };
  enum class Retry { kAllowed, kPointless };
  struct Object {
    State state = State::kReady;
    bool is_removal = false;
    ObjectIdentity identity;
    ObjectTerms terms;
    RequestId request_id;
    WallTime noticed{};
    uint64_t sequencer = 0;
    uint32_t attempt = 0;
    size_t failures = 0;
    bool gone = false;
    MonotonicTime began{};                // of the attempt that runs
    std::optional<ObjectIdentity> newer;  // other content, seen while this runs
    Timer retry;
  };

  Object& Enter(const std::string& key, const ObjectIdentity& identity, const ObjectTerms& terms);
  void Pump();
  void Run(const std::string& key, Object& object);
  void OnOpened(const std::string& key, Result<std::shared_ptr<EventObject>> opened);
  void Deliver(const std::string& key, const Object& object, std::shared_ptr<EventObject> open);
  void Drop(const std::string& key);
  void Tell(const std::string& key, const Object& object, ObjectOutcome::Result result,
            const std::string& error) const;
  Event MakeEvent(const std::string& key, const Object& object) const;
  void OnOutcome(const std::string& key, Result<Outcome> outcome);
  void CouldNotRun(const std::string& key, Object& object, std::string why);
  void OnFailed(const std::string& key, Object& object, std::string why, Retry retry);
  void TellDestination(const std::string& key, std::string why);
  void OnTold(const std::string& key, std::string why, const Status& told);
  void Record(const std::string& key, Receipt::State state, std::string error);
  void Store(const std::string& key, Receipt receipt);
  void OnRecorded(const std::string& key, Receipt receipt, const Status& stored);
  void LetGo(const std::string& key);

  // Constant after construction.
  DispatchServices& services_;
  ReceiptBook& receipts_;
  ObjectSource& source_;
  const std::string bucket_;
  const std::string function_;
  const std::string qualifier_;
  const std::string target_;
  const std::function<uint64_t()> next_sequencer_;
  const std::function<void()> progress_;

  // Mutable.
  OnEnded ended_;
  bool stopped_ = false;
  std::unordered_map<std::string, Object> objects_;
  std::deque<std::string> ready_;  // keys; may hold some that are no longer ready
  size_t running_ = 0;             // running or recording
  bool backing_off_ = false;
  BackOff back_off_;
  Timer back_off_timer_;
  DispatchCounters counters_;
  std::string last_error_;
  WeakPtrFactory<ObjectDispatcher> weak_{this};
};

}  // namespace hearth
