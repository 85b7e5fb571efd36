#pragma once

#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "runtime/store/queue_store.h"

namespace hearth {

// Where a queue is, in the words of its ARN.
struct QueueAddress {
  std::string region;
  std::string account;
  std::string queue;
  std::string Arn() const { return "arn:aws:sqs:" + region + ":" + account + ":" + queue; }
};

// What SQS calls the message's attributes: ApproximateReceiveCount, SentTimestamp, ...
std::vector<std::pair<std::string_view, std::string>> SystemAttributesOf(const QueueAddress& address,
                                                                         const QueueMessage& message);

// Of those that the sender named.
std::string Md5OfUserAttributes(const QueueMessage& message);

// The payload of one batch: the SQS event of Lambda's event source mapping.
struct QueueEvent {
  std::string payload;
  size_t messages = 0;  // how many, from the front, fitted
};

// Takes messages from the front until the next would bring the payload over `payload_bytes_max`; the first
// always goes in (a message that is too large alone must fail on its own, not block the queue).
QueueEvent EncodeQueueEvent(const QueueAddress& address, std::span<const QueueMessage> messages,
                            size_t payload_bytes_max);

// What a function that reports item failures says of its batch. Null, {} and an empty or null list are
// success of all; an answer that is not JSON, that names no item, or an item that is not in the batch, is
// failure of all - a wrong answer must not delete a message.
struct BatchVerdict {
  bool whole_batch_failed = false;
  std::string why;                  // when it did
  std::vector<std::string> failed;  // message ids
};
BatchVerdict JudgeBatchAnswer(std::string_view answer, std::span<const std::string> message_ids);

}  // namespace hearth
