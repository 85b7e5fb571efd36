#pragma once

#include <algorithm>
#include <optional>
#include <string>

namespace hearth {

// Which account and region the ARNs name.
struct SqsIdentity {
  std::string account = "000000000000";
  std::string region = "us-east-1";

  std::string ArnOf(const std::string& queue) const {
    return "arn:aws:sqs:" + region + ":" + account + ":" + queue;
  }
  // Whatever its region and account; nothing when it is no queue's.
  static std::optional<std::string> QueueOf(const std::string& arn) {
    if (!arn.starts_with("arn:aws:sqs:") || std::count(arn.begin(), arn.end(), ':') != 5) return std::nullopt;
    std::string queue = arn.substr(arn.rfind(':') + 1);
    if (queue.empty()) return std::nullopt;
    return queue;
  }
};

}  // namespace hearth
