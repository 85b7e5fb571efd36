#pragma once

#include <cstdint>
#include <deque>
#include <string>
#include <string_view>

#include "runtime/base/clock.h"
#include "runtime/base/units.h"

namespace hearth {

// What became of one attempt at an object.
struct ObjectOutcome {
  enum class Result {
    kSucceeded,
    kFailed,    // for good
    kRetried,   // an error of the function; it runs again
    kWaiting,   // could not run; tried again for as long as it takes
    kOutdated,  // other content by the time it was to run: looked at again
  };
  Result result = Result::kSucceeded;
  std::string key;     // raw bytes
  std::string target;  // "name" or "name:qualifier"
  bool is_removal = false;
  std::string request_id;
  uint32_t attempt = 0;
  uint32_t hops = 0;
  milliseconds took{0};  // from when it began to run
  std::string error;
};
std::string_view NameOf(ObjectOutcome::Result result);

// The last outcomes of a bucket, for who watches it. Not durable: receipts are what counts.
//
// Owned by LiveBucket.
// Thread:  loop thread only.
// Limits:  kKept; older ones are dropped, and who asks is told how many it has missed.
class OutcomeLog final {
 public:
  static constexpr size_t kKept = 1000;
  static constexpr size_t kErrorBytesMax = 500;

  void Add(WallTime at, ObjectOutcome outcome);
  // Numbers begin with 1. JSON: {"Outcomes": [...], "Next": the last number there is, "Missed": dropped since `after`}.
  std::string After(uint64_t after) const;
  uint64_t last() const { return last_; }

 private:
  struct Entry {
    WallTime at;
    ObjectOutcome outcome;
  };
  std::deque<Entry> entries_;  // the last one's number is last_
  uint64_t last_ = 0;
};

}  // namespace hearth
