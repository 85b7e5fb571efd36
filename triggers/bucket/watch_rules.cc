#include "triggers/bucket/watch_rules.h"

#include <fnmatch.h>

#include <algorithm>
#include <array>
#include <charconv>

namespace hearth {
namespace {

// Of the SDK's OutputFile, and of the door and the watch themselves.
constexpr std::array<std::string_view, 2> kOurOwn = {".part-", ".hearth-"};

Error BadFinish(std::string_view text, std::string_view why) {
  return {ErrorCode::kInvalidArgument, "Finish \"" + std::string(text) + "\" " + std::string(why) +
                                           "; there are close_write, rename_only, marker:.ENDING and "
                                           "stable:Ns (or stable:Nms)"};
}

Result<FinishRule> ParseStable(std::string_view text, std::string_view value) {
  int64_t unit_ms = 0;
  if (value.ends_with("ms")) {
    unit_ms = 1;
    value.remove_suffix(2);
  } else if (value.ends_with('s')) {
    unit_ms = 1000;
    value.remove_suffix(1);
  }
  int64_t count = 0;
  const auto [end, failure] = std::from_chars(value.data(), value.data() + value.size(), count);
  if (unit_ms == 0 || failure != std::errc() || end != value.data() + value.size() || count < 0 ||
      count > kStableMax.count()) {
    return BadFinish(text, "has no time that can be read");
  }
  FinishRule rule{FinishRule::Mode::kStable, "", milliseconds(count * unit_ms)};
  if (rule.stable < kStableMin || rule.stable > kStableMax)
    return BadFinish(text, "is not within 100 ms to 1 h");
  return rule;
}

}  // namespace

Result<FinishRule> ParseFinishRule(std::string_view text) {
  constexpr std::string_view kMarkerPrefix = "marker:", kStablePrefix = "stable:";
  if (text == "close_write") return FinishRule{};
  if (text == "rename_only") return FinishRule{FinishRule::Mode::kRenameOnly, "", {}};
  if (text.starts_with(kStablePrefix)) return ParseStable(text, text.substr(kStablePrefix.size()));
  if (!text.starts_with(kMarkerPrefix)) return BadFinish(text, "is not a mode");
  FinishRule rule{FinishRule::Mode::kMarker, std::string(text.substr(kMarkerPrefix.size())), {}};
  if (rule.marker.empty() || rule.marker.size() > kMarkerBytesMax ||
      rule.marker.find_first_of(std::string_view("/\0", 2)) != std::string::npos) {
    return BadFinish(text, "needs an ending of 1 to 64 bytes without '/'");
  }
  return rule;
}

std::string TextOf(const FinishRule& rule) {
  switch (rule.mode) {
    case FinishRule::Mode::kCloseWrite:
      return "close_write";
    case FinishRule::Mode::kRenameOnly:
      return "rename_only";
    case FinishRule::Mode::kMarker:
      return "marker:" + rule.marker;
    case FinishRule::Mode::kStable:
      break;
  }
  const int64_t ms = rule.stable.count();
  return "stable:" + (ms % 1000 == 0 ? std::to_string(ms / 1000) + "s" : std::to_string(ms) + "ms");
}

std::vector<std::string> DefaultIgnoredNames() {
  return {".*", "*.tmp", "*.part", "*.crdownload", "*.filepart", "*~"};
}

bool WatchRules::Ignores(std::string_view key) const {
  while (!key.empty()) {
    const size_t end = std::min(key.find('/'), key.size());
    const std::string name(key.substr(0, end));
    const auto matches = [&](const std::string& pattern) {
      return ::fnmatch(pattern.c_str(), name.c_str(), 0) == 0;
    };
    const auto begins = [&](std::string_view ours) { return name.starts_with(ours); };
    if (std::any_of(kOurOwn.begin(), kOurOwn.end(), begins)) return true;
    if (std::any_of(ignored.begin(), ignored.end(), matches)) return true;
    key.remove_prefix(std::min(end + 1, key.size()));
  }
  return false;
}

bool WatchRules::IsMarker(std::string_view key) const {
  return finish.mode == FinishRule::Mode::kMarker && key.size() > finish.marker.size() &&
         key.ends_with(finish.marker) && key[key.size() - finish.marker.size() - 1] != '/';
}

std::string WatchRules::KeyOfMarker(std::string_view key) const {
  return std::string(key.substr(0, key.size() - finish.marker.size()));
}

}  // namespace hearth
