#include "runtime/base/result.h"

#include <cerrno>
#include <cstring>

namespace hearth {

Fault FaultOf(ErrorCode code) {
  switch (code) {
    case ErrorCode::kInvalidArgument:
    case ErrorCode::kNotFound:
    case ErrorCode::kAlreadyExists:
    case ErrorCode::kConflict:
    case ErrorCode::kPrecondition:
    case ErrorCode::kTooLarge:
    case ErrorCode::kUnauthorized:
    case ErrorCode::kThrottled:
    case ErrorCode::kTimedOut:
    case ErrorCode::kBadArtefact:
      return Fault::kCaller;
    case ErrorCode::kCancelled:
      return Fault::kNobody;
    case ErrorCode::kMisconfigured:
      return Fault::kOperator;
    case ErrorCode::kUnavailable:
    case ErrorCode::kIo:
    case ErrorCode::kCorrupt:
    case ErrorCode::kUnsupported:
      return Fault::kHost;
    case ErrorCode::kInternal:
      return Fault::kUs;
  }
  return Fault::kUs;
}

std::string_view NameOf(ErrorCode code) {
  switch (code) {
    case ErrorCode::kInvalidArgument:
      return "invalid argument";
    case ErrorCode::kNotFound:
      return "not found";
    case ErrorCode::kAlreadyExists:
      return "already exists";
    case ErrorCode::kConflict:
      return "conflict";
    case ErrorCode::kPrecondition:
      return "precondition failed";
    case ErrorCode::kTooLarge:
      return "too large";
    case ErrorCode::kUnauthorized:
      return "unauthorized";
    case ErrorCode::kThrottled:
      return "throttled";
    case ErrorCode::kTimedOut:
      return "timed out";
    case ErrorCode::kCancelled:
      return "cancelled";
    case ErrorCode::kBadArtefact:
      return "bad artefact";
    case ErrorCode::kMisconfigured:
      return "misconfigured";
    case ErrorCode::kUnavailable:
      return "unavailable";
    case ErrorCode::kIo:
      return "input/output";
    case ErrorCode::kCorrupt:
      return "corrupt";
    case ErrorCode::kUnsupported:
      return "unsupported";
    case ErrorCode::kInternal:
      return "internal";
  }
  return "internal";
}

Error Error::WithContext(std::string_view what_was_tried) const {
  return {code, std::string(what_was_tried) + ": " + message};
}

Error ErrnoError(std::string_view what, int errno_value) {
  ErrorCode code = ErrorCode::kIo;
  switch (errno_value) {
    case ENOENT:
      code = ErrorCode::kNotFound;
      break;
    case EEXIST:
      code = ErrorCode::kAlreadyExists;
      break;
    case EACCES:
    case EPERM:
      code = ErrorCode::kMisconfigured;
      break;
    case ENOSPC:
    case EDQUOT:
      code = ErrorCode::kUnavailable;
      break;
    case ENOSYS:
    case EOPNOTSUPP:
      code = ErrorCode::kUnsupported;
      break;
    default:
      break;
  }
  return {code, std::string(what) + ": " + std::strerror(errno_value)};
}

Error ErrnoError(std::string_view what) { return ErrnoError(what, errno); }

}  // namespace hearth
