#include "runtime/store/queue_store.h"

#include <algorithm>

namespace hearth {
namespace {

constexpr seconds kVisibilityMax{43'200};
constexpr seconds kDelayMax{900};

Error Invalid(std::string message) { return Error{ErrorCode::kInvalidArgument, std::move(message)}; }

Status CheckRange(std::string_view what, int64_t value, int64_t least, int64_t most) {
  if (value >= least && value <= most) return Ok();
  return Invalid("queue setting " + std::string(what) + " is " + std::to_string(value) + "; it must be " +
                 std::to_string(least) + " to " + std::to_string(most));
}

bool IsNameCharacter(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' || c == '-';
}

}  // namespace

Status ValidateQueueName(std::string_view name) {
  if (!name.empty() && name.size() <= kQueueNameBytesMax &&
      std::all_of(name.begin(), name.end(), IsNameCharacter)) {
    return Ok();
  }
  return Invalid("queue name \"" + std::string(name.substr(0, kQueueNameBytesMax)) + "\": 1 to " +
                 std::to_string(kQueueNameBytesMax) + " of [A-Za-z0-9_-]");
}

Status ValidateQueueSettings(const QueueSettings& settings) {
  HEARTH_TRY(
      CheckRange("visibility timeout (s)", settings.visibility_timeout.count(), 0, kVisibilityMax.count()));
  HEARTH_TRY(CheckRange("delay (s)", settings.delay.count(), 0, kDelayMax.count()));
  HEARTH_TRY(CheckRange("retention (s)", settings.retention.count(), 60, 1'209'600));
  HEARTH_TRY(CheckRange("receive wait (s)", settings.receive_wait.count(), 0, 20));
  HEARTH_TRY(CheckRange("maximum message size (bytes)", static_cast<int64_t>(settings.message_bytes_max),
                        1'024, static_cast<int64_t>(kMessageBytesMax.count)));
  HEARTH_TRY(CheckRange("maximum receives", settings.receives_max, 0, 1'000));
  if ((settings.receives_max == 0) != settings.dead_letter_queue.empty()) {
    return Invalid(
        "queue settings: maximum receives and dead-letter queue go together; give both or neither");
  }
  if (settings.dead_letter_queue.empty()) return Ok();
  return ValidateQueueName(settings.dead_letter_queue);
}

uint64_t SizeOf(const NewMessage& message) {
  uint64_t size = message.body.size();
  for (const auto& [name, attribute] : message.attributes) {
    size += name.size() + attribute.type.size() + attribute.value.size();
  }
  return size;
}

Status ValidateMessages(const std::vector<NewMessage>& messages, const QueueSettings& settings) {
  if (messages.empty() || messages.size() > kReceiveBatchMax) {
    return Invalid("send: a batch has 1 to " + std::to_string(kReceiveBatchMax) + " messages, this one " +
                   std::to_string(messages.size()));
  }
  for (const NewMessage& message : messages) {
    if (const uint64_t size = SizeOf(message); size > settings.message_bytes_max) {
      return Error{ErrorCode::kTooLarge, "send: a message of this queue has at most " +
                                             std::to_string(settings.message_bytes_max) +
                                             " bytes with its attributes, this one " + std::to_string(size)};
    }
    if (message.delay != seconds(-1) && (message.delay < seconds(0) || message.delay > kDelayMax)) {
      return Invalid("send: the delay is " + std::to_string(message.delay.count()) +
                     " s; it must be 0 to 900");
    }
    if (message.idempotency_key.size() > kIdempotencyKeyBytesMax) {
      return Invalid("send: an idempotency key has at most " + std::to_string(kIdempotencyKeyBytesMax) +
                     " bytes, this one " + std::to_string(message.idempotency_key.size()));
    }
  }
  return Ok();
}

Status CheckDeadLetterQueue(std::string_view queue, const QueueSettings& settings, bool exists) {
  if (settings.dead_letter_queue == queue) {
    return Invalid("queue " + std::string(queue) + ": it cannot be its own dead-letter queue");
  }
  if (exists) return Ok();
  return Invalid("queue " + std::string(queue) + ": its dead-letter queue " + settings.dead_letter_queue +
                 " does not exist; create that first");
}

Error NoSuchQueue(std::string_view name) {
  return Error{ErrorCode::kNotFound, "queue " + std::string(name.substr(0, kQueueNameBytesMax)) +
                                         " does not exist; create it first"};
}

Error LeaseIsOver(std::string_view handle) {
  return Error{ErrorCode::kNotFound, "receipt handle " + std::string(handle) +
                                         ": its lease is over: the message was deleted, returned or became "
                                         "visible again"};
}

Status ValidateVisibility(seconds visibility) {
  if (visibility >= seconds(-1) && visibility <= kVisibilityMax) return Ok();
  return Invalid("visibility timeout is " + std::to_string(visibility.count()) + " s; it must be 0 to " +
                 std::to_string(kVisibilityMax.count()));
}

}  // namespace hearth
