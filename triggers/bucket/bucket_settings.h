#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "runtime/base/result.h"
#include "runtime/model/function.h"
#include "triggers/bucket/watch_rules.h"

namespace hearth {

// Limits: S3's names, and S3's number of notifications.
inline constexpr size_t kBucketNameBytesMin = 3, kBucketNameBytesMax = 63;
inline constexpr size_t kBucketNotificationsMax = 100;

inline constexpr uint32_t kBucketRetriesMax = 2;   // Lambda's, of an asynchronous event
inline constexpr size_t kBucketArnBytesMax = 350;  // Lambda's, of a destination
inline constexpr size_t kBucketTokenBytesMin = 16;
inline constexpr uint64_t kCatchUpPerSecondMax = 1'000'000;

// Where a function that is new to a bucket begins.
enum class StartFrom {
  kBeginning,   // with every file that there is
  kNow,         // with none of those that are there when the change is answered
  kCheckpoint,  // with those that no other function of the bucket is done with
};
enum class EventFormat { kS3, kCloudEvents };

// Which objects make an event for which function.
struct BucketNotification {
  std::string id;
  std::string function;
  std::string qualifier;  // "": $LATEST
  bool created = true;    // which events
  bool removed = false;
  std::string prefix;  // of the key; "": any
  std::string suffix;
  uint64_t size_min = 0;  // bytes; of created objects
  uint64_t size_max = UINT64_MAX;
  StartFrom start_from = StartFrom::kBeginning;
  EventFormat format = EventFormat::kS3;
  uint32_t retries_max = kBucketRetriesMax;
  std::string on_failure;          // ARN of a destination that is told of what failed for good; "": none
  bool acknowledges_loop = false;  // the function may write into the bucket that starts it

  bool Matches(std::string_view key) const;
  bool WantsCreated(std::string_view key, uint64_t size) const;
  bool WantsRemoved(std::string_view key) const;
  // "name" or "name:qualifier": what the receipts are kept under.
  std::string Target() const;
};

// Plain HTTP on the data plane, below /_buckets/BUCKET/.
struct BucketDoorSettings {
  static constexpr uint64_t kPutBytesMax = 5ull << 40;         // S3's largest object, 5 TiB
  static constexpr uint64_t kPutBytesMaxDefault = 5ull << 30;  // S3's largest single put, 5 GiB
  bool read = false;                                           // get, head and list
  bool write = false;                                          // put and delete
  std::string token_sha256;  // hexadecimal; "": open to everyone who reaches the port
  uint64_t put_bytes_max = kPutBytesMaxDefault;
};

// A folder of the host that is a bucket: each finished file in it is an object.
struct BucketSettings {
  std::string name;
  std::string path;  // absolute; "": DATA-DIR/buckets/NAME
  WatchRules rules;
  BucketDoorSettings door;
  bool content_hash = false;  // what was only touched is not run again
  std::vector<BucketNotification> notifications;
};

// S3's rule: 3-63 of [a-z0-9.-], a letter or digit at both ends, no two dots together, no IPv4 address.
Status ValidateBucketName(std::string_view name);

// A function that is started by a bucket and may write into it, itself or by way of other buckets and their
// functions, starts itself for ever. kInvalidArgument names the way round and the two ways out; a
// notification on it that acknowledges the loop lets it pass. `all`: the buckets by name as they would be.
using FunctionBuckets = std::function<std::vector<BucketMount>(const std::string& function)>;
Status RefuseFeedbackLoop(const std::map<std::string, const BucketSettings*, std::less<>>& all,
                          const FunctionBuckets& buckets_of);

// kInvalidArgument names the field and why.
Result<BucketSettings> ParseBucketSettings(std::string_view name, std::string_view json);
std::string EncodeBucketSettings(const BucketSettings& settings);
Result<StartFrom> ParseStartFrom(std::string_view text);
std::string_view NameOf(StartFrom start_from);

}  // namespace hearth
