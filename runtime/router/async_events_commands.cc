#include <utility>

#include "runtime/router/async_events.h"

namespace hearth {
namespace {

Error NotKnown(const RequestId& id) {
  return {ErrorCode::kNotFound,
          "no asynchronous invocation " + id.text() + " is known: it never was, or ended too long ago"};
}

}  // namespace

void AsyncEvents::Cancel(const RequestId& id, std::function<void(Status)> done) {
  const AsyncInvocation* known = book_.Find(id);
  Status may = Ok();
  if (known == nullptr) {
    may = NotKnown(id);
  } else if (HasEnded(known->state) || known->state == AsyncState::kSettling || meter_.HasSuccess(id)) {
    may = Error{ErrorCode::kConflict, "cancel " + id.text() + ": it has ended already"};
  } else if (known->state == AsyncState::kRunning) {
    may = Error{ErrorCode::kConflict,
                "cancel " + id.text() + ": it is running; wait until this attempt has ended"};
  }
  if (!may.ok()) {
    return executor_.Post([done = std::move(done), may] { done(may); });
  }
  AsyncInvocation cancelled = *known;
  cancelled.state = AsyncState::kCancelled;
  cancelled.settled = executor_.clock().WallNow();
  book_.Put(std::move(cancelled), std::move(done));
}

void AsyncEvents::Retry(const RequestId& id, std::function<void(Status)> done) {
  const AsyncInvocation* known = book_.Find(id);
  Status may = Ok();
  if (known == nullptr) {
    may = NotKnown(id);
  } else if (!HasEnded(known->state)) {
    may = Error{ErrorCode::kConflict,
                "retry " + id.text() + ": it has not ended, it is " + std::string(NameOf(known->state))};
  } else if (known->state == AsyncState::kSucceeded || meter_.HasSuccess(id)) {
    may = Error{ErrorCode::kConflict,
                "retry " + id.text() +
                    ": it has succeeded, and a success is not run again; invoke the function anew"};
  }
  if (!may.ok()) {
    return executor_.Post([done = std::move(done), may] { done(may); });
  }
  AsyncInvocation again = *known;
  again.queued = executor_.clock().WallNow();
  again.settled = {};
  again.failures = 0;
  again.attempt_base = again.attempt_last;
  again.deliveries.clear();
  again.result_bytes = 0;
  again.result_kept = false;
  if (!again.event_kept) {  // cancelled, and its message is still in the queue
    again.attempt_base = known->attempt_base;
    again.state = AsyncState::kQueued;
    return book_.Put(std::move(again), std::move(done));
  }
  again.state = AsyncState::kQueued;
  again.event_kept = false;
  book_.ReadEvent(id, [self = weak_.Get(), again,
                       done = std::move(done)](const Result<std::optional<std::string>>& event) {
    if (!self) return;
    if (!event.ok() || !*event) {
      return done(event.ok() ? Error{ErrorCode::kNotFound,
                                     "the event of " + again.request_id.text() + " is not kept any more"}
                             : event.error());
    }
    NewMessage message;
    message.body = **event;
    message.delay = seconds(0);
    self->WhenQueueIsThere(again.function, [self, again, message, done](const Status& ready) {
      if (!ready.ok()) return done(ready);
      self->queues_.Send(again.function, {message},
                         [self, again, done](const Result<std::vector<SentMessage>>& sent) {
                           if (!self) return;
                           if (!sent.ok()) return done(sent.error());
                           self->book_.Put(again, done);
                         });
    });
  });
}

}  // namespace hearth
