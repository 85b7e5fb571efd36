#pragma once

#include <map>
#include <optional>
#include <string>
#include <vector>

#include "runtime/control/json_members.h"
#include "runtime/control/sqs_error.h"
#include "runtime/control/sqs_identity.h"
#include "runtime/store/queue_store.h"

namespace hearth {

// A queue's attributes, which at SQS are all strings: those that its store knows as settings, and those that
// are kept for clients that read back what they wrote (policies, keys) and change nothing here.
struct SqsQueueAttributes {
  QueueSettings settings{};
  std::map<std::string, std::string> kept{};
  friend bool operator==(const SqsQueueAttributes&, const SqsQueueAttributes&) = default;
};

// Changes `attributes` by one; "" takes a policy or a key away. The error names the attribute and says what
// would be right.
std::optional<SqsError> SetSqsQueueAttribute(const std::string& name, const Json& value,
                                             SqsQueueAttributes& attributes);
// All of a request's, and whether they fit together.
std::optional<SqsError> SetSqsQueueAttributes(const Json& given, SqsQueueAttributes& attributes);

// `names` as asked for; "All" is all. An unknown one is an error.
struct SqsAttributesShown {
  Json json = Json::object();
  std::optional<SqsError> refused{};
};
SqsAttributesShown ShowSqsQueueAttributes(const SqsIdentity& identity, const QueueDescription& queue,
                                          const std::map<std::string, std::string>& kept,
                                          const QueueStatistics& statistics,
                                          const std::vector<std::string>& names);

}  // namespace hearth
