#include "runtime/router/destination_document.h"

#include "runtime/base/json_depth.h"
#include "runtime/base/json_scan.h"
#include "runtime/base/json_text.h"

namespace hearth {
namespace {

constexpr size_t kErrorMessageBytesMax = 1024;  // Lambda's, of a dead letter's attribute

void AppendPayload(std::string& out, std::string_view payload) {
  if (ScanJson(payload, kForeignJsonDepthMax).verdict == JsonScan::Verdict::kValid) {
    out += payload;
  } else {
    AppendJsonString(out, payload);
  }
}

enum class Omit { kNothing, kResponse, kBoth };

std::string Write(const DocumentParts& parts, WallTime now, Omit omit) {
  const AsyncInvocation& invocation = parts.invocation;
  std::string out;
  JsonObjectText document(out);
  document.String("version", "1.0");
  document.String("timestamp", ToIso8601Millis(now));
  JsonObjectText request = document.Object("requestContext");
  request.String("requestId", invocation.request_id.text());
  request.String("functionArn", parts.function_arn);
  request.String("condition", ConditionOf(invocation.end));
  request.Number("approximateInvokeCount", invocation.attempt_last - invocation.attempt_base);
  request.End();
  std::string& request_payload = document.Member("requestPayload");
  if (omit == Omit::kBoth) {
    request_payload += "null";
  } else {
    AppendPayload(request_payload, parts.request);
  }
  if (!invocation.attempts.empty()) {
    JsonObjectText response = document.Object("responseContext");
    response.Number("statusCode", 200);
    response.String("executedVersion", invocation.attempts.back().version);
    if (invocation.end != EventEnd::kSuccess) response.String("functionError", "Unhandled");
    response.End();
    std::string& response_payload = document.Member("responsePayload");
    if (omit != Omit::kNothing || parts.response.empty()) {
      response_payload += "null";
    } else {
      AppendPayload(response_payload, parts.response);
    }
  }
  if (omit != Omit::kNothing) {
    JsonObjectText hearth = document.Object("hearth");
    hearth.Member("omitted") +=
        omit == Omit::kBoth ? R"(["responsePayload","requestPayload"])" : R"(["responsePayload"])";
    hearth.End();
  }
  document.End();
  return out;
}

struct DeadLetterError {
  const char* code;
  std::string message;
};

DeadLetterError ErrorOf(const AsyncInvocation& invocation) {
  switch (invocation.end) {
    case EventEnd::kFunctionOff:
      return {"429", "the function is switched off: its reserved concurrency is 0"};
    case EventEnd::kVersionGone:
      return {"404", "the version that it was sent to has been deleted"};
    case EventEnd::kEventAgeExceeded:
      return {"500", "the event was older than its maximum age"};
    default:
      break;
  }
  if (invocation.attempts.empty()) return {"500", "it never ran"};
  const AsyncAttempt& last = invocation.attempts.back();
  return {"200", last.error_message.empty() ? last.error_type : last.error_message};
}

}  // namespace

std::string DestinationDocument(const DocumentParts& parts, WallTime now, uint64_t bytes_max) {
  std::string document = Write(parts, now, Omit::kNothing);
  if (document.size() <= bytes_max) return document;
  document = Write(parts, now, Omit::kResponse);
  return document.size() <= bytes_max ? document : Write(parts, now, Omit::kBoth);
}

Destination::Message DeadLetter(const AsyncInvocation& invocation, std::string payload) {
  DeadLetterError error = ErrorOf(invocation);
  if (error.message.empty()) error.message = "unknown";
  Destination::Message message;
  message.body = std::move(payload);
  message.attributes = {{"RequestID", {"String", invocation.request_id.text()}},
                        {"ErrorCode", {"Number", error.code}},
                        {"ErrorMessage", {"String", error.message.substr(0, kErrorMessageBytesMax)}}};
  return message;
}

}  // namespace hearth
