#pragma once

#include <map>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "runtime/cli/package.h"
#include "runtime/cli/session.h"

namespace hearth::cli {

// What a function shall be. What is not said stays as it is, or is the daemon's default for a new function.
struct FunctionWish {
  std::string name{};
  std::string handler{};
  std::optional<int64_t> memory_mib{};
  std::optional<int64_t> timeout_s{};
  std::map<std::string, std::string> environment{};  // added to what there is
  std::vector<std::string> environment_removed{};
  std::vector<std::pair<std::string, std::string>> buckets{};  // name and "ro", "rw" or "off"
  std::string isolation{};
  std::string snap_start{};                          // "published" or "none"
  std::string log_format{};                          // "text" or "json"
  std::string log_level{};                           // of what the handler logs and prints; capitals
  std::string system_log_level{};                    // of START, END and REPORT
  std::optional<std::vector<std::string>> layers{};  // NAME[:VERSION] or ARN, all in their order
  std::vector<std::string> secrets{};                // "NAME" or "NAME:FILE", added to what there is
  std::vector<std::string> secrets_removed{};        // names
  std::string network{};                             // "none", "egress" or "egress:443,5432"
};

// "photos" or "photos:rw"; kInvalidArgument for any other ending than ro, rw and off.
Result<std::pair<std::string, std::string>> ParseBucketMount(const std::string& text);

// As FunctionWish::network has it, with its ports in order; kInvalidArgument for anything else.
Result<std::string> ParseNetwork(const std::string& text);
// The same of a function that there is.
std::string NetworkOf(const Json& configuration);

// The UpdateFunctionConfiguration that makes `current` what is wished, {} when it is that already, and what
// changes, for people: "timeout 3 -> 5 s".
struct SettingsChange {
  Json request = Json::object();
  std::vector<std::string> changes;
};
SettingsChange ChangeOf(const Json& current, const FunctionWish& wish);

struct Deployed {
  Json configuration{};
  std::string
      summary{};  // "created greet: ...", "updated greet: code, timeout 3 -> 5 s", "greet is up to date"
  bool created = false;
};
// Creates or updates settings and code, and returns once the function is Active. A refused change leaves the
// code that serves as it is; settings are changed before code, each on its own.
Result<Deployed> DeployFunction(const Session& session, const Package& package, FunctionWish wish);

}  // namespace hearth::cli
