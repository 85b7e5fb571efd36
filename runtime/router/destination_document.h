#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "runtime/base/clock.h"
#include "runtime/model/async_invocation.h"
#include "runtime/router/destination.h"

namespace hearth {

// What a destination is told, in Lambda's form:
//   {"version", "timestamp", "requestContext": {"requestId", "functionArn", "condition", "approximateInvokeCount"},
//    "requestPayload", "responseContext": {"statusCode", "executedVersion", "functionError"}, "responsePayload"}
// The last two only when something ran. A payload that is no JSON is a string. What would make it longer than
// `bytes_max` is null, and "hearth": {"omitted": [...]} names it: the response first, then the request.
struct DocumentParts {
  const AsyncInvocation& invocation;
  std::string function_arn;  // qualified
  std::string_view request;
  std::string_view response;  // "" when it is not known any more
};
std::string DestinationDocument(const DocumentParts& parts, WallTime now, uint64_t bytes_max);

// A dead-letter queue's message: the event as it came, with RequestID, ErrorCode and ErrorMessage as attributes.
Destination::Message DeadLetter(const AsyncInvocation& invocation, std::string payload);

}  // namespace hearth
