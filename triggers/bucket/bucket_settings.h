#pragma once

#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "runtime/base/result.h"
#include "runtime/model/function.h"

namespace hearth {

// Limits: S3's names, and S3's number of notifications.
inline constexpr size_t kBucketNameBytesMin = 3, kBucketNameBytesMax = 63;
inline constexpr size_t kBucketNotificationsMax = 100;

// Which created objects make an event for which function.
struct BucketNotification {
  std::string id;
  std::string function;
  std::string qualifier;  // "": $LATEST
  std::string prefix;     // of the key; "": any
  std::string suffix;
  bool acknowledges_loop = false;  // the function may write into the bucket that starts it

  bool Matches(std::string_view key) const;
  // "name" or "name:qualifier": what the receipts are kept under.
  std::string Target() const;
};

// A folder of the host that is a bucket: each finished file in it is an object.
struct BucketSettings {
  std::string name;
  std::string path;  // absolute; "": DATA-DIR/buckets/NAME
  std::vector<BucketNotification> notifications;
};

// S3's rule: 3-63 of [a-z0-9.-], a letter or digit at both ends, no two dots together, no IPv4 address.
Status ValidateBucketName(std::string_view name);

// Names that stand for files under way or of no concern: any part of the path that begins with a dot, and the
// endings .tmp, .part, .crdownload, .filepart and ~.
bool IsTemporaryKey(std::string_view key);

// A function that is started by a bucket and may write into it starts itself for ever. kInvalidArgument names
// function, bucket and the two ways out.
using FunctionBuckets = std::function<std::vector<BucketMount>(const std::string& function)>;
Status RefuseFeedbackLoop(const BucketSettings& settings, const FunctionBuckets& buckets_of);

// kInvalidArgument names the field and why.
Result<BucketSettings> ParseBucketSettings(std::string_view name, std::string_view json);
std::string EncodeBucketSettings(const BucketSettings& settings);

}  // namespace hearth
