#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

#include "runtime/base/result.h"

namespace hearth {

// The largest legal request, a batch of 10 with 10 attributes each, has under 400; the rest is room.
inline constexpr size_t kFormFieldsMax = 4'096;

struct FormField {
  std::string name;
  std::string value;
};

// application/x-www-form-urlencoded, as a body or a query string, in the order it came. Names and values are
// decoded; empty parts ("a=1&&b=2") are skipped. kInvalidArgument: a '%' without two hexadecimal digits, what
// is not UTF-8, a field without a name, over kFormFieldsMax.
Result<std::vector<FormField>> ParseForm(std::string_view text);

}  // namespace hearth
