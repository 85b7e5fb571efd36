#include "runtime/router/queue_destination.h"

#include <utility>

#include "runtime/base/digest.h"
#include "runtime/model/arn.h"
#include "runtime/store/system_attributes.h"

namespace hearth {
namespace {

// FIFO queues want a group of each message, and an id where they do not make one of the body.
constexpr const char* kGroup = "hearth-destination";

std::string DeduplicationId(const Destination::Message& message) {
  const std::string& named = message.idempotency_key.empty() ? message.body : message.idempotency_key;
  const Sha256Digest digest = Sha256(named);
  return ToHex({reinterpret_cast<const char*>(digest.data()), digest.size()});
}

}  // namespace

// The region is not looked at: clients name whichever they are set to.
Result<std::string> QueueDestination::QueueOf(const std::string& arn) const {
  HEARTH_ASSIGN(const Arn parsed, ParseArn(arn));
  if (parsed.account != options_.account) {
    return Error{ErrorCode::kNotFound,
                 arn + ": there are only queues of account " + options_.account + " here"};
  }
  const Status named = ValidateQueueName(parsed.resource);
  if (!named.ok()) return named.error().WithContext(arn);
  return parsed.resource;
}

void QueueDestination::Check(std::string arn, OnDone checked) {
  auto queue = QueueOf(arn);
  if (!queue.ok()) {
    return executor_.Post([checked = std::move(checked), error = queue.error()] { checked(error); });
  }
  queues_.Describe(
      *queue, [arn = std::move(arn), checked = std::move(checked)](const Result<QueueDescription>& found) {
        checked(found.ok() ? Ok() : Status(found.error().WithContext(arn)));
      });
}

void QueueDestination::Send(std::string arn, Message message, OnDone stored) {
  auto queue = QueueOf(arn);
  if (!queue.ok()) {
    return executor_.Post([stored = std::move(stored), error = queue.error()] { stored(error); });
  }
  NewMessage sent;
  if (queue->ends_with(".fifo")) {
    sent.group_id = kGroup;
    sent.deduplication_id = DeduplicationId(message);
  }
  sent.body = std::move(message.body);
  sent.attributes = std::move(message.attributes);
  if (!message.trace_id.empty())
    sent.attributes[kTraceHeaderAttribute] = {"String", std::move(message.trace_id)};
  sent.idempotency_key = std::move(message.idempotency_key);
  queues_.Send(
      *queue, {std::move(sent)},
      [arn = std::move(arn), stored = std::move(stored)](const Result<std::vector<SentMessage>>& done) {
        stored(done.ok() ? Ok() : Status(done.error().WithContext(arn)));
      });
}

}  // namespace hearth
