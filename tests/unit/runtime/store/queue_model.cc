#include "tests/unit/runtime/store/queue_model.h"

namespace hearth {

SentMessage QueueModel::SendOne(Queue& queue, const NewMessage& message) {
  std::vector<std::string> keys;
  if (!message.idempotency_key.empty()) keys.push_back("idempotency " + message.idempotency_key);
  if (IsFifo(queue)) {
    const bool by_group = queue.settings.deduplication_scope == DeduplicationScope::kMessageGroup;
    const std::string id =
        message.deduplication_id.empty() ? "body " + message.body : "id " + message.deduplication_id;
    keys.push_back(by_group ? "group " + message.group_id + " " + id : id);
  }
  for (const std::string& key : keys) {
    const auto sent = queue.sent.find(key);
    if (sent != queue.sent.end() && sent->second.second > now_) return sent->second.first;
  }
  const uint64_t number = ++numbers_;
  const seconds delay = message.delay == seconds(-1) ? queue.settings.delay : message.delay;
  const SentMessage answer{"model " + std::to_string(number), IsFifo(queue) ? number : 0};
  queue.messages.push_back({.number = number,
                            .id = answer.message_id,
                            .body = message.body,
                            .group = message.group_id,
                            .source = "",
                            .sent = now_,
                            .arrived = now_,
                            .hidden_until = now_ + delay});
  for (const std::string& key : keys) queue.sent[key] = {answer, now_ + kIdempotencyWindow};
  return answer;
}

void QueueModel::Move(Queue& from, uint64_t number, Queue& to, const std::string& source) {
  Message message = *Find(from, number);
  std::erase_if(from.messages, [&](const Message& m) { return m.number == number; });
  message.number = ++numbers_;
  message.arrived = now_;
  message.first_received = milliseconds(0);
  message.receives = 0;
  message.leased = false;
  message.hidden_until = now_;
  message.source = source;
  to.messages.push_back(message);
}

std::vector<QueueMessage> QueueModel::Repeat(Queue& queue, Attempt& attempt, seconds visibility) {
  std::vector<QueueMessage> received;
  for (Attempt::Given& given : attempt.messages) {
    Message& message = *Find(queue, given.number);
    message.hidden_until = now_ + visibility;
    if (message.lease_ends) message.hidden_until = std::min(message.hidden_until, *message.lease_ends);
    given.hidden_until = message.hidden_until;
    received.push_back(Give("", message));
  }
  attempt.until = now_ + kIdempotencyWindow;
  return received;
}

QueueMessage QueueModel::Give(const std::string& name, const Message& message) {
  QueueMessage given;
  given.message_id = message.id;
  given.body = message.body;
  given.receive_count = message.receives;
  given.dead_letter_source = message.source;
  given.sent = WallTime(message.sent);
  given.first_received = WallTime(message.first_received);
  given.group_id = message.group;
  given.receipt_handle = std::to_string(message.number) + " " + std::to_string(message.lease);
  if (!name.empty()) queue_of_[given.receipt_handle] = name;
  return given;
}

}  // namespace hearth
