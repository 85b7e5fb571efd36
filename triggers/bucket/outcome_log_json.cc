#include <algorithm>

#include <nlohmann/json.hpp>

#include "triggers/bucket/outcome_log.h"
#include "triggers/bucket/s3_event_json.h"

namespace hearth {

using nlohmann::json;

std::string_view NameOf(ObjectOutcome::Result result) {
  using Result = ObjectOutcome::Result;
  switch (result) {
    case Result::kSucceeded:
      return "Succeeded";
    case Result::kFailed:
      return "Failed";
    case Result::kRetried:
      return "Retried";
    case Result::kWaiting:
      return "Waiting";
    case Result::kOutdated:
      return "Outdated";
  }
  return "Unknown";
}

void OutcomeLog::Add(WallTime at, ObjectOutcome outcome) {
  outcome.error.resize(std::min(outcome.error.size(), kErrorBytesMax));
  entries_.push_back({at, std::move(outcome)});
  ++last_;
  if (entries_.size() > kKept) entries_.pop_front();
}

std::string OutcomeLog::After(uint64_t after) const {
  const uint64_t first = last_ - entries_.size() + 1;
  // From a daemon of before, who had come further.
  const uint64_t from = after > last_ ? first : std::max(after + 1, first);
  json outcomes = json::array();
  for (uint64_t number = from; number <= last_; ++number) {
    const auto& [at, outcome] = entries_[number - first];
    json one = {{"Number", number},
                {"Time", ToIso8601Millis(at)},
                {"Result", NameOf(outcome.result)},
                {"Key", EncodeKey(outcome.key)},
                {"FunctionName", outcome.target},
                {"Event", outcome.is_removal ? "ObjectRemoved:Delete" : "ObjectCreated:Put"},
                {"RequestId", outcome.request_id},
                {"Attempt", outcome.attempt},
                {"Hops", outcome.hops},
                {"DurationMs", outcome.took.count()}};
    if (!outcome.error.empty()) one["Error"] = outcome.error;
    outcomes.push_back(std::move(one));
  }
  return json({{"Outcomes", std::move(outcomes)},
               {"Next", last_},
               {"Missed", after > last_ ? 0 : from - std::min(after + 1, from)}})
      .dump(-1, ' ', false, json::error_handler_t::replace);
}

}  // namespace hearth
