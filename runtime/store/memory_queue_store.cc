#include "runtime/store/memory_queue_store.h"

#include <algorithm>

#include "runtime/base/digest.h"
#include "runtime/base/ids.h"

namespace hearth {
void MemoryQueueStore::Create(std::string name, QueueSettings settings, Done done) {
  Complete<void>(
      [&]() -> Status {
        HEARTH_TRY(ValidateQueueName(name));
        HEARTH_TRY(ValidateQueueKind(name, settings));
        HEARTH_TRY(CheckSettings(name, settings));
        if (const auto existing = queues_.find(name); existing != queues_.end()) {
          if (existing->second.description.settings == settings) return Ok();
          return Error{ErrorCode::kAlreadyExists,
                       "create queue " + name + ": it exists with other settings; configure it instead"};
        }
        Queue& queue = queues_[name];
        queue.id = next_queue_++;
        queue.description = {name, settings, now_.wall, now_.wall, {}};
        return Ok();
      },
      std::move(done));
}

void MemoryQueueStore::Configure(std::string name, QueueSettings settings, Done done) {
  Complete<void>(
      [&]() -> Status {
        HEARTH_TRY(CheckSettings(name, settings));
        HEARTH_TRY(ValidateQueueKind(name, settings));
        HEARTH_ASSIGN(Queue* const queue, Find(name));
        queue->description.settings = settings;
        queue->description.modified = now_.wall;
        for (auto& [number, message] : queue->messages) {
          if (settings.kind != QueueKind::kFifo || message.state != State::kDelayed) continue;
          message.due_us = message.enqueued_us + microseconds(settings.delay).count();
          if (message.due_us <= now_.lease_us) MakeVisible(*queue, message);
        }
        return Ok();
      },
      std::move(done));
}

void MemoryQueueStore::Remove(std::string name, Done done) {
  Complete<void>(
      [&]() -> Status {
        if (queues_.erase(name) == 0) return NoSuchQueue(name);
        std::erase_if(moves_, [&](const auto& move) { return move.second.task.source == name; });
        return Ok();
      },
      std::move(done));
}

void MemoryQueueStore::List(Reply<std::vector<QueueDescription>> reply) {
  using Found = std::vector<QueueDescription>;
  Complete<Found>(
      [&]() -> Result<Found> {
        Found found;
        for (const auto& [name, queue] : queues_) found.push_back(queue.description);
        return found;
      },
      std::move(reply));
}

void MemoryQueueStore::Describe(std::string name, Reply<QueueDescription> reply) {
  Complete<QueueDescription>(
      [&]() -> Result<QueueDescription> {
        HEARTH_ASSIGN(Queue* const queue, Find(name));
        return queue->description;
      },
      std::move(reply));
}

void MemoryQueueStore::Statistics(std::string name, Reply<QueueStatistics> reply) {
  Complete<QueueStatistics>(
      [&]() -> Result<QueueStatistics> {
        HEARTH_ASSIGN(Queue* const queue, Find(name));
        return StatisticsOf(*queue);
      },
      std::move(reply));
}

void MemoryQueueStore::AllStatistics(Reply<std::vector<std::pair<std::string, QueueStatistics>>> reply) {
  using All = std::vector<std::pair<std::string, QueueStatistics>>;
  Complete<All>(
      [&]() -> Result<All> {
        All all;
        for (auto& [name, queue] : queues_) all.emplace_back(name, StatisticsOf(queue));
        return all;
      },
      std::move(reply));
}

QueueStatistics MemoryQueueStore::StatisticsOf(Queue& queue) {
  Expire(queue);
  QueueStatistics statistics = queue.counters;
  for (const auto& [number, message] : queue.messages) {
    if (message.state == State::kDelayed) ++statistics.delayed;
    if (message.state == State::kInFlight) ++statistics.in_flight;
    if (message.state != State::kReady || statistics.visible++ > 0) continue;
    const microseconds age(now_.lease_us - message.enqueued_us);
    statistics.oldest_age = std::chrono::duration_cast<milliseconds>(age);
  }
  return statistics;
}

void MemoryQueueStore::Send(std::string name, std::vector<NewMessage> messages,
                            Reply<std::vector<SentMessage>> reply) {
  Complete<std::vector<SentMessage>>(
      [&]() -> Result<std::vector<SentMessage>> {
        HEARTH_ASSIGN(Queue* const queue, Find(name));
        HEARTH_TRY(ValidateMessages(messages, queue->description.settings));
        std::vector<SentMessage> sent;
        for (NewMessage& message : messages) sent.push_back(SendOne(*queue, std::move(message)));
        return sent;
      },
      std::move(reply));
}

SentMessage MemoryQueueStore::SendOne(Queue& queue, NewMessage message) {
  std::erase_if(queue.sent, [this](const auto& sent) { return sent.second.until_us <= now_.lease_us; });
  const std::vector<std::string> keys = SendKeys(queue, message);
  for (const std::string& key : keys) {
    if (const auto sent = queue.sent.find(key); sent != queue.sent.end()) return sent->second.answer;
  }
  const bool fifo = queue.description.settings.kind == QueueKind::kFifo;
  const seconds delay = message.delay == seconds(-1) ? queue.description.settings.delay : message.delay;
  Message stored;
  stored.state = delay.count() == 0 ? State::kReady : State::kDelayed;
  stored.due_us = now_.lease_us + microseconds(delay).count();
  stored.enqueued_us = now_.lease_us;
  stored.bytes = message.body.size();
  stored.content.message_id = MakeUuid(random_);
  stored.content.body = std::move(message.body);
  stored.content.attributes = std::move(message.attributes);
  stored.content.sent = now_.wall;
  stored.content.group_id = std::move(message.group_id);
  stored.content.deduplication_id = std::move(message.deduplication_id);
  if (fifo) stored.content.sequence_number = static_cast<uint64_t>(next_message_);
  ++queue.counters.sent;
  const SentMessage answer{stored.content.message_id, stored.content.sequence_number};
  if (stored.state == State::kReady) visible_.insert(queue.description.name);
  queue.messages.emplace(next_message_++, std::move(stored));
  for (const std::string& key : keys) {
    queue.sent[key] = {answer, now_.lease_us + microseconds(kIdempotencyWindow).count()};
  }
  return answer;
}

// Under which it is remembered, and the deduplication id that a FIFO queue makes from the body.
std::vector<std::string> MemoryQueueStore::SendKeys(const Queue& queue, NewMessage& message) const {
  std::vector<std::string> keys;
  if (!message.idempotency_key.empty()) keys.push_back("i" + message.idempotency_key);
  const QueueSettings& settings = queue.description.settings;
  if (settings.kind == QueueKind::kStandard) return keys;
  if (message.deduplication_id.empty()) {
    const Sha256Digest digest = Sha256(message.body);
    message.deduplication_id = ToHex({reinterpret_cast<const char*>(digest.data()), digest.size()});
  }
  const bool by_group = settings.deduplication_scope == DeduplicationScope::kMessageGroup;
  keys.push_back((by_group ? "g" + message.group_id + "\n" : "q") + message.deduplication_id);
  return keys;
}

void MemoryQueueStore::Receive(std::string name, ReceiveRequest request,
                               Reply<std::vector<QueueMessage>> reply) {
  Complete<std::vector<QueueMessage>>(
      [&]() -> Result<std::vector<QueueMessage>> {
        HEARTH_ASSIGN(Queue* const queue, Find(name));
        HEARTH_TRY(ValidateReceive(request, queue->description.settings));
        if (request.visibility == seconds(-1)) {
          request.visibility = queue->description.settings.visibility_timeout;
        }
        request.count = std::min(request.count, kReceiveBatchMax);
        Expire(*queue);
        if (auto again = ReceiveAgain(*queue, request)) return std::move(*again);
        return ReceiveFrom(*queue, request);
      },
      std::move(reply));
}

std::set<std::string> MemoryQueueStore::BlockedGroups(const Queue& queue) const {
  std::set<std::string> blocked;
  if (queue.description.settings.kind == QueueKind::kStandard) return blocked;
  for (const auto& [number, message] : queue.messages) {
    if (message.state == State::kInFlight) blocked.insert(message.content.group_id);
  }
  return blocked;
}

// Standard: by age. FIFO: group by group, the one with the oldest first message first, each up to what is
// delayed.
std::vector<int64_t> MemoryQueueStore::Visible(const Queue& queue) const {
  std::vector<int64_t> numbers;
  if (queue.description.settings.kind == QueueKind::kStandard) {
    for (const auto& [number, message] : queue.messages) {
      if (message.state == State::kReady) numbers.push_back(number);
    }
    return numbers;
  }
  std::set<std::string> done = BlockedGroups(queue);
  for (const auto& [number, first] : queue.messages) {
    if (!done.insert(first.content.group_id).second) continue;
    for (auto at = queue.messages.find(number); at != queue.messages.end(); ++at) {
      if (at->second.content.group_id != first.content.group_id) continue;
      if (at->second.state != State::kReady) break;
      numbers.push_back(at->first);
    }
  }
  return numbers;
}

std::vector<QueueMessage> MemoryQueueStore::ReceiveFrom(Queue& queue, const ReceiveRequest& request) {
  const QueueSettings& settings = queue.description.settings;
  const auto dead_letters = queues_.find(settings.dead_letter_queue);
  std::vector<QueueMessage> received;
  uint64_t bytes = 0;
  Queue::Attempt attempt;
  for (const int64_t number : Visible(queue)) {
    if (received.size() >= request.count) break;
    Message& message = queue.messages.at(number);
    if (!received.empty() && bytes + message.bytes > kReceiveBytesMax) break;
    const bool worn_out = settings.receives_max > 0 && message.content.receive_count >= settings.receives_max;
    if (worn_out && dead_letters != queues_.end()) {
      MoveTo(queue, number, dead_letters->second, queue.description.name);
      ++queue.counters.dead_lettered;
      continue;
    }
    message.state = State::kInFlight;
    message.due_us = now_.lease_us + microseconds(request.visibility).count();
    const microseconds total(std::max(request.visibility, request.lease_total_max));
    message.lease_ends_us = request.lease_total_max.count() == 0 ? 0 : now_.lease_us + total.count();
    ++queue.counters.received;
    ++message.generation;
    if (message.content.first_received == WallTime{}) message.content.first_received = now_.wall;
    ++message.content.receive_count;
    bytes += message.bytes;
    received.push_back(Give(queue, number, message));
    attempt.leases.emplace_back(number, message.due_us);
  }
  if (!request.attempt_id.empty() && !received.empty()) {
    attempt.until_us = now_.lease_us + microseconds(kIdempotencyWindow).count();
    queue.attempts[request.attempt_id] = std::move(attempt);
  }
  return received;
}

QueueMessage MemoryQueueStore::Give(const Queue& queue, int64_t number, const Message& message) const {
  QueueMessage given = message.content;
  given.receipt_handle = ReceiptHandle{number, message.generation}.Encode(queue.id);
  return given;
}

std::optional<std::vector<QueueMessage>> MemoryQueueStore::ReceiveAgain(Queue& queue,
                                                                        const ReceiveRequest& request) {
  const auto attempt = queue.attempts.find(request.attempt_id);
  if (request.attempt_id.empty() || attempt == queue.attempts.end()) return std::nullopt;
  if (attempt->second.until_us <= now_.lease_us) return std::nullopt;
  for (const auto& [number, due_us] : attempt->second.leases) {
    const auto at = queue.messages.find(number);
    const bool untouched =
        at != queue.messages.end() && at->second.state == State::kInFlight && at->second.due_us == due_us;
    if (!untouched) return std::nullopt;
  }
  std::vector<QueueMessage> received;
  for (auto& [number, due_us] : attempt->second.leases) {
    Message& message = queue.messages.at(number);
    due_us = now_.lease_us + microseconds(request.visibility).count();
    if (message.lease_ends_us > 0) due_us = std::min(due_us, message.lease_ends_us);
    message.due_us = due_us;
    received.push_back(Give(queue, number, message));
  }
  attempt->second.until_us = now_.lease_us + microseconds(kIdempotencyWindow).count();
  return received;
}

// Behind what is there, as a message never received; its retention counts from now.
void MemoryQueueStore::MoveTo(Queue& from, int64_t number, Queue& to, const std::string& source) {
  Message message = std::move(from.messages.at(number));
  from.messages.erase(number);
  message.enqueued_us = now_.lease_us;
  message.generation = 0;
  message.content.receive_count = 0;
  message.content.first_received = {};
  message.content.dead_letter_source = source;
  if (to.description.settings.kind == QueueKind::kFifo) {
    message.content.sequence_number = static_cast<uint64_t>(next_message_);
  }
  to.messages.emplace(next_message_++, std::move(message));
  visible_.insert(to.description.name);
  if (from.description.settings.kind == QueueKind::kFifo) visible_.insert(from.description.name);
}

void MemoryQueueStore::Peek(std::string name, uint32_t count, Reply<std::vector<QueueMessage>> reply) {
  Complete<std::vector<QueueMessage>>(
      [&]() -> Result<std::vector<QueueMessage>> {
        HEARTH_ASSIGN(Queue* const queue, Find(name));
        Expire(*queue);
        std::vector<QueueMessage> seen;
        uint64_t bytes = 0;
        for (const int64_t number : Visible(*queue)) {
          const Message& message = queue->messages.at(number);
          if (seen.size() >= std::min(count, kReceiveBatchMax)) break;
          if (!seen.empty() && bytes + message.bytes > kReceiveBytesMax) break;
          bytes += message.bytes;
          seen.push_back(message.content);
        }
        return seen;
      },
      std::move(reply));
}

void MemoryQueueStore::Discard(std::string name, std::vector<std::string> message_ids,
                               Reply<uint64_t> reply) {
  Complete<uint64_t>(
      [&]() -> Result<uint64_t> {
        HEARTH_ASSIGN(Queue* const queue, Find(name));
        const uint64_t discarded = std::erase_if(queue->messages, [&](const auto& entry) {
          const auto& [number, message] = entry;
          return message.state == State::kReady && !IsExpired(*queue, message) &&
                 std::find(message_ids.begin(), message_ids.end(), message.content.message_id) !=
                     message_ids.end();
        });
        queue->counters.deleted += discarded;
        return discarded;
      },
      std::move(reply));
}

void MemoryQueueStore::Delete(std::string name, std::vector<std::string> handles,
                              Reply<std::vector<Status>> reply) {
  CompleteEach(
      std::move(name), std::move(handles),
      [this](Queue& queue, const std::string& handle) -> Status {
        HEARTH_ASSIGN(const auto decoded, ReceiptHandle::Decode(handle, queue.id));
        const auto at = queue.messages.find(decoded.message);
        if (queue.description.settings.kind == QueueKind::kFifo && at != queue.messages.end()) {
          const bool expired = at->second.state == State::kReady && IsExpired(queue, at->second);
          const auto leased = Leased(queue, handle);
          if (!leased.ok() && !expired) return leased.error();
          visible_.insert(queue.description.name);  // its group may be free
        }
        queue.counters.deleted += queue.messages.erase(decoded.message);
        return Ok();
      },
      std::move(reply));
}

void MemoryQueueStore::ChangeVisibility(std::string name, std::vector<std::string> handles,
                                        seconds visibility, Reply<std::vector<Status>> reply) {
  if (const Status valid = ValidateVisibility(visibility); !valid.ok()) {
    return Complete<std::vector<Status>>([&]() -> Result<std::vector<Status>> { return valid.error(); },
                                         std::move(reply));
  }
  CompleteEach(
      std::move(name), std::move(handles),
      [this, visibility](Queue& queue, const std::string& handle) -> Status {
        HEARTH_ASSIGN(Message* const message, Leased(queue, handle));
        const seconds chosen =
            visibility == seconds(-1) ? queue.description.settings.visibility_timeout : visibility;
        const int64_t due_us = now_.lease_us + microseconds(chosen).count();
        if (message->lease_ends_us > 0 && due_us > message->lease_ends_us) return LeaseTooLong(handle);
        message->due_us = due_us;
        if (chosen.count() == 0) MakeVisible(queue, *message);
        return Ok();
      },
      std::move(reply));
}

void MemoryQueueStore::Return(std::string name, std::vector<std::string> handles,
                              Reply<std::vector<Status>> reply) {
  CompleteEach(
      std::move(name), std::move(handles),
      [this](Queue& queue, const std::string& handle) -> Status {
        HEARTH_ASSIGN(Message* const message, Leased(queue, handle));
        if (--message->content.receive_count == 0) message->content.first_received = {};
        MakeVisible(queue, *message);
        return Ok();
      },
      std::move(reply));
}

void MemoryQueueStore::CompleteEach(std::string name, std::vector<std::string> handles,
                                    std::function<Status(Queue&, const std::string& handle)> one,
                                    Reply<std::vector<Status>> reply) {
  Complete<std::vector<Status>>(
      [&]() -> Result<std::vector<Status>> {
        HEARTH_ASSIGN(Queue* const queue, Find(name));
        std::vector<Status> statuses;
        for (const std::string& handle : handles) statuses.push_back(one(*queue, handle));
        return statuses;
      },
      std::move(reply));
}

void MemoryQueueStore::Purge(std::string name, Done done) {
  Complete<void>(
      [&]() -> Status {
        HEARTH_ASSIGN(Queue* const queue, Find(name));
        queue->messages.clear();
        return Ok();
      },
      std::move(done));
}

void MemoryQueueStore::Tag(std::string name, std::map<std::string, std::string> tags,
                           std::vector<std::string> keys, Done done) {
  Complete<void>(
      [&]() -> Status {
        HEARTH_ASSIGN(Queue* const queue, Find(name));
        return ChangeTags(queue->description.tags, std::move(tags), keys);
      },
      std::move(done));
}

Status MemoryQueueStore::CheckSettings(const std::string& name, const QueueSettings& settings) const {
  HEARTH_TRY(ValidateQueueSettings(settings, message_bytes_max_));
  if (settings.dead_letter_queue.empty()) return Ok();
  const auto dead_letters = queues_.find(settings.dead_letter_queue);
  return CheckDeadLetterQueue(
      name, settings, dead_letters == queues_.end() ? nullptr : &dead_letters->second.description.settings);
}

Result<MemoryQueueStore::Queue*> MemoryQueueStore::Find(std::string_view name) {
  const auto queue = queues_.find(name);
  if (queue == queues_.end()) return NoSuchQueue(name);
  return &queue->second;
}

Result<MemoryQueueStore::Message*> MemoryQueueStore::Leased(Queue& queue, const std::string& handle) {
  HEARTH_ASSIGN(const auto decoded, ReceiptHandle::Decode(handle, queue.id));
  const auto at = queue.messages.find(decoded.message);
  const bool leased = at != queue.messages.end() && at->second.state == State::kInFlight &&
                      at->second.generation == decoded.generation;
  if (!leased) return LeaseIsOver(handle);
  return &at->second;
}

void MemoryQueueStore::MakeDueVisible() {
  for (auto& [name, queue] : queues_) {
    for (auto& [number, message] : queue.messages) {
      if (message.state != State::kReady && message.due_us <= now_.lease_us) MakeVisible(queue, message);
    }
  }
}

void MemoryQueueStore::MakeVisible(Queue& queue, Message& message) {
  message.state = State::kReady;
  visible_.insert(queue.description.name);
}

bool MemoryQueueStore::IsExpired(const Queue& queue, const Message& message) const {
  return message.enqueued_us + microseconds(queue.description.settings.retention).count() <= now_.lease_us;
}

void MemoryQueueStore::Expire(Queue& queue) {
  const std::set<std::string> blocked = BlockedGroups(queue);
  std::erase_if(queue.messages, [&](const auto& entry) {
    return entry.second.state == State::kReady && IsExpired(queue, entry.second) &&
           !blocked.contains(entry.second.content.group_id);
  });
}

void MemoryQueueStore::ArmTimer() {
  std::optional<int64_t> earliest;
  for (const auto& [name, queue] : queues_) {
    for (const auto& [number, message] : queue.messages) {
      if (message.state != State::kReady)
        earliest = std::min(earliest.value_or(message.due_us), message.due_us);
    }
  }
  due_timer_.Cancel();
  if (!earliest) return;
  const microseconds wait(std::max<int64_t>(0, *earliest - clock_.Now().lease_us));
  due_timer_ = executor_.After(wait, [this] {
    now_ = clock_.Now();
    MakeDueVisible();
    TellVisible();
    ArmTimer();
  });
}

void MemoryQueueStore::TellVisible() {
  for (const std::string& queue : std::exchange(visible_, {})) {
    executor_.Post([weak = weak_factory_.Get(), queue] {
      if (weak && weak->on_visible_) weak->on_visible_(queue);
    });
  }
}

}  // namespace hearth
