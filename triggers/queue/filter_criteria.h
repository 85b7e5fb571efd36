#pragma once

#include <string>
#include <vector>

#include "runtime/store/queue_store.h"
#include "triggers/queue/filter_pattern.h"
#include "triggers/queue/queue_event_json.h"

namespace hearth {

// Which messages of a queue a mapping wants: Lambda's FilterCriteria for SQS. A message is wanted when one of the
// filters matches it; without filters every message is.
//
// A pattern is held against the record that the function would get. "body" as an object in the pattern wants a
// body that is a JSON object or list, "body" as a list wants one that is not; the other way round the message is
// not wanted. receiptHandle and attributes.ApproximateFirstReceiveTimestamp do not exist before a message is
// received and are refused, as is a field that no record has: such a pattern would delete every message.
//
// Immutable once compiled: once for each mapping.
class FilterCriteria final {
 public:
  static constexpr size_t kFiltersMax = 5;           // AWS's default quota
  static constexpr size_t kPatternBytesMax = 4'096;  // each

  // kInvalidArgument, beginning with AWS's words.
  static Result<FilterCriteria> Compile(const std::vector<std::string>& patterns);

  bool wants_all() const { return patterns_.empty(); }
  // A message that was only looked at counts as received once more, as it will be.
  enum class Seen { kPeeked, kReceived };
  bool Wants(const QueueAddress& address, const QueueMessage& message, Seen seen) const;

 private:
  std::vector<FilterPattern> patterns_;
  std::set<std::string> fields_;  // of the record, that some pattern names
};

}  // namespace hearth
