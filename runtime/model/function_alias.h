#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "runtime/base/clock.h"
#include "runtime/base/result.h"

namespace hearth {

inline constexpr size_t kAliasNameBytesMax = 128;
inline constexpr uint32_t kRollbackRequestsMinDefault = 20;
inline constexpr uint32_t kRollbackRequestsMinMax = 1'000'000;

// A name of a function's own for one of its versions, with a share of the events going to another one (a canary).
struct FunctionAlias {
  std::string name;
  std::string version;  // "$LATEST" or a number
  std::string description;
  std::string revision_id;       // UUID, changes with every change
  std::string canary_version;    // "": none
  double canary_weight = 0;      // 0..1: the canary's share of the events
  std::string previous_version;  // what `version` was before it changed the last time; "": it never did
  // What was changed last is taken back when so large a share of its attempts fails, of at least so many. 0: never.
  double rollback_errors = 0;
  uint32_t rollback_requests_min = kRollbackRequestsMinDefault;
  std::string watched_version;  // whose attempts count, while rollback_errors > 0
  std::string rolled_back;      // why it was taken back the last time; "" since it was changed by hand
  friend bool operator==(const FunctionAlias&, const FunctionAlias&) = default;
};

// The version of one event. `draw`: any 64 bits, evenly spread.
const std::string& VersionFor(const FunctionAlias& alias, uint64_t draw);

// Which version is on trial once `before` has become `after`: the canary, else what `version` was changed to; it stays
// so until another change. "": none.
std::string WatchedVersion(const FunctionAlias& before, const FunctionAlias& after);

// 1 to 128 of A-Za-z0-9_-, and no number.
Status ValidateAliasName(std::string_view name);
// kInvalidArgument: a weight or a share of errors out of 0..1, a number of requests out of 1..1,000,000, a canary of or beside $LATEST, a canary that is the version itself.
Status ValidateAlias(const FunctionAlias& alias);

// Stored form. Unknown keys are kept out, missing ones take their default.
std::string EncodeAliasJson(const FunctionAlias& alias);
Result<FunctionAlias> DecodeAliasJson(std::string_view json);

}  // namespace hearth
