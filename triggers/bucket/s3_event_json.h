#pragma once

#include <string>
#include <string_view>

#include "runtime/base/clock.h"
#include "triggers/bucket/object_identity.h"

namespace hearth {

// One created object, as S3 tells it to Lambda.
struct ObjectCreated {
  std::string region;
  std::string account;
  std::string bucket;
  std::string configuration_id;
  std::string key;  // raw bytes of the path
  ObjectIdentity identity;
  WallTime noticed{};
  uint64_t sequencer = 0;  // grows within a bucket
  std::string request_id;
};
std::string EncodeS3Event(const ObjectCreated& created);

// application/x-www-form-urlencoded, '/' left as it is: "a b/ü" is "a+b/%C3%BC". Any bytes survive.
std::string EncodeKey(std::string_view raw);
// Nothing that EncodeKey() gives is refused; a broken '%' stays as it is.
std::string DecodeKey(std::string_view encoded);

// 32 digits and "-1". It is made of the identity, not of the content: reading each file once more would cost
// more than the event. The dash is S3's own sign (multipart uploads) that an ETag is not the content's MD5.
std::string ETagOf(const ObjectIdentity& identity);

}  // namespace hearth
