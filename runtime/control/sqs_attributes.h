#pragma once

#include <map>
#include <string>

#include "runtime/base/result.h"
#include "runtime/control/json_members.h"
#include "runtime/store/queue_store.h"

namespace hearth {

// Which account and region the ARNs name.
struct SqsIdentity {
  std::string account = "000000000000";
  std::string region = "us-east-1";
  std::string ArnOf(const std::string& queue) const {
    return "arn:aws:sqs:" + region + ":" + account + ":" + queue;
  }
};

// Queue attributes, all strings at SQS. kInvalidArgument names the attribute; those that only AWS needs
// (keys, policies) are taken and have no effect, FIFO ones are refused.
Status ReadQueueAttributes(const Json& attributes, QueueSettings& settings);

// `names` as asked for; "All" is all. kInvalidArgument on an unknown one.
Result<Json> QueueAttributesJson(const SqsIdentity& identity, const QueueDescription& queue,
                                 const QueueStatistics& statistics, const std::vector<std::string>& names);

// {"name": {"DataType", "StringValue" | "BinaryValue"}} of SendMessage.
Result<std::map<std::string, MessageAttribute>> ReadMessageAttributes(const Json& attributes);
// Those that `names` asks for ("All", ".*", "prefix.*", or exact ones).
std::map<std::string, MessageAttribute> SelectMessageAttributes(
    const std::map<std::string, MessageAttribute>& attributes, const std::vector<std::string>& names);
Json MessageAttributesJson(const std::map<std::string, MessageAttribute>& attributes);
Json SystemAttributesJson(const SqsIdentity& identity, const QueueMessage& message,
                          const std::vector<std::string>& names);

// Only what XML 1.0 can hold, as at SQS.
bool IsLegalMessageBody(std::string_view body);

}  // namespace hearth
