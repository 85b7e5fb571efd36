#include "runtime/store/queue_store.h"

#include <algorithm>

namespace hearth {
namespace {

constexpr std::string_view kFifoEnding = ".fifo";
constexpr size_t kRedriveSourcesMax = 10;
constexpr size_t kTagKeyBytesMax = 128;
constexpr size_t kTagValueBytesMax = 256;

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

bool IsFifoName(std::string_view name) { return name.ends_with(kFifoEnding); }

// What SQS allows in group, deduplication and attempt ids: printable ASCII without the space.
Status CheckId(std::string_view what, std::string_view id, size_t bytes_max) {
  const auto fits = [](char c) { return c > ' ' && c < '\x7f'; };
  if (id.size() <= bytes_max && std::all_of(id.begin(), id.end(), fits)) return Ok();
  return Invalid(std::string(what) + " has " + std::to_string(id.size()) + " bytes; it must be at most " +
                 std::to_string(bytes_max) + " of ASCII letters, digits and punctuation");
}

Status CheckFifoMessage(const NewMessage& message, const QueueSettings& settings) {
  if (message.group_id.empty()) {
    return Invalid("send: a message to a FIFO queue needs a message group id");
  }
  if (message.deduplication_id.empty() && !settings.content_based_deduplication) {
    return Invalid(
        "send: a message to a FIFO queue without content-based deduplication needs a deduplication id");
  }
  if (message.delay != seconds(-1)) {
    return Invalid("send: a message to a FIFO queue has no delay of its own; set the queue's");
  }
  return Ok();
}

}  // namespace

Status ValidateQueueName(std::string_view name) {
  std::string_view stem = name;
  if (IsFifoName(name)) stem.remove_suffix(kFifoEnding.size());
  if (!stem.empty() && name.size() <= kQueueNameBytesMax &&
      std::all_of(stem.begin(), stem.end(), IsNameCharacter)) {
    return Ok();
  }
  return Invalid("queue name \"" + std::string(name.substr(0, kQueueNameBytesMax)) + "\": 1 to " +
                 std::to_string(kQueueNameBytesMax) + " of [A-Za-z0-9_-], then .fifo for a FIFO queue");
}

Status ValidateQueueKind(std::string_view name, const QueueSettings& settings) {
  if (IsFifoName(name) == (settings.kind == QueueKind::kFifo)) return Ok();
  return Invalid("queue " + std::string(name) +
                 ": a FIFO queue's name ends in .fifo, and a standard queue's does not");
}

Status ValidateQueueSettings(const QueueSettings& settings, Bytes message_bytes_max) {
  HEARTH_TRY(
      CheckRange("visibility timeout (s)", settings.visibility_timeout.count(), 0, kVisibilityMax.count()));
  HEARTH_TRY(CheckRange("delay (s)", settings.delay.count(), 0, kDelayMax.count()));
  HEARTH_TRY(CheckRange("retention (s)", settings.retention.count(), 60, 1'209'600));
  HEARTH_TRY(CheckRange("receive wait (s)", settings.receive_wait.count(), 0, 20));
  HEARTH_TRY(CheckRange("maximum message size (bytes)", static_cast<int64_t>(settings.message_bytes_max),
                        1'024, static_cast<int64_t>(message_bytes_max.count)));
  HEARTH_TRY(CheckRange("maximum receives", settings.receives_max, 0, 1'000));
  if ((settings.receives_max == 0) != settings.dead_letter_queue.empty()) {
    return Invalid(
        "queue settings: maximum receives and dead-letter queue go together; give both or neither");
  }
  if (settings.kind == QueueKind::kStandard &&
      (settings.content_based_deduplication || settings.deduplication_scope != DeduplicationScope::kQueue)) {
    return Invalid("queue settings: deduplication is for FIFO queues only");
  }
  if ((settings.redrive_permission == RedrivePermission::kByQueue) == settings.redrive_sources.empty()) {
    return Invalid("queue settings: the list of redrive sources goes with the permission by queue only");
  }
  HEARTH_TRY(CheckRange("number of redrive sources", static_cast<int64_t>(settings.redrive_sources.size()), 0,
                        static_cast<int64_t>(kRedriveSourcesMax)));
  for (const std::string& source : settings.redrive_sources) HEARTH_TRY(ValidateQueueName(source));
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
    HEARTH_TRY(CheckId("send: the message group id", message.group_id, kGroupIdBytesMax));
    HEARTH_TRY(CheckId("send: the deduplication id", message.deduplication_id, kDeduplicationIdBytesMax));
    if (settings.kind == QueueKind::kFifo) HEARTH_TRY(CheckFifoMessage(message, settings));
  }
  return Ok();
}

Status ValidateReceive(const ReceiveRequest& request, const QueueSettings& settings) {
  HEARTH_TRY(ValidateVisibility(request.visibility));
  if (request.attempt_id.empty()) return Ok();
  if (settings.kind == QueueKind::kStandard) {
    return Invalid("receive: an attempt id is for FIFO queues only");
  }
  return CheckId("receive: the attempt id", request.attempt_id, kReceiveAttemptIdBytesMax);
}

Status CheckDeadLetterQueue(std::string_view queue, const QueueSettings& settings,
                            const QueueSettings* dead_letters) {
  const std::string context = "queue " + std::string(queue) + ": ";
  if (settings.dead_letter_queue == queue) {
    return Invalid(context + "it cannot be its own dead-letter queue");
  }
  const std::string named = context + "its dead-letter queue " + settings.dead_letter_queue;
  if (!dead_letters) return Invalid(named + " does not exist; create that first");
  if (dead_letters->kind != settings.kind) {
    return Invalid(named + " is of the other kind: a FIFO queue's is FIFO, a standard queue's standard");
  }
  const auto& sources = dead_letters->redrive_sources;
  const bool allowed = dead_letters->redrive_permission == RedrivePermission::kAllowAll ||
                       std::find(sources.begin(), sources.end(), queue) != sources.end();
  if (allowed) return Ok();
  return Invalid(named + " does not let this queue use it; change its redrive permission");
}

Status ChangeTags(std::map<std::string, std::string>& tags, std::map<std::string, std::string> add,
                  const std::vector<std::string>& remove) {
  auto changed = tags;
  for (auto& [key, value] : add) {
    if (key.empty() || key.size() > kTagKeyBytesMax || value.size() > kTagValueBytesMax) {
      return Invalid("tag \"" + key.substr(0, kTagKeyBytesMax) + "\": a key has 1 to " +
                     std::to_string(kTagKeyBytesMax) + " bytes, a value at most " +
                     std::to_string(kTagValueBytesMax));
    }
    changed[key] = std::move(value);
  }
  for (const std::string& key : remove) changed.erase(key);
  if (changed.size() > kQueueTagsMax) {
    return Invalid("a queue has at most " + std::to_string(kQueueTagsMax) + " tags, this one would have " +
                   std::to_string(changed.size()));
  }
  tags = std::move(changed);
  return Ok();
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

Error LeaseTooLong(std::string_view handle) {
  return Error{ErrorCode::kPrecondition, "receipt handle " + std::string(handle) +
                                             ": its lease would last longer in all than its receive allowed; "
                                             "let it end and receive the message again"};
}

Status ValidateVisibility(seconds visibility) {
  if (visibility >= seconds(-1) && visibility <= kVisibilityMax) return Ok();
  return Invalid("visibility timeout is " + std::to_string(visibility.count()) + " s; it must be 0 to " +
                 std::to_string(kVisibilityMax.count()));
}

}  // namespace hearth
