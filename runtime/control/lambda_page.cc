#include "runtime/control/lambda_page.h"

#include <algorithm>
#include <charconv>

namespace hearth {
namespace {

// Lambda's own: a page has 50 items however many are asked for.
constexpr size_t kPageItemsMax = 50;
constexpr size_t kMaxItemsMax = 10'000;

// An absent one is `fallback`.
Result<size_t> ReadNumber(const std::string& text, const char* name, size_t fallback, size_t least,
                          size_t most) {
  if (text.empty()) return fallback;
  size_t number = 0;
  const auto [end, failed] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (failed == std::errc() && end == text.data() + text.size() && number >= least && number <= most)
    return number;
  return Error{ErrorCode::kInvalidArgument, std::string(name) + " \"" + text + "\" must be a number from " +
                                                std::to_string(least) + " to " + std::to_string(most)};
}

}  // namespace

void AnswerPage(ApiCall& call, const char* member, size_t count, const std::function<Json(size_t)>& item) {
  const auto items = ReadNumber(call.query("MaxItems"), "MaxItems", kPageItemsMax, 1, kMaxItemsMax);
  if (!items.ok()) return call.Fail(items.error());
  const auto first = ReadNumber(call.query("Marker"), "Marker", 0, 0, SIZE_MAX);
  if (!first.ok()) return call.Fail(first.error());
  const size_t begin = std::min(*first, count);
  const size_t end = std::min(count, begin + std::min(*items, kPageItemsMax));
  Json answer = {{member, Json::array()}};
  for (size_t index = begin; index < end; ++index) answer[member].push_back(item(index));
  if (end < count) answer["NextMarker"] = std::to_string(end);
  call.AnswerJson(200, answer);
}

}  // namespace hearth
