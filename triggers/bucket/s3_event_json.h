#pragma once

#include <string>
#include <string_view>

#include "runtime/base/clock.h"
#include "triggers/bucket/object_identity.h"

namespace hearth {

// What happened to one object, as S3 tells it to Lambda.
struct ObjectEvent {
  enum class Kind { kCreated, kRemoved };
  Kind kind = Kind::kCreated;
  std::string region;
  std::string account;
  std::string bucket;
  std::string configuration_id;
  std::string key;          // raw bytes of the path
  ObjectIdentity identity;  // of a created one
  WallTime noticed{};
  uint64_t sequencer = 0;  // grows within a bucket
  std::string request_id;
  uint32_t hops = 0;  // functions whose output led to it
};
// The key stands in it percent-encoded, as S3's do, and once more as it is: "hearth": {"key": ...}, or
// {"keyBase64": ...} when its bytes are not UTF-8; "hops" beside it when there are any.
std::string EncodeS3Event(const ObjectEvent& event);
// The record alone, in a CloudEvent of S3's mapping (cloudevents/spec, adapters/aws-s3.md).
std::string EncodeCloudEvent(const ObjectEvent& event);

// What a destination is told of an event that failed for good, in the form of Lambda's asynchronous events:
// requestContext (condition "RetriesExhausted"), requestPayload (the event), responsePayload (the error). `event` is JSON.
struct FailedEvent {
  std::string_view event;
  std::string request_id;
  std::string function_arn;
  uint32_t attempts = 0;
  std::string error;  // "Type: message"
};
std::string EncodeFailedEvent(const FailedEvent& failed, WallTime now);

// application/x-www-form-urlencoded, '/' left as it is: "a b/ü" is "a+b/%C3%BC". Any bytes survive.
std::string EncodeKey(std::string_view raw);
// Nothing that EncodeKey() gives is refused; a broken '%' stays as it is.
std::string DecodeKey(std::string_view encoded);

// 32 digits and "-1". It is made of the identity, not of the content: reading each file once more would cost
// more than the event. The dash is S3's own sign (multipart uploads) that an ETag is not the content's MD5.
std::string ETagOf(const ObjectIdentity& identity);

}  // namespace hearth
