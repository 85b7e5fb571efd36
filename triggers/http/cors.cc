#include "triggers/http/cors.h"

#include <algorithm>

namespace hearth {
namespace {

bool EqualsIgnoringCase(std::string_view a, std::string_view b) {
  const auto lower = [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c; };
  return std::equal(a.begin(), a.end(), b.begin(), b.end(),
                    [&](char x, char y) { return lower(x) == lower(y); });
}

bool Allows(const std::vector<std::string>& list, std::string_view wanted) {
  return std::any_of(list.begin(), list.end(),
                     [&](const std::string& one) { return one == "*" || EqualsIgnoringCase(one, wanted); });
}

std::string Join(const std::vector<std::string>& list) {
  std::string out;
  for (const std::string& one : list) out += (out.empty() ? "" : ",") + one;
  return out;
}

// "*" is said as "*", never as the asker's own origin: with credentials browsers then refuse, as they should.
std::string AllowedOrigin(const CorsRules& rules, std::string_view origin) {
  const bool any =
      std::find(rules.allow_origins.begin(), rules.allow_origins.end(), "*") != rules.allow_origins.end();
  return any ? "*" : std::string(origin);
}

void AddOriginHeaders(const CorsRules& rules, std::string_view origin, HttpAnswer& answer) {
  answer.headers.Add("access-control-allow-origin", AllowedOrigin(rules, origin));
  answer.headers.Add("vary", "Origin");
  if (rules.allow_credentials) answer.headers.Add("access-control-allow-credentials", "true");
}

}  // namespace

HttpAnswer AnswerPreflight(const CorsRules& rules, std::string_view origin, std::string_view wanted_method,
                           std::string_view wanted_headers) {
  HttpAnswer answer;
  if (!Allows(rules.allow_origins, origin)) return answer;
  AddOriginHeaders(rules, origin, answer);
  if (Allows(rules.allow_methods, wanted_method)) {
    answer.headers.Add("access-control-allow-methods", Join(rules.allow_methods));
  }
  if (!wanted_headers.empty() && !rules.allow_headers.empty()) {
    answer.headers.Add("access-control-allow-headers", Join(rules.allow_headers));
  }
  if (rules.max_age_s > 0) answer.headers.Add("access-control-max-age", std::to_string(rules.max_age_s));
  return answer;
}

void ApplyCors(const CorsRules& rules, std::string_view origin, HttpAnswer& answer) {
  answer.headers.RemoveBeginningWith("access-control-");
  if (origin.empty() || !Allows(rules.allow_origins, origin)) return;
  AddOriginHeaders(rules, origin, answer);
  if (!rules.expose_headers.empty()) {
    answer.headers.Add("access-control-expose-headers", Join(rules.expose_headers));
  }
}

}  // namespace hearth
