#pragma once

#include <algorithm>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "runtime/base/digest.h"
#include "runtime/store/queue_store.h"

namespace hearth {

// What queues are, as simply as it can be said: lists that are walked from end to end, and time that is asked
// for and never acted upon. It shares no code with the drivers that are held against it but the checks of
// arguments, and answers as QueueCaller does.
class QueueModel {
 public:
  void Advance(milliseconds by) { now_ += by; }

  void Create(const std::string& name, const QueueSettings& settings) { queues_[name].settings = settings; }
  Status Configure(const std::string& name, const QueueSettings& settings) {
    Queue& queue = queues_.at(name);
    for (Message& message : queue.messages) {
      const bool delayed = !message.leased && message.hidden_until > now_;
      if (IsFifo(queue) && delayed) message.hidden_until = message.arrived + settings.delay;
    }
    queue.settings = settings;
    return Ok();
  }

  Result<std::vector<SentMessage>> TrySend(const std::string& name, std::vector<NewMessage> messages) {
    Queue& queue = queues_.at(name);
    HEARTH_TRY(ValidateMessages(messages, queue.settings));
    std::vector<SentMessage> answers;
    for (const NewMessage& message : messages) answers.push_back(SendOne(queue, message));
    return answers;
  }

  Result<std::vector<QueueMessage>> TryReceive(const std::string& name, const ReceiveRequest& request) {
    Queue& queue = queues_.at(name);
    HEARTH_TRY(ValidateReceive(request, queue.settings));
    Expire(queue);
    const seconds visibility =
        request.visibility == seconds(-1) ? queue.settings.visibility_timeout : request.visibility;
    const auto attempt = queue.attempts.find(request.attempt_id);
    if (attempt != queue.attempts.end() && Untouched(queue, attempt->second)) {
      return Repeat(queue, attempt->second, visibility);
    }
    std::vector<QueueMessage> received;
    Attempt made{.until = now_ + kIdempotencyWindow};
    for (const uint64_t number : Receivable(queue)) {
      if (received.size() == request.count) break;
      Message& message = *Find(queue, number);
      const auto dead_letters = queues_.find(queue.settings.dead_letter_queue);
      if (dead_letters != queues_.end() && message.receives >= queue.settings.receives_max) {
        Move(queue, number, dead_letters->second, name);
        continue;
      }
      message.leased = true;
      message.hidden_until = now_ + visibility;
      message.lease_ends = now_ + std::max(visibility, request.lease_total_max);
      if (request.lease_total_max == seconds(0)) message.lease_ends.reset();
      message.lease = ++leases_;
      if (message.receives++ == 0) message.first_received = now_;
      received.push_back(Give(name, message));
      made.messages.push_back({number, message.lease, message.hidden_until});
    }
    if (!request.attempt_id.empty() && !received.empty()) queue.attempts[request.attempt_id] = made;
    return received;
  }

  std::vector<QueueMessage> Peek(const std::string& name, uint32_t count) {
    Queue& queue = queues_.at(name);
    std::vector<QueueMessage> seen;
    for (const uint64_t number : Receivable(queue)) {
      const Message& message = *Find(queue, number);
      if (seen.size() < count && !IsExpired(queue, message)) seen.push_back(Give(name, message));
    }
    return seen;
  }

  uint64_t Discard(const std::string& name, const std::vector<std::string>& ids) {
    Queue& queue = queues_.at(name);
    return std::erase_if(queue.messages, [&](const Message& message) {
      return message.hidden_until <= now_ && !IsExpired(queue, message) &&
             std::find(ids.begin(), ids.end(), message.id) != ids.end();
    });
  }

  Status Delete(const std::string& name, const std::string& text) {
    Queue& queue = queues_.at(name);
    HEARTH_ASSIGN(const Handle handle, Decode(name, text));
    const Message* const message = Find(queue, handle.number);
    if (!message) return Ok();
    const bool expired = message->hidden_until <= now_ && IsExpired(queue, *message);
    if (IsFifo(queue) && !IsCurrent(message, handle) && !expired) return LeaseIsOver(text);
    std::erase_if(queue.messages, [&](const Message& m) { return m.number == handle.number; });
    return Ok();
  }

  Status ChangeVisibility(const std::string& name, const std::string& text, seconds visibility) {
    HEARTH_ASSIGN(const Handle handle, Decode(name, text));
    Message* const message = Find(queues_.at(name), handle.number);
    if (!IsCurrent(message, handle)) return LeaseIsOver(text);
    if (message->lease_ends && visibility > seconds(0) && now_ + visibility > *message->lease_ends) {
      return LeaseTooLong(text);
    }
    message->hidden_until = now_ + visibility;
    return Ok();
  }

  Status Return(const std::string& name, const std::string& text) {
    HEARTH_ASSIGN(const Handle handle, Decode(name, text));
    Message* const message = Find(queues_.at(name), handle.number);
    if (!IsCurrent(message, handle)) return LeaseIsOver(text);
    message->hidden_until = now_;
    if (--message->receives == 0) message->first_received = milliseconds(0);
    return Ok();
  }

  Status Purge(const std::string& name) {
    queues_.at(name).messages.clear();
    return Ok();
  }

  QueueStatistics Statistics(const std::string& name) {
    Queue& queue = queues_.at(name);
    Expire(queue);
    QueueStatistics statistics;
    for (const Message& message : queue.messages) {
      const bool hidden = message.hidden_until > now_;
      ++(!hidden ? statistics.visible : message.leased ? statistics.in_flight : statistics.delayed);
      if (!hidden && statistics.visible == 1) statistics.oldest_age = now_ - message.arrived;
    }
    return statistics;
  }

  // To its end. How many it moved; nothing when it is refused.
  std::optional<uint64_t> MoveAll(const std::string& name, const std::string& destination) {
    Queue& queue = queues_.at(name);
    Expire(queue);
    const bool is_dead_letter_queue = std::any_of(queues_.begin(), queues_.end(), [&](const auto& entry) {
      return entry.second.settings.dead_letter_queue == name;
    });
    const bool same_kind =
        destination.empty() || queues_.at(destination).settings.kind == queue.settings.kind;
    if (!is_dead_letter_queue || !same_kind || destination == name) return std::nullopt;
    uint64_t moved = 0;
    for (const uint64_t number : Receivable(queue)) {
      const std::string to = destination.empty() ? Find(queue, number)->source : destination;
      if (to.empty()) break;
      Move(queue, number, queues_.at(to), "");
      ++moved;
    }
    return moved;
  }

 private:
  struct Message {
    uint64_t number = 0;  // grows; a message that moves gets a new one
    std::string id;
    std::string body;
    std::string group;
    std::string source;
    milliseconds sent{0};
    milliseconds arrived{0};
    milliseconds first_received{0};
    milliseconds hidden_until{0};  // by a delay or, once it was leased, by a lease
    bool leased = false;           // at any time
    std::optional<milliseconds> lease_ends{};
    uint64_t lease = 0;
    uint32_t receives = 0;
  };
  struct Attempt {
    struct Given {
      uint64_t number;
      uint64_t lease;
      milliseconds hidden_until;
    };
    std::vector<Given> messages{};
    milliseconds until{0};
  };
  struct Queue {
    QueueSettings settings;
    std::vector<Message> messages;  // by number
    std::map<std::string, std::pair<SentMessage, milliseconds>> sent;
    std::map<std::string, Attempt> attempts;
  };
  struct Handle {
    uint64_t number = 0;
    uint64_t lease = 0;
  };

  static bool IsFifo(const Queue& queue) { return queue.settings.kind == QueueKind::kFifo; }
  bool IsExpired(const Queue& queue, const Message& message) const {
    return message.arrived + queue.settings.retention <= now_;
  }
  bool IsCurrent(const Message* message, const Handle& handle) const {
    return message && message->lease == handle.lease && message->hidden_until > now_;
  }
  static Message* Find(Queue& queue, uint64_t number) {
    for (Message& message : queue.messages) {
      if (message.number == number) return &message;
    }
    return nullptr;
  }

  SentMessage SendOne(Queue& queue, const NewMessage& message);

  // What a receive may give, in its order.
  std::vector<uint64_t> Receivable(const Queue& queue) const {
    std::vector<uint64_t> numbers;
    if (!IsFifo(queue)) {
      for (const Message& message : queue.messages) {
        if (message.hidden_until <= now_) numbers.push_back(message.number);
      }
      return numbers;
    }
    std::set<std::string> seen;
    for (const Message& first : queue.messages) {
      if (!seen.insert(first.group).second || IsBlocked(queue, first.group)) continue;
      for (const Message& message : queue.messages) {
        if (message.group != first.group) continue;
        if (message.hidden_until > now_) break;
        numbers.push_back(message.number);
      }
    }
    return numbers;
  }
  bool IsBlocked(const Queue& queue, const std::string& group) const {
    return std::any_of(queue.messages.begin(), queue.messages.end(), [&](const Message& message) {
      return message.group == group && message.leased && message.hidden_until > now_;
    });
  }

  void Expire(Queue& queue) {
    for (const uint64_t number : Receivable(queue)) {
      std::erase_if(queue.messages, [&](const Message& message) {
        return message.number == number && IsExpired(queue, message);
      });
    }
  }

  void Move(Queue& from, uint64_t number, Queue& to, const std::string& source);

  bool Untouched(Queue& queue, const Attempt& attempt) const {
    return attempt.until > now_ &&
           std::all_of(attempt.messages.begin(), attempt.messages.end(), [&](const Attempt::Given& given) {
             const Message* const message = Find(queue, given.number);
             return message && message->lease == given.lease && message->hidden_until == given.hidden_until &&
                    message->hidden_until > now_;
           });
  }

  std::vector<QueueMessage> Repeat(Queue& queue, Attempt& attempt, seconds visibility);

  QueueMessage Give(const std::string& name, const Message& message);

  Result<Handle> Decode(const std::string& name, const std::string& text) const {
    const auto queue = queue_of_.find(text);
    if (queue == queue_of_.end() || queue->second != name) {
      return Error{ErrorCode::kInvalidArgument, "no handle of this queue"};
    }
    return Handle{std::stoull(text), std::stoull(text.substr(text.find(' ')))};
  }

  milliseconds now_{0};
  uint64_t numbers_ = 0;
  uint64_t leases_ = 0;
  std::map<std::string, Queue> queues_;
  std::map<std::string, std::string> queue_of_;  // of each handle given
};

}  // namespace hearth
