#pragma once

#include <deque>
#include <map>
#include <memory>
#include <string>

#include "runtime/base/weak_ptr.h"
#include "runtime/control/sqs_call.h"
#include "runtime/control/sqs_message_attributes.h"
#include "runtime/loop/executor.h"

namespace hearth {

// ReceiveMessage, with long polls that cost no thread: one that finds nothing waits in its queue's line until
// a message becomes visible, its time is up, or its client goes.
//
// Owns:    the waiting polls.
// Borrows: QueueStore&, Executor& - both outlive it.
// Thread:  loop thread.
// Limits:  10 messages, 20 s a poll, kPollsMax polls in all; one more is answered at once.
// Failure: messages that were leased for a client that has gone meanwhile are given back.
// Promise: no callback runs after the destructor returns.
class SqsReceive final {
 public:
  static constexpr size_t kPollsMax = 4'096;  // a connection and about 2 KiB each

  SqsReceive(QueueStore& queues, Executor& executor, SqsIdentity identity)
      : queues_(queues), executor_(executor), identity_(std::move(identity)) {}

  void Receive(const SqsCallPtr& call);
  // A message may have become visible in `queue`.
  void OnVisible(std::string_view queue);
  // Polls that wait for it are refused like any receive of a queue that does not exist.
  void OnRemoved(std::string_view queue) { OnVisible(queue); }
  size_t polls_waiting() const;

 private:
  struct Poll;
  using PollPtr = std::shared_ptr<Poll>;
  struct Line {
    std::deque<PollPtr> polls;
    bool asking = false;   // one receive at a time, so that polls are served in their order
    bool visible = false;  // something became visible while it was under way
  };

  PollPtr Read(const SqsCallPtr& call) const;  // null: the call has failed
  void Start(const PollPtr& poll);
  void Ask(const PollPtr& poll, std::function<void(Result<std::vector<QueueMessage>>)> reply);
  void Wait(const PollPtr& poll);
  void ServeLine(const std::string& queue);
  void OnLineAsked(const std::string& queue, const PollPtr& poll, Result<std::vector<QueueMessage>> messages);
  void Leave(const PollPtr& poll);
  void Answer(const PollPtr& poll, const std::vector<QueueMessage>& messages);

  // Borrowed.
  QueueStore& queues_;
  Executor& executor_;
  // Constant after construction.
  const SqsIdentity identity_;
  // Mutable.
  std::map<std::string, Line, std::less<>> lines_;
  WeakPtrFactory<SqsReceive> weak_{this};
};

}  // namespace hearth
