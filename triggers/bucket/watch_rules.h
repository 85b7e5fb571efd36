#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "runtime/base/result.h"
#include "runtime/base/units.h"

namespace hearth {

// When a file of a bucket is finished. In every mode also: nobody has it open for writing.
struct FinishRule {
  enum class Mode {
    kCloseWrite,  // closed after writing, renamed or linked in
    kRenameOnly,  // renamed or linked in; written in place: once it was left alone for a while, by a scan
    kMarker,      // KEY + marker exists and has changed no earlier than the file
    kStable,      // nothing of it has changed for a time; for file systems that do not tell of writers
  };
  Mode mode = Mode::kCloseWrite;
  std::string marker;
  milliseconds stable{0};
  friend bool operator==(const FinishRule&, const FinishRule&) = default;
};

// Limits of FinishRule.
inline constexpr size_t kMarkerBytesMax = 64;
inline constexpr milliseconds kStableMin{100}, kStableMax{3'600'000};

// "close_write", "rename_only", "marker:.done", "stable:5s" or "stable:500ms".
Result<FinishRule> ParseFinishRule(std::string_view text);
std::string TextOf(const FinishRule& rule);

inline constexpr size_t kIgnorePatternsMax = 32, kIgnorePatternBytesMax = 128;
// Names that stand for files under way or of no concern.
std::vector<std::string> DefaultIgnoredNames();

// What a bucket's watch looks at, and how fast it catches up.
struct WatchRules {
  FinishRule finish;
  std::vector<std::string> ignored = DefaultIgnoredNames();  // shell patterns for one part of a key
  uint64_t catch_up_per_s = 0;  // objects that only a scan found, a second; 0: no limit

  // Any part of the key matches a pattern, or is a name under which the SDK and the bucket's door write what
  // is not yet whole.
  bool Ignores(std::string_view key) const;
  // Is this a marker? Then of which key?
  bool IsMarker(std::string_view key) const;
  std::string KeyOfMarker(std::string_view key) const;
};

}  // namespace hearth
