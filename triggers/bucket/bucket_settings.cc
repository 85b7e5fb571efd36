#include "triggers/bucket/bucket_settings.h"

#include <algorithm>
#include <set>

namespace hearth {
namespace {

Error BadName(std::string_view name, std::string_view why) {
  return {ErrorCode::kInvalidArgument, "bucket name \"" + std::string(name) + "\" " + std::string(why)};
}

bool IsLetterOrDigit(char c) { return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9'); }

bool LooksLikeAddress(std::string_view name) {
  const auto digit_or_dot = [](char c) { return c == '.' || (c >= '0' && c <= '9'); };
  return std::count(name.begin(), name.end(), '.') == 3 &&
         std::all_of(name.begin(), name.end(), digit_or_dot);
}

}  // namespace

bool BucketNotification::Matches(std::string_view key) const {
  return key.starts_with(prefix) && key.ends_with(suffix);
}

bool BucketNotification::WantsCreated(std::string_view key, uint64_t size) const {
  return created && size >= size_min && size <= size_max && Matches(key);
}

bool BucketNotification::WantsRemoved(std::string_view key) const { return removed && Matches(key); }

std::string BucketNotification::Target() const {
  return qualifier.empty() ? function : function + ":" + qualifier;
}

Status ValidateBucketName(std::string_view name) {
  if (name.size() < kBucketNameBytesMin || name.size() > kBucketNameBytesMax) {
    return BadName(name, "must have 3 to 63 characters");
  }
  const auto allowed = [](char c) { return IsLetterOrDigit(c) || c == '.' || c == '-'; };
  if (!std::all_of(name.begin(), name.end(), allowed))
    return BadName(name, "may hold only a-z, 0-9, '.' and '-'");
  if (!IsLetterOrDigit(name.front()) || !IsLetterOrDigit(name.back())) {
    return BadName(name, "must begin and end with a letter or digit");
  }
  if (name.find("..") != std::string_view::npos) return BadName(name, "must not hold two dots together");
  if (LooksLikeAddress(name)) return BadName(name, "must not look like an IP address");
  return Ok();
}

namespace {

// One way from a bucket over its functions into the buckets that they write.
class LoopSearch {
 public:
  LoopSearch(const std::map<std::string, const BucketSettings*, std::less<>>& all,
             const FunctionBuckets& buckets_of)
      : all_(all), buckets_of_(buckets_of) {}

  // The way round through `bucket`, "photos -> resize -> photos"; empty: none.
  std::string Through(const std::string& bucket) {
    seen_.clear();
    return WayBack(bucket, bucket, bucket) ? way_ : "";
  }

 private:
  bool WayBack(const std::string& from, const std::string& home, const std::string& way) {
    const auto found = all_.find(from);
    if (found == all_.end() || !seen_.insert(from).second) return false;
    for (const BucketNotification& notification : found->second->notifications) {
      if (notification.acknowledges_loop || !notification.created) continue;
      // A mount shows the whole bucket, so it covers every prefix.
      for (const BucketMount& mount : buckets_of_(notification.function)) {
        if (!mount.writable) continue;
        const std::string longer = way + " -> " + notification.function + " -> " + mount.bucket;
        if (mount.bucket == home) way_ = longer;
        if (mount.bucket == home || WayBack(mount.bucket, home, longer)) return true;
      }
    }
    return false;
  }

  const std::map<std::string, const BucketSettings*, std::less<>>& all_;
  const FunctionBuckets& buckets_of_;
  std::set<std::string> seen_;
  std::string way_;
};

}  // namespace

Status RefuseFeedbackLoop(const std::map<std::string, const BucketSettings*, std::less<>>& all,
                          const FunctionBuckets& buckets_of) {
  LoopSearch search(all, buckets_of);
  for (const auto& [name, settings] : all) {
    const std::string way = search.Through(name);
    if (way.empty()) continue;
    return Error{
        ErrorCode::kInvalidArgument,
        "bucket " + name + ": what is written comes back to it and would start functions for ever (" + way +
            "); give a function on the way another output bucket, or set \"AcknowledgeLoop\": true in a "
            "notification on the way"};
  }
  return Ok();
}

}  // namespace hearth
