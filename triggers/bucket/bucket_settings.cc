#include "triggers/bucket/bucket_settings.h"

#include <algorithm>
#include <array>

namespace hearth {
namespace {

constexpr std::array<std::string_view, 5> kTemporaryEndings = {".tmp", ".part", ".crdownload", ".filepart",
                                                               "~"};

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

bool IsTemporaryKey(std::string_view key) {
  if (key.starts_with('.') || key.find("/.") != std::string_view::npos) return true;
  return std::any_of(kTemporaryEndings.begin(), kTemporaryEndings.end(),
                     [&](std::string_view ending) { return key.ends_with(ending); });
}

Status RefuseFeedbackLoop(const BucketSettings& settings, const FunctionBuckets& buckets_of) {
  for (const BucketNotification& notification : settings.notifications) {
    if (notification.acknowledges_loop) continue;
    // A mount shows the whole bucket, so it covers every prefix.
    for (const BucketMount& mount : buckets_of(notification.function)) {
      if (!mount.writable || mount.bucket != settings.name) continue;
      return Error{ErrorCode::kInvalidArgument, "bucket " + settings.name + ": function " +
                                                    notification.function +
                                                    " writes into this bucket and would start itself for "
                                                    "ever; give it another output bucket, or set "
                                                    "\"AcknowledgeLoop\": true in notification " +
                                                    notification.id};
    }
  }
  return Ok();
}

}  // namespace hearth
