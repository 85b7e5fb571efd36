#pragma once

#include <limits>
#include <string>
#include <string_view>
#include <vector>

#include "runtime/base/result.h"
#include "triggers/queue/filter_value.h"

namespace hearth {

// One element of a pattern's list: what a single value of an event is held against.
//
// Strings are compared byte by byte. Numbers are equal when they are written alike or, within
// kFilterNumberExactMax, when they are the same number (300, 300.0, 3e2): so does AWS's own matcher, whatever
// its documentation says. Ranges compare as doubles.
struct FilterMatcher {
  enum class Kind : uint8_t {
    kNull,
    kTrue,
    kFalse,
    kNumber,
    kString,
    kPrefix,
    kPrefixIgnoreCase,
    kSuffix,
    kSuffixIgnoreCase,
    kEqualsIgnoreCase,
    kWildcard,
    kNumericRange,
    kExists,
    kAbsent,       // {"exists": false}: no value matches it; the pattern asks for the field's absence
    kAnythingBut,  // a value that none of `but` matches
  };
  Kind kind = Kind::kNull;
  std::string text{};  // folded for the forms that ignore case
  double number = 0;
  double above = -std::numeric_limits<double>::infinity();
  double below = std::numeric_limits<double>::infinity();
  bool includes_above = true;
  bool includes_below = true;
  std::vector<std::string> pieces{};  // kWildcard: the literal text between the stars, at least one
  std::vector<FilterMatcher> but{};
};

inline constexpr double kFilterNumberExactMax = 5e9;

// kInvalidArgument says what an element may be.
Result<FilterMatcher> CompileFilterMatcher(const FilterValue& element);
bool Matches(const FilterMatcher& matcher, const FilterValue& leaf);

// Lower case of each letter of UTF-8 text, as the C.UTF-8 locale has it, one letter for one; only ASCII where
// that locale is missing. Bytes that are not UTF-8 stay.
std::string FoldCase(std::string_view text);

}  // namespace hearth
