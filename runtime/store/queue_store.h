#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "runtime/base/clock.h"
#include "runtime/base/result.h"
#include "runtime/base/units.h"

namespace hearth {

// Durable queues with SQS's semantics: at least once, visibility time-outs, receipt handles, dead letters.
//
// Thread:  loop thread; completions run on the loop, never inside the call.
// Durable: a completed Send survives kill -9 and power loss; a completed Delete never comes back.
// Handles: receipt handles and message ids are opaque strings, valid in any process that opens the same
//          store.
// Limits:  queue name 80 of [A-Za-z0-9_-]; body 1 MiB (attributes count); batch 10 at the protocol,
//          kReceiveBatchMax here.

inline constexpr Bytes kMessageBytesMax = 1_MiB;
inline constexpr size_t kQueueNameBytesMax = 80;
inline constexpr uint32_t kReceiveBatchMax = 10'000;
// One receive or peek stops here although more is visible: an answer is held in memory several times.
inline constexpr uint64_t kReceiveBytesMax = (16_MiB).count;
inline constexpr seconds kIdempotencyWindow{300};
inline constexpr size_t kIdempotencyKeyBytesMax = 128;

struct QueueSettings {
  seconds visibility_timeout{30};                       // 0..43,200
  seconds delay{0};                                     // 0..900
  seconds retention{4 * 86'400};                        // 60..1,209,600
  seconds receive_wait{0};                              // 0..20: long poll when a receive does not say
  uint64_t message_bytes_max = kMessageBytesMax.count;  // 1,024..1,048,576
  uint32_t receives_max = 0;                            // maxReceiveCount; 0: no dead letters
  std::string dead_letter_queue{};                      // name
  friend bool operator==(const QueueSettings&, const QueueSettings&) = default;
};

struct MessageAttribute {
  std::string type;   // "String", "Number", "Binary" and their custom forms
  std::string value;  // raw bytes for Binary
};

struct NewMessage {
  std::string body{};
  std::map<std::string, MessageAttribute> attributes{};
  seconds delay{-1};              // -1: the queue's
  std::string idempotency_key{};  // "" : none. The same key within 5 minutes returns the first message's id.
};

struct QueueMessage {
  std::string message_id{};  // UUID
  std::string receipt_handle{};
  std::string body{};
  std::map<std::string, MessageAttribute> attributes{};
  WallTime sent{};
  WallTime first_received{};
  uint32_t receive_count = 0;
  std::string dead_letter_source{};  // queue it came from, if it is a dead letter
};

struct QueueStatistics {
  uint64_t visible = 0;
  uint64_t in_flight = 0;
  uint64_t delayed = 0;
  milliseconds oldest_age{0};  // of the oldest visible message; 0 when there is none
};

struct QueueDescription {
  std::string name;
  QueueSettings settings;
  WallTime created{};
  WallTime modified{};
};

class QueueStore {
 public:
  using Done = std::function<void(Status)>;
  template <class T>
  using Reply = std::function<void(Result<T>)>;
  // Runs after a message may have become visible in `queue`: sent, returned, or its delay or visibility has
  // run out.
  using OnVisible = std::function<void(std::string_view queue)>;

  virtual ~QueueStore() = default;

  // The same settings again: Ok. Other settings: kAlreadyExists.
  virtual void Create(std::string queue, QueueSettings settings, Done done) = 0;
  virtual void Configure(std::string queue, QueueSettings settings, Done done) = 0;
  virtual void Remove(std::string queue, Done done) = 0;  // with its messages
  virtual void List(Reply<std::vector<QueueDescription>> reply) = 0;
  virtual void Describe(std::string queue, Reply<QueueDescription> reply) = 0;
  virtual void Statistics(std::string queue, Reply<QueueStatistics> reply) = 0;

  // All or none; ids in order.
  virtual void Send(std::string queue, std::vector<NewMessage> messages,
                    Reply<std::vector<std::string>> reply) = 0;
  // Up to `count` visible messages, oldest first, invisible to others for `visibility` (-1: the queue's).
  // Never waits: an empty answer is an empty vector. A message whose receive count would pass receives_max
  // moves to the dead-letter queue.
  virtual void Receive(std::string queue, uint32_t count, seconds visibility,
                       Reply<std::vector<QueueMessage>> reply) = 0;
  // Visible messages, without leasing them.
  virtual void Peek(std::string queue, uint32_t count, Reply<std::vector<QueueMessage>> reply) = 0;
  // One Status a handle, in order: kInvalidArgument for garbage, Ok for what is already gone.
  virtual void Delete(std::string queue, std::vector<std::string> handles,
                      Reply<std::vector<Status>> reply) = 0;
  // 0 makes it visible at once. kNotFound when the handle's lease is over.
  virtual void ChangeVisibility(std::string queue, std::vector<std::string> handles, seconds visibility,
                                Reply<std::vector<Status>> reply) = 0;
  // Gives a lease back as if it had not been received: visible, receive count one less.
  virtual void Return(std::string queue, std::vector<std::string> handles,
                      Reply<std::vector<Status>> reply) = 0;
  virtual void Purge(std::string queue, Done done) = 0;

  // One observer; the router's consumers and long polls hang below it.
  virtual void SetOnVisible(OnVisible on_visible) = 0;
};

Status ValidateQueueName(std::string_view name);
Status ValidateQueueSettings(const QueueSettings& settings);
// Sizes and delays against the queue's limits; kTooLarge names limit and size.
Status ValidateMessages(const std::vector<NewMessage>& messages, const QueueSettings& settings);
// -1 (the queue's) or 0..43,200.
Status ValidateVisibility(seconds visibility);
// For drivers: what every one of them says alike.
Status CheckDeadLetterQueue(std::string_view queue, const QueueSettings& settings, bool exists);
Error NoSuchQueue(std::string_view name);
Error LeaseIsOver(std::string_view handle);
// What counts against message_bytes_max: the body and each attribute's name, type and value.
uint64_t SizeOf(const NewMessage& message);

}  // namespace hearth
