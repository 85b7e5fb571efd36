#include "runtime/control/lambda_error.h"

#include "runtime/control/json_members.h"

namespace hearth {
namespace {

bool HasCapitalMessage(std::string_view type) {
  return type == "ResourceNotFoundException" || type == "ResourceInUseException" ||
         type == "ServiceException" || type == "AccessDeniedException" ||
         type == "UnknownOperationException" || type == "ServiceUnavailableException";
}

// The router's message begins with Lambda's reason.
std::string ThrottleReason(const std::string& message) {
  for (const char* reason :
       {"ReservedFunctionConcurrentInvocationLimitExceeded", "ConcurrentInvocationLimitExceeded"}) {
    if (message.starts_with(reason)) return reason;
  }
  return "ConcurrentInvocationLimitExceeded";
}

}  // namespace

LambdaError ToLambdaError(const Error& error) {
  switch (error.code) {
    case ErrorCode::kInvalidArgument:
    case ErrorCode::kBadArtefact:
      return {400, "InvalidParameterValueException", error.message, ""};
    case ErrorCode::kNotFound:
      return {404, "ResourceNotFoundException", error.message, ""};
    case ErrorCode::kAlreadyExists:
    case ErrorCode::kConflict:
      return {409, "ResourceConflictException", error.message, ""};
    case ErrorCode::kPrecondition:
      return {412, "PreconditionFailedException", error.message, ""};
    case ErrorCode::kTooLarge:
      return {413, "RequestTooLargeException", error.message, ""};
    case ErrorCode::kUnauthorized:
      return {403, "AccessDeniedException", error.message, ""};
    case ErrorCode::kThrottled:
      // Not Lambda's reasons: who has to pay is told which budget it is, and until when; an author what is broken.
      for (const char* ours : {"BudgetExceeded", "InitBackOff"}) {
        if (error.message.starts_with(ours)) return {429, "TooManyRequestsException", error.message, ours};
      }
      return {429, "TooManyRequestsException", "Rate Exceeded.", ThrottleReason(error.message)};
    case ErrorCode::kUnavailable:
    case ErrorCode::kTimedOut:
      return {503, "ServiceUnavailableException", error.message, ""};
    default:
      return {500, "ServiceException", error.message, ""};
  }
}

std::string LambdaErrorJson(const LambdaError& error) {
  Json body = {{"Type", error.status >= 500 ? "Service" : "User"},
               {HasCapitalMessage(error.type) ? "Message" : "message", error.message}};
  if (!error.reason.empty()) body["Reason"] = error.reason;
  return DumpJson(body);
}

}  // namespace hearth
