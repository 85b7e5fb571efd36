#pragma once

#include <string>
#include <string_view>

#include "runtime/base/clock.h"
#include "runtime/base/result.h"

namespace hearth {

inline constexpr size_t kAliasNameBytesMax = 128;

// A name of a function's own for one of its versions, with a share of the events going to another one (a canary).
struct FunctionAlias {
  std::string name;
  std::string version;  // "$LATEST" or a number
  std::string description;
  std::string revision_id;       // UUID, changes with every change
  std::string canary_version;    // "": none
  double canary_weight = 0;      // 0..1: the canary's share of the events
  std::string previous_version;  // what `version` was before it changed the last time; "": it never did
  friend bool operator==(const FunctionAlias&, const FunctionAlias&) = default;
};

// The version of one event. `draw`: any 64 bits, evenly spread.
const std::string& VersionFor(const FunctionAlias& alias, uint64_t draw);

// 1 to 128 of A-Za-z0-9_-, and no number.
Status ValidateAliasName(std::string_view name);
// kInvalidArgument: a weight out of 0..1, a canary of or beside $LATEST, a canary that is the version itself.
Status ValidateAlias(const FunctionAlias& alias);

// Stored form. Unknown keys are kept out, missing ones take their default.
std::string EncodeAliasJson(const FunctionAlias& alias);
Result<FunctionAlias> DecodeAliasJson(std::string_view json);

}  // namespace hearth
