#include "runtime/model/function_alias.h"

#include <algorithm>
#include <cctype>

namespace hearth {
namespace {

constexpr std::string_view kLatest = "$LATEST";

Error Invalid(std::string message) { return {ErrorCode::kInvalidArgument, std::move(message)}; }

}  // namespace

const std::string& VersionFor(const FunctionAlias& alias, uint64_t draw) {
  if (alias.canary_version.empty()) return alias.version;
  // The upper 53 bits are what a double holds exactly: 0 <= share < 1.
  const double share = static_cast<double>(draw >> 11) * 0x1.0p-53;
  return share < alias.canary_weight ? alias.canary_version : alias.version;
}

std::string WatchedVersion(const FunctionAlias& before, const FunctionAlias& after) {
  if (!after.canary_version.empty()) return after.canary_version;
  if (after.version != before.version) return after.version;
  return before.watched_version == after.version ? after.version : std::string();
}

Status ValidateAliasName(std::string_view name) {
  const auto is_digit = [](unsigned char c) { return std::isdigit(c) != 0; };
  const auto is_fit = [](unsigned char c) { return std::isalnum(c) != 0 || c == '-' || c == '_'; };
  if (!name.empty() && name.size() <= kAliasNameBytesMax && std::all_of(name.begin(), name.end(), is_fit) &&
      !std::all_of(name.begin(), name.end(), is_digit))
    return Ok();
  return Invalid(
      "\"" + std::string(name.substr(0, kAliasNameBytesMax)) +
      "\" cannot be the name of an alias: 1 to 128 of A-Z a-z 0-9 _ and -, and not a number, which names a "
      "version");
}

Status ValidateAlias(const FunctionAlias& alias) {
  HEARTH_TRY(ValidateAliasName(alias.name));
  if (!(alias.rollback_errors >= 0 && alias.rollback_errors <= 1))
    return Invalid("RollbackOnErrors must lie between 0.0 (never) and 1.0");
  if (alias.rollback_requests_min < 1 || alias.rollback_requests_min > kRollbackRequestsMinMax) {
    return Invalid("RollbackMinRequests must lie between 1 and " + std::to_string(kRollbackRequestsMinMax));
  }
  if (alias.canary_version.empty()) return Ok();
  if (!(alias.canary_weight >= 0 && alias.canary_weight <= 1))
    return Invalid("the weight of version " + alias.canary_version + " must lie between 0.0 and 1.0");
  if (alias.version == kLatest || alias.canary_version == kLatest)
    return Invalid("$LATEST is not supported for an alias pointing to more than 1 version");
  if (alias.version == alias.canary_version) {
    return Invalid("Invalid function version " + alias.version +
                   ". Function version is already included in routing configuration.");
  }
  return Ok();
}

}  // namespace hearth
