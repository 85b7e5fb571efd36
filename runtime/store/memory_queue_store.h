#pragma once

#include <map>
#include <optional>
#include <set>

#include "runtime/base/random.h"
#include "runtime/base/weak_ptr.h"
#include "runtime/loop/executor.h"
#include "runtime/store/lease_clock.h"
#include "runtime/store/queue_store.h"
#include "runtime/store/receipt_handle.h"

namespace hearth {

// QueueStore for tests: the same semantics as the SQLite driver (one conformance suite runs against both), no
// disk, nothing random: message ids are the same in every run.
//
// Borrows: Executor&, outlives it.
// Thread:  the executor's. Calls take effect at once; completions are posted, then OnVisible.
// Cost:    linear in the backlog here and there; it is for tests.
class MemoryQueueStore final : public QueueStore {
 public:
  explicit MemoryQueueStore(Executor& executor, Bytes message_bytes_max = kMessageBytesMax)
      : executor_(executor), clock_(executor.clock(), 0), message_bytes_max_(message_bytes_max) {}

  void Create(std::string queue, QueueSettings settings, Done done) override;
  void Configure(std::string queue, QueueSettings settings, Done done) override;
  void Remove(std::string queue, Done done) override;
  void List(Reply<std::vector<QueueDescription>> reply) override;
  void Describe(std::string queue, Reply<QueueDescription> reply) override;
  void Statistics(std::string queue, Reply<QueueStatistics> reply) override;
  void AllStatistics(Reply<std::vector<std::pair<std::string, QueueStatistics>>> reply) override;
  void Send(std::string queue, std::vector<NewMessage> messages,
            Reply<std::vector<SentMessage>> reply) override;
  void Receive(std::string queue, ReceiveRequest request, Reply<std::vector<QueueMessage>> reply) override;
  void Peek(std::string queue, uint32_t count, Reply<std::vector<QueueMessage>> reply) override;
  void Discard(std::string queue, std::vector<std::string> message_ids, Reply<uint64_t> reply) override;
  void Delete(std::string queue, std::vector<std::string> handles, Reply<std::vector<Status>> reply) override;
  void ChangeVisibility(std::string queue, std::vector<std::string> handles, seconds visibility,
                        Reply<std::vector<Status>> reply) override;
  void Return(std::string queue, std::vector<std::string> handles, Reply<std::vector<Status>> reply) override;
  void Purge(std::string queue, Done done) override;
  void Tag(std::string queue, std::map<std::string, std::string> tags, std::vector<std::string> keys,
           Done done) override;
  void StartMove(std::string source, std::string destination, uint32_t per_second_max,
                 Reply<std::string> handle) override;
  void CancelMove(std::string handle, Reply<uint64_t> reply) override;
  void ListMoves(std::string source, Reply<std::vector<MoveTask>> reply) override;
  void SetOnVisible(OnVisible on_visible) override { on_visible_ = std::move(on_visible); }

  // The next call changes nothing and completes with `error`. Several add up, in order.
  void FailNext(Error error) { failures_.push_back(std::move(error)); }
  void FailNoMore() { failures_.clear(); }

 private:
  enum class State { kReady, kDelayed, kInFlight };
  struct Message {
    State state = State::kReady;
    int64_t due_us = 0;
    int64_t enqueued_us = 0;
    int64_t lease_ends_us = 0;  // latest; 0: no end
    int64_t generation = 0;
    uint64_t bytes = 0;
    QueueMessage content;
  };
  struct Queue {
    int64_t id = 0;
    QueueDescription description;
    QueueStatistics counters;             // only those since the start
    std::map<int64_t, Message> messages;  // by number: the order
    struct Sent {
      SentMessage answer;
      int64_t until_us = 0;
    };
    std::map<std::string, Sent> sent;  // by idempotency or deduplication key
    struct Attempt {
      std::vector<std::pair<int64_t, int64_t>> leases;  // message, due_us
      int64_t until_us = 0;
    };
    std::map<std::string, Attempt> attempts;
  };
  struct Moving {
    int64_t number = 0;
    int64_t until_message = 0;
    MoveTask task;
    Timer timer;
  };
  template <class T>
  void Complete(std::function<Result<T>()> work, Reply<T> reply);
  void CompleteEach(std::string queue, std::vector<std::string> handles,
                    std::function<Status(Queue&, const std::string& handle)> one,
                    Reply<std::vector<Status>> reply);
  Status CheckSettings(const std::string& name, const QueueSettings& settings) const;
  Result<Queue*> Find(std::string_view name);
  Result<Message*> Leased(Queue& queue, const std::string& handle);
  SentMessage SendOne(Queue& queue, NewMessage message);
  std::vector<std::string> SendKeys(const Queue& queue, NewMessage& message) const;
  std::set<std::string> BlockedGroups(const Queue& queue) const;
  // In the order in which a receive gives them.
  std::vector<int64_t> Visible(const Queue& queue) const;
  std::optional<std::vector<QueueMessage>> ReceiveAgain(Queue& queue, const ReceiveRequest& request);
  QueueMessage Give(const Queue& queue, int64_t number, const Message& message) const;
  void MoveTo(Queue& from, int64_t number, Queue& to, const std::string& source);
  void DriveMove(Moving& moving);
  void StepMove(const std::string& handle);
  std::vector<QueueMessage> ReceiveFrom(Queue& queue, const ReceiveRequest& request);
  QueueStatistics StatisticsOf(Queue& queue);
  void MakeDueVisible();
  void MakeVisible(Queue& queue, Message& message);
  bool IsExpired(const Queue& queue, const Message& message) const;
  void Expire(Queue& queue);
  void ArmTimer();
  void TellVisible();

  Executor& executor_;
  const LeaseClock clock_;
  const Bytes message_bytes_max_;  // what a queue may allow at most
  StoreTime now_;                  // of the call that runs
  SeededRandom random_{1};
  std::map<std::string, Queue, std::less<>> queues_;
  int64_t next_queue_ = 1;
  int64_t next_message_ = 1;
  std::set<std::string> visible_;
  std::map<std::string, Moving> moves_;  // by handle
  int64_t next_move_ = 1;
  std::vector<Error> failures_;
  OnVisible on_visible_;
  Timer due_timer_;
  WeakPtrFactory<MemoryQueueStore> weak_factory_{this};
};

// Every call goes through here: time passes, the work is done, the answer is posted.
template <class T>
void MemoryQueueStore::Complete(std::function<Result<T>()> work, Reply<T> reply) {
  now_ = clock_.Now();
  auto answer = std::make_shared<std::optional<Result<T>>>();
  if (!failures_.empty()) {
    answer->emplace(std::move(failures_.front()));
    failures_.erase(failures_.begin());
  } else {
    MakeDueVisible();
    answer->emplace(work());
  }
  executor_.Post([weak = weak_factory_.Get(), answer, reply = std::move(reply)] {
    if (weak) reply(std::move(**answer));
  });
  TellVisible();
  ArmTimer();
}

}  // namespace hearth
