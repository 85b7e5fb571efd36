#pragma once

#include <string>

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
SqsError ToSqsError(const Error& error);
std::string SqsErrorJson(const SqsError& error);

}  // namespace hearth
