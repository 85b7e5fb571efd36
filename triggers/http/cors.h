#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "triggers/http/http_answer.h"

namespace hearth {

// A URL's `Cors` member. "*" stands for anything in the first three lists.
struct CorsRules {
  std::vector<std::string> allow_origins;
  std::vector<std::string> allow_methods;
  std::vector<std::string> allow_headers;
  std::vector<std::string> expose_headers;
  uint32_t max_age_s = 0;  // 0..86,400
  bool allow_credentials = false;
};

// The answer to a browser's preflight, given without asking the function. An origin that is not allowed gets
// the same 200 without the headers that would permit it: the browser then refuses.
HttpAnswer AnswerPreflight(const CorsRules& rules, std::string_view origin, std::string_view wanted_method,
                           std::string_view wanted_headers);

// What the rules say replaces what the function said, as on AWS.
void ApplyCors(const CorsRules& rules, std::string_view origin, HttpAnswer& answer);

}  // namespace hearth
