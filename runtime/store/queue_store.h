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
inline constexpr size_t kGroupIdBytesMax = 128;
inline constexpr size_t kDeduplicationIdBytesMax = 128;
inline constexpr size_t kReceiveAttemptIdBytesMax = 128;
inline constexpr seconds kLeaseTotalMax{43'200};
inline constexpr size_t kQueueTagsMax = 50;
inline constexpr size_t kMovesListedMax = 10;

// FIFO queues keep order within a message group; their names end in ".fifo", and only theirs.
enum class QueueKind : uint8_t { kStandard = 0, kFifo = 1 };
// Among which messages a deduplication id is looked for.
enum class DeduplicationScope : uint8_t { kQueue = 0, kMessageGroup = 1 };
// Which queues may name this one as their dead-letter queue (SQS's RedriveAllowPolicy).
enum class RedrivePermission : uint8_t { kAllowAll = 0, kDenyAll = 1, kByQueue = 2 };

struct QueueSettings {
  QueueKind kind = QueueKind::kStandard;                // never changes after Create
  seconds visibility_timeout{30};                       // 0..43,200
  seconds delay{0};                                     // 0..900
  seconds retention{4 * 86'400};                        // 60..1,209,600
  seconds receive_wait{0};                              // 0..20: long poll when a receive does not say
  uint64_t message_bytes_max = kMessageBytesMax.count;  // 1,024..1,048,576
  uint32_t receives_max = 0;                            // maxReceiveCount; 0: no dead letters
  std::string dead_letter_queue{};                      // name
  RedrivePermission redrive_permission = RedrivePermission::kAllowAll;
  std::vector<std::string> redrive_sources{};  // names, at most 10; only with kByQueue
  // FIFO only.
  bool content_based_deduplication = false;  // without an id, SHA-256 of the body is the id
  DeduplicationScope deduplication_scope = DeduplicationScope::kQueue;
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
  // FIFO: group required, no delay of its own. Standard: a group may be given and is only passed on.
  std::string group_id{};          // 128 of SQS's characters
  std::string deduplication_id{};  // 128; "" only with content-based deduplication
};

// What a sender hears. A duplicate (FIFO, or by idempotency key) gets the first message's answer.
struct SentMessage {
  std::string message_id{};
  uint64_t sequence_number = 0;  // FIFO: grows with each message of the queue; 0 for standard queues
  friend bool operator==(const SentMessage&, const SentMessage&) = default;
};

struct ReceiveRequest {
  uint32_t count = 1;
  seconds visibility{-1};  // -1: the queue's
  // FIFO, SQS's ReceiveRequestAttemptId: the same id within 5 minutes gives the same messages again with fresh
  // leases, unless one of them was deleted or its lease changed meanwhile.
  std::string attempt_id{};
  // How long the lease may last in all, however often it is prolonged; 0: without end, for a consumer that
  // sees its worker live. Its own visibility is not cut.
  seconds lease_total_max{kLeaseTotalMax};
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
  std::string group_id{};
  std::string deduplication_id{};
  uint64_t sequence_number = 0;
};

struct QueueStatistics {
  uint64_t visible = 0;
  uint64_t in_flight = 0;
  uint64_t delayed = 0;
  milliseconds oldest_age{0};  // of the oldest visible message; 0 when there is none
  // Since the store was opened: rates and metrics come from their differences.
  uint64_t sent = 0;
  uint64_t received = 0;
  uint64_t deleted = 0;
  uint64_t dead_lettered = 0;  // moved away by receives_max
};

struct QueueDescription {
  std::string name;
  QueueSettings settings;
  WallTime created{};
  WallTime modified{};
  std::map<std::string, std::string> tags{};
};

// Messages of a dead-letter queue on their way back. Durable: goes on after a restart.
struct MoveTask {
  enum class State : uint8_t { kRunning, kCompleted, kCancelling, kCancelled, kFailed };
  std::string handle{};
  std::string source{};
  std::string destination{};    // "": each message to the queue that it came from
  uint32_t per_second_max = 0;  // 0: as fast as the store goes without holding up others
  State state = State::kRunning;
  uint64_t moved = 0;
  uint64_t to_move = 0;  // visible in the source at the start: a guess, as at SQS
  std::string failure{};
  WallTime started{};
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
  // Of all queues at once, for scrapes; in order of name.
  virtual void AllStatistics(Reply<std::vector<std::pair<std::string, QueueStatistics>>> reply) = 0;

  // All or none; ids in order.
  virtual void Send(std::string queue, std::vector<NewMessage> messages,
                    Reply<std::vector<SentMessage>> reply) = 0;
  // Up to `count` visible messages, oldest first, invisible to others for the visibility asked for.
  // Never waits: an empty answer is an empty vector. A message whose receive count would pass receives_max
  // moves to the dead-letter queue. FIFO: in order within each group; a group with a message in flight gives
  // none, but one receive may take several of a group.
  virtual void Receive(std::string queue, ReceiveRequest request, Reply<std::vector<QueueMessage>> reply) = 0;
  // What a Receive would give now (without moving dead letters), without leasing it.
  virtual void Peek(std::string queue, uint32_t count, Reply<std::vector<QueueMessage>> reply) = 0;
  // Deletes those of these messages that are visible now, without ever having leased them: what a filter does not
  // want. How many it deleted.
  virtual void Discard(std::string queue, std::vector<std::string> message_ids, Reply<uint64_t> reply) = 0;
  // One Status a handle, in order: kInvalidArgument for garbage, Ok for what is already gone. FIFO: kNotFound
  // when the lease is over, since the message may be in other hands.
  virtual void Delete(std::string queue, std::vector<std::string> handles,
                      Reply<std::vector<Status>> reply) = 0;
  // 0 makes it visible at once. kNotFound when the handle's lease is over; kPrecondition when it would pass
  // its receive's lease_total_max.
  virtual void ChangeVisibility(std::string queue, std::vector<std::string> handles, seconds visibility,
                                Reply<std::vector<Status>> reply) = 0;
  // Gives a lease back as if it had not been received: visible, receive count one less.
  virtual void Return(std::string queue, std::vector<std::string> handles,
                      Reply<std::vector<Status>> reply) = 0;
  virtual void Purge(std::string queue, Done done) = 0;
  // Adds or replaces `tags`, then removes `keys`. At most 50 tags.
  virtual void Tag(std::string queue, std::map<std::string, std::string> tags, std::vector<std::string> keys,
                   Done done) = 0;

  // kConflict: a task of this source runs already. kInvalidArgument: no queue has it as its dead-letter queue.
  virtual void StartMove(std::string source, std::string destination, uint32_t per_second_max,
                         Reply<std::string> handle) = 0;
  // How many had been moved. kNotFound: no such task, or it does not run.
  virtual void CancelMove(std::string handle, Reply<uint64_t> reply) = 0;
  // The last 10, newest first.
  virtual void ListMoves(std::string source, Reply<std::vector<MoveTask>> reply) = 0;

  // One observer; the router's consumers and long polls hang below it.
  virtual void SetOnVisible(OnVisible on_visible) = 0;
};

Status ValidateQueueName(std::string_view name);
Status ValidateQueueSettings(const QueueSettings& settings, Bytes message_bytes_max = kMessageBytesMax);
// The name's ending and the kind agree.
Status ValidateQueueKind(std::string_view name, const QueueSettings& settings);
// Sizes and delays against the queue's limits; kTooLarge names limit and size.
Status ValidateMessages(const std::vector<NewMessage>& messages, const QueueSettings& settings);
// -1 (the queue's) or 0..43,200.
Status ValidateVisibility(seconds visibility);
Status ValidateReceive(const ReceiveRequest& request, const QueueSettings& settings);
// For drivers: what every one of them says alike. `dead_letters`: the settings of the queue that is named,
// nullptr when there is none.
Status CheckDeadLetterQueue(std::string_view queue, const QueueSettings& settings,
                            const QueueSettings* dead_letters);
Status ChangeTags(std::map<std::string, std::string>& tags, std::map<std::string, std::string> add,
                  const std::vector<std::string>& remove);
Error NoSuchQueue(std::string_view name);
Error LeaseIsOver(std::string_view handle);
Error LeaseTooLong(std::string_view handle);
// What counts against message_bytes_max: the body and each attribute's name, type and value.
uint64_t SizeOf(const NewMessage& message);

}  // namespace hearth
