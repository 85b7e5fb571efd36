#pragma once

#include <string>
#include <string_view>

#include "runtime/base/result.h"

namespace hearth {

// AWS's name for a thing: "arn:aws:sqs:us-east-1:000000000000:orders".
struct Arn {
  std::string partition;
  std::string service;
  std::string region;
  std::string account;
  std::string resource;  // what is left, with any colons: "orders", "function:resize:live"
  std::string Text() const {
    return "arn:" + partition + ":" + service + ":" + region + ":" + account + ":" + resource;
  }
};

inline constexpr size_t kArnBytesMax = 350;

// kInvalidArgument says what it should look like.
Result<Arn> ParseArn(std::string_view text);

}  // namespace hearth
