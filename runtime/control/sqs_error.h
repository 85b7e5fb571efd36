#pragma once

#include <string>
#include <string_view>

#include "runtime/base/result.h"
#include "runtime/control/json_members.h"

namespace hearth {

// A refusal in SQS's words. `type` is the JSON protocol's name; `query_code` the one of the old protocol,
// which SDKs still match on (header x-amzn-query-error).
struct SqsError {
  std::string type;
  std::string query_code;
  std::string message;
  int status = 400;
};

SqsError QueueDoesNotExist();
SqsError SqsInvalidParameter(std::string message);
// "Value VALUE for parameter NAME is invalid. Reason: REASON"
SqsError SqsInvalidValue(std::string_view value, std::string_view name, std::string_view reason);
SqsError SqsMissingParameter(std::string_view name);
SqsError UnknownQueueAttribute(std::string_view name);
SqsError InvalidQueueAttribute(std::string message);
SqsError ReceiptHandleIsInvalid(std::string_view handle);
SqsError MessageNotInflight(const std::string& detail);
SqsError SqsResourceNotFound(std::string message);  // 404
SqsError SqsUnsupported(std::string message);
// "EmptyBatchRequest" and its like, whose old names have a prefix.
SqsError SqsPrefixedError(const char* code, std::string message, int status = 400);
// One that is called alike in both protocols and belongs to AWS's common errors.
SqsError SqsCommonError(const char* code, std::string message, int status = 400);

SqsError ToSqsError(const Error& error);
std::string SqsErrorJson(const SqsError& error);

}  // namespace hearth
