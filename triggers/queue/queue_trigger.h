#pragma once

#include <functional>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "runtime/router/trigger.h"
#include "runtime/store/key_store.h"
#include "triggers/queue/queue_consumer.h"

namespace hearth {

// Event source mappings: queue -> function. A document is one mapping, named by its UUID (see
// queue_mapping.h); "" as a name asks for a new UUID.
//
// Commands: "pause" and "resume" set Enabled and keep it.
// Owns:    a QueueConsumer for each mapping. Owned by the daemon.
// Borrows: everything in Options, and outlives none of it.
// Thread:  loop thread only.
// Stored:  "trigger/queue/UUID" in the KeyStore. The store has one visible hook: the daemon calls
//          OnQueueVisible() from it.
class QueueTrigger final : public Trigger {
 public:
  struct Options {
    std::string region = "us-east-1";
    std::string account = "000000000000";
    size_t payload_bytes_max = kQueuePayloadBytesMax;
  };
  QueueTrigger(Executor& executor, EventSink& sink, KeyStore& keys, QueueStore& queues, Random& random,
               Log& log, Options options);
  ~QueueTrigger() override;

  void OnQueueVisible(std::string_view queue);
  // Of all mappings, for metrics.
  using Observe = std::function<void(const QueueMapping& mapping, const QueueMappingStatus& status)>;
  void ForEach(const Observe& observe) const;

  std::string_view kind() const override { return "queue"; }
  // kNotFound: no such queue. kAlreadyExists names the mapping that joins the same queue and function.
  void Put(std::string name, std::string json, Reply reply) override;
  void Remove(std::string name, Done done) override;
  Result<Document> Get(std::string_view name) const override;
  std::vector<Document> List() const override;
  void Command(std::string name, std::string verb, std::string json,
               std::function<void(Result<std::string>)> reply) override;
  void ForgetFunction(std::string_view function) override;
  void Start(Done started) override;
  void Drain(std::function<void()> drained) override;

 private:
  using Consumers = std::map<std::string, std::unique_ptr<QueueConsumer>, std::less<>>;

  // Until `reply` it counts as there: two that are put at once are not both stored.
  Reply Announce(const QueueMapping& mapping, Reply reply);
  Status CheckDuplicate(const QueueMapping& mapping) const;
  void Store(QueueMapping mapping, Reply reply);
  void Apply(const QueueMapping& mapping);
  void Retire(std::string_view name);
  void CloseConsumer(std::unique_ptr<QueueConsumer> consumer);
  void Forget(const QueueConsumer& consumer);
  void CheckDrained();
  void Later(std::function<void()> task);

  // Owned.
  QueueServices services_;
  // Borrowed.
  KeyStore& keys_;
  // Mutable.
  bool started_ = false;
  bool draining_ = false;
  Consumers consumers_;
  // The same by queue: each commit of the store tells of its queues, and there may be thousands of mappings.
  std::multimap<std::string, QueueConsumer*, std::less<>> by_queue_;
  std::vector<QueueMapping> announced_;  // being stored
  std::map<const QueueConsumer*, std::unique_ptr<QueueConsumer>>
      closing_;  // removed or draining, batches still run
  std::function<void()> drained_;
  WeakPtrFactory<QueueTrigger> weak_{this};
};

}  // namespace hearth
