#pragma once

#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "runtime/base/result.h"
#include "runtime/control/json_members.h"
#include "runtime/control/sqs_error.h"
#include "runtime/control/sqs_identity.h"
#include "runtime/store/queue_store.h"

namespace hearth {

using SqsAttributes = std::map<std::string, MessageAttribute>;

// What a send says of one message, in its own entry or at the top: the message, or why SQS refuses it.
// Settings of the queue other than its kind are the store's to check.
struct SqsMessageRead {
  NewMessage message{};
  std::optional<SqsError> refused{};
};
SqsMessageRead ReadSqsMessage(const Json& entry, QueueKind kind);
// MD5s and, later, the id: what the sender gets back.
Json SentMessageJson(const NewMessage& message, const SentMessage& sent);

struct ReceiveNames {
  std::vector<std::string> system;  // "All" is all
  std::vector<std::string> user;    // "All", ".*", "prefix.*", or exact ones
};
// kInvalidArgument with the name of a system attribute that there is none of.
Status ValidateSystemNames(const std::vector<std::string>& names);
Json ReceivedMessageJson(const SqsIdentity& identity, const QueueMessage& message, const ReceiveNames& names);

// Only what XML 1.0 can hold, as at SQS. The text is UTF-8 already.
bool IsLegalMessageText(std::string_view text);

}  // namespace hearth
