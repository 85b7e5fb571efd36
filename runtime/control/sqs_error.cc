#include "runtime/control/sqs_error.h"

namespace hearth {
namespace {

std::string Ours(std::string_view name) { return "com.amazonaws.sqs#" + std::string(name); }

}  // namespace

SqsError SqsPrefixedError(const char* code, std::string message, int status) {
  return {Ours(code), std::string("AWS.SimpleQueueService.") + code, std::move(message), status};
}

SqsError SqsCommonError(const char* code, std::string message, int status) {
  return {Ours(code), code, std::move(message), status};
}

SqsError QueueDoesNotExist() {
  return {Ours("QueueDoesNotExist"), "AWS.SimpleQueueService.NonExistentQueue",
          "The specified queue does not exist."};
}

SqsError SqsInvalidParameter(std::string message) {
  return {"com.amazon.coral.service#InvalidParameterValueException", "InvalidParameterValue",
          std::move(message)};
}

SqsError SqsInvalidValue(std::string_view value, std::string_view name, std::string_view reason) {
  return SqsInvalidParameter("Value " + std::string(value) + " for parameter " + std::string(name) +
                             " is invalid. Reason: " + std::string(reason));
}

SqsError SqsMissingParameter(std::string_view name) {
  return SqsCommonError("MissingParameter",
                        "The request must contain the parameter " + std::string(name) + ".");
}

SqsError UnknownQueueAttribute(std::string_view name) {
  return SqsCommonError("InvalidAttributeName", "Unknown Attribute " + std::string(name) + ".");
}

SqsError InvalidQueueAttribute(std::string message) {
  return SqsCommonError("InvalidAttributeValue", std::move(message));
}

SqsError ReceiptHandleIsInvalid(std::string_view handle) {
  return SqsCommonError("ReceiptHandleIsInvalid", "The input receipt handle \"" + std::string(handle) +
                                                      "\" is not a valid receipt handle.");
}

SqsError MessageNotInflight(const std::string& detail) {
  return SqsPrefixedError("MessageNotInflight", "The message is not in flight: " + detail);
}

SqsError SqsResourceNotFound(std::string message) {
  return SqsCommonError("ResourceNotFoundException", std::move(message), 404);
}

SqsError SqsUnsupported(std::string message) {
  return SqsPrefixedError("UnsupportedOperation", std::move(message));
}

SqsError ToSqsError(const Error& error) {
  switch (error.code) {
    case ErrorCode::kNotFound:
      return QueueDoesNotExist();
    case ErrorCode::kAlreadyExists:
      return {Ours("QueueNameExists"), "QueueAlreadyExists", error.message};
    case ErrorCode::kInvalidArgument:
    case ErrorCode::kTooLarge:
      return SqsInvalidParameter(error.message);
    case ErrorCode::kThrottled:
      return SqsCommonError("RequestThrottled", error.message);
    case ErrorCode::kUnauthorized:
      return {Ours("AccessDeniedException"), "AccessDenied", error.message, 403};
    case ErrorCode::kUnavailable:
    case ErrorCode::kTimedOut:
      return SqsCommonError("ServiceUnavailable", error.message, 503);
    default:
      return SqsCommonError("InternalFailure", error.message, 500);
  }
}

std::string SqsErrorJson(const SqsError& error) {
  return DumpJson({{"__type", error.type}, {"message", error.message}});
}

}  // namespace hearth
