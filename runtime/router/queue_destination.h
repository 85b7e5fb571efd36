#pragma once

#include <string>

#include "runtime/loop/executor.h"
#include "runtime/router/destination.h"
#include "runtime/store/queue_store.h"

namespace hearth {

// A queue of this daemon, by its ARN; of another account or region there is none.
//
// Borrows: the store and the executor; they outlive it.
// Thread:  loop thread.
// Limits:  the queue's own message size. To a FIFO queue messages go in one group.
class QueueDestination final : public Destination {
 public:
  struct Options {
    std::string account = "000000000000";
  };

  QueueDestination(Options options, QueueStore& queues, Executor& executor)
      : options_(std::move(options)), queues_(queues), executor_(executor) {}

  void Check(std::string arn, OnDone checked) override;
  void Send(std::string arn, Message message, OnDone stored) override;

 private:
  Result<std::string> QueueOf(const std::string& arn) const;

  const Options options_;
  QueueStore& queues_;
  Executor& executor_;
};

}  // namespace hearth
