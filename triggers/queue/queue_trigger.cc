#include "triggers/queue/queue_trigger.h"

#include <algorithm>

namespace hearth {
namespace {

constexpr std::string_view kKeyPrefix = "trigger/queue/";

std::string KeyOf(std::string_view name) { return std::string(kKeyPrefix) + std::string(name); }

Error NoSuchMapping(std::string_view name) {
  return {ErrorCode::kNotFound, "there is no event source mapping " + std::string(name)};
}

Trigger::Document DocumentOf(const QueueConsumer& consumer) {
  const QueueMapping& mapping = consumer.mapping();
  return {mapping.uuid, EncodeQueueMapping(mapping), EncodeQueueMappingStatus(consumer.status())};
}

}  // namespace

QueueTrigger::QueueTrigger(Executor& executor, EventSink& sink, KeyStore& keys, QueueStore& queues,
                           Random& random, Log& log, Options options)
    : services_{executor,
                sink,
                queues,
                random,
                log,
                std::move(options.region),
                std::move(options.account),
                options.payload_bytes_max},
      keys_(keys) {}

QueueTrigger::~QueueTrigger() = default;

void QueueTrigger::OnQueueVisible(std::string_view queue) {
  const auto [first, last] = by_queue_.equal_range(queue);
  for (auto it = first; it != last; ++it) it->second->OnVisible();
}

void QueueTrigger::ForEach(const Observe& observe) const {
  for (const auto& [name, consumer] : consumers_) observe(consumer->mapping(), consumer->status());
}

void QueueTrigger::Put(std::string name, std::string json, Reply reply) {
  if (name.empty()) name = MakeUuid(services_.random);
  auto mapping = ParseQueueMapping(name, json);
  Status valid = mapping.ok() ? CheckDuplicate(*mapping) : Status(mapping.error());
  if (valid.ok() && draining_)
    valid = Error{ErrorCode::kUnavailable, "event source mapping: hearthd is stopping"};
  if (!valid.ok()) {
    return Later([error = valid.error(), reply = std::move(reply)] { reply(error); });
  }
  reply = Announce(*mapping, std::move(reply));
  std::string queue = mapping->queue;
  services_.queues.Describe(
      std::move(queue), [weak = weak_.Get(), mapping = std::move(*mapping),
                         reply = std::move(reply)](const Result<QueueDescription>& found) {
        if (!weak) return;
        if (!found.ok())
          return reply(found.error().WithContext("event source mapping: queue " + mapping.queue));
        weak->Store(mapping, reply);
      });
}

Trigger::Reply QueueTrigger::Announce(const QueueMapping& mapping, Reply reply) {
  announced_.push_back(mapping);
  return [weak = weak_.Get(), mapping, reply = std::move(reply)](Result<Document> put) {
    if (!weak) return;
    std::vector<QueueMapping>& announced = weak->announced_;
    announced.erase(std::find(announced.begin(), announced.end(), mapping));
    reply(std::move(put));
  };
}

Status QueueTrigger::CheckDuplicate(const QueueMapping& mapping) const {
  const auto clashes = [&](const QueueMapping& other) {
    return other.uuid != mapping.uuid && other.queue == mapping.queue && other.function == mapping.function &&
           other.qualifier == mapping.qualifier;
  };
  const auto refuse = [&](const QueueMapping& other) -> Status {
    return Error{ErrorCode::kAlreadyExists, "queue " + mapping.queue + " is already mapped to function " +
                                                mapping.function + ": change or remove mapping " +
                                                other.uuid};
  };
  const auto [first, last] = by_queue_.equal_range(mapping.queue);
  for (auto it = first; it != last; ++it) {
    if (clashes(it->second->mapping())) return refuse(it->second->mapping());
  }
  const auto found = std::find_if(announced_.begin(), announced_.end(), clashes);
  return found == announced_.end() ? Ok() : refuse(*found);
}

void QueueTrigger::Store(QueueMapping mapping, Reply reply) {
  const auto now = services_.executor.clock().WallNow().time_since_epoch();
  mapping.last_modified_ms = std::chrono::duration_cast<milliseconds>(now).count();
  std::vector<KeyStore::Write> writes{{KeyOf(mapping.uuid), EncodeQueueMapping(mapping)}};
  keys_.Apply(std::move(writes), [weak = weak_.Get(), mapping = std::move(mapping),
                                  reply = std::move(reply)](const Status& stored) {
    if (!weak) return;
    if (!stored.ok()) return reply(stored.error().WithContext("store event source mapping " + mapping.uuid));
    weak->Apply(mapping);
    reply(weak->Get(mapping.uuid));
  });
}

void QueueTrigger::Apply(const QueueMapping& mapping) {
  if (const auto found = consumers_.find(mapping.uuid); found != consumers_.end()) {
    Forget(*found->second);
    by_queue_.emplace(mapping.queue, found->second.get());
    return found->second->Configure(mapping);
  }
  auto consumer = std::make_unique<QueueConsumer>(services_, mapping);
  by_queue_.emplace(mapping.queue, consumer.get());
  if (started_ && !draining_) consumer->Start();
  consumers_.emplace(mapping.uuid, std::move(consumer));
}

void QueueTrigger::Forget(const QueueConsumer& consumer) {
  const auto [first, last] = by_queue_.equal_range(consumer.mapping().queue);
  const auto found = std::find_if(first, last, [&](const auto& entry) { return entry.second == &consumer; });
  if (found != last) by_queue_.erase(found);
}

void QueueTrigger::Remove(std::string name, Done done) {
  if (!consumers_.contains(name)) {
    return Later([error = NoSuchMapping(name), done = std::move(done)] { done(error); });
  }
  keys_.Apply({{KeyOf(name), std::nullopt}},
              [weak = weak_.Get(), name, done = std::move(done)](const Status& removed) {
                if (!weak) return;
                if (!removed.ok())
                  return done(removed.error().WithContext("remove event source mapping " + name));
                weak->Retire(name);
                done(Ok());
              });
}

void QueueTrigger::Retire(std::string_view name) {
  const auto found = consumers_.find(name);
  if (found == consumers_.end()) return;
  auto consumer = std::move(found->second);
  consumers_.erase(found);
  CloseConsumer(std::move(consumer));
}

void QueueTrigger::CloseConsumer(std::unique_ptr<QueueConsumer> consumer) {
  Forget(*consumer);
  QueueConsumer* raw = consumer.get();
  closing_.emplace(raw, std::move(consumer));
  raw->Close([this, raw] {
    // It calls from inside itself: it goes once that call is over.
    Later([weak = weak_.Get(), raw] {
      if (!weak) return;
      weak->closing_.erase(raw);
      weak->CheckDrained();
    });
  });
}

Result<Trigger::Document> QueueTrigger::Get(std::string_view name) const {
  const auto found = consumers_.find(name);
  if (found == consumers_.end()) return NoSuchMapping(name);
  return DocumentOf(*found->second);
}

std::vector<Trigger::Document> QueueTrigger::List() const {
  std::vector<Document> documents;
  for (const auto& [name, consumer] : consumers_) documents.push_back(DocumentOf(*consumer));
  return documents;
}

void QueueTrigger::Command(std::string name, std::string verb, std::string,
                           std::function<void(Result<std::string>)> reply) {
  const auto found = consumers_.find(name);
  const bool known = verb == "pause" || verb == "resume";
  if (found == consumers_.end() || !known) {
    Error error = known ? NoSuchMapping(name)
                        : Error{ErrorCode::kInvalidArgument,
                                "event source mapping: the commands are pause and resume, not " + verb};
    return Later([error = std::move(error), reply = std::move(reply)] { reply(error); });
  }
  QueueMapping mapping = found->second->mapping();
  mapping.enabled = verb == "resume";
  Store(std::move(mapping), [reply = std::move(reply)](Result<Document> document) {
    if (!document.ok()) return reply(document.error());
    reply(document->status_json);
  });
}

void QueueTrigger::ForgetFunction(std::string_view function) {
  std::vector<std::string> names;
  for (const auto& [name, consumer] : consumers_) {
    if (consumer->mapping().function == function) names.push_back(name);
  }
  for (std::string& name : names) {
    Remove(name, [log = &services_.log, name](const Status& removed) {
      if (!removed.ok())
        log->Error("a mapping of a deleted function stays",
                   {{"mapping", name}, {"error", removed.error().message}});
    });
  }
}

void QueueTrigger::Start(Done started) {
  keys_.List(std::string(kKeyPrefix), [weak = weak_.Get(), started = std::move(started)](
                                          const Result<std::vector<KeyStore::Entry>>& entries) {
    if (!weak) return;
    if (!entries.ok()) return started(entries.error().WithContext("load event source mappings"));
    weak->started_ = true;
    for (const auto& [name, consumer] : weak->consumers_) consumer->Start();
    for (const KeyStore::Entry& entry : *entries) {
      const std::string name = entry.key.substr(kKeyPrefix.size());
      auto mapping = ParseQueueMapping(name, entry.value);
      // One document that cannot be read must not keep the others from working.
      if (mapping.ok() && !weak->consumers_.contains(name)) weak->Apply(*mapping);
      if (!mapping.ok())
        weak->services_.log.Error("a stored mapping is skipped",
                                  {{"name", name}, {"error", mapping.error().message}});
    }
    started(Ok());
  });
}

void QueueTrigger::Drain(std::function<void()> drained) {
  draining_ = true;
  drained_ = std::move(drained);
  Consumers consumers = std::exchange(consumers_, {});
  for (auto& [name, consumer] : consumers) CloseConsumer(std::move(consumer));
  Later([weak = weak_.Get()] {
    if (weak) weak->CheckDrained();
  });
}

void QueueTrigger::CheckDrained() {
  if (!draining_ || !closing_.empty()) return;
  if (auto drained = std::exchange(drained_, nullptr)) drained();
}

void QueueTrigger::Later(std::function<void()> task) { services_.executor.Post(std::move(task)); }

}  // namespace hearth
