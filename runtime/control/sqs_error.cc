#include "runtime/control/sqs_error.h"

namespace hearth {

SqsError QueueDoesNotExist() {
  return {"com.amazonaws.sqs#QueueDoesNotExist", "AWS.SimpleQueueService.NonExistentQueue",
          "The specified queue does not exist."};
}

SqsError SqsInvalidParameter(std::string message) {
  return {"com.amazon.coral.service#InvalidParameterValueException", "InvalidParameterValue",
          std::move(message)};
}

SqsError ToSqsError(const Error& error) {
  switch (error.code) {
    case ErrorCode::kNotFound:
      return QueueDoesNotExist();
    case ErrorCode::kAlreadyExists:
      return {"com.amazonaws.sqs#QueueNameExists", "QueueAlreadyExists", error.message};
    case ErrorCode::kInvalidArgument:
    case ErrorCode::kTooLarge:
      return SqsInvalidParameter(error.message);
    case ErrorCode::kThrottled:
      return {"com.amazonaws.sqs#RequestThrottled", "RequestThrottled", error.message};
    case ErrorCode::kUnauthorized:
      return {"com.amazonaws.sqs#AccessDeniedException", "AccessDenied", error.message, 403};
    case ErrorCode::kUnavailable:
    case ErrorCode::kTimedOut:
      return {"com.amazonaws.sqs#ServiceUnavailable", "ServiceUnavailable", error.message, 503};
    default:
      return {"com.amazonaws.sqs#InternalFailure", "InternalFailure", error.message, 500};
  }
}

std::string SqsErrorJson(const SqsError& error) {
  return DumpJson({{"__type", error.type}, {"message", error.message}});
}

}  // namespace hearth
