#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace hearth {

// The candidate that `word` was probably meant to be: fewest edits, at most a third of its length; "" when
// none is near.
std::string Nearest(std::string_view word, const std::vector<std::string>& candidates);

}  // namespace hearth
