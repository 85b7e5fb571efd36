#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "runtime/base/result.h"
#include "runtime/base/units.h"

namespace hearth {

// Limits of an event source mapping: AWS's, but for the default of MaximumConcurrency.
inline constexpr uint32_t kMappingBatchDefault = 10;
inline constexpr uint32_t kMappingBatchMax = 10'000;
inline constexpr uint32_t kMappingBatchWithoutWindowMax = 10;  // more needs a window of a second, as at AWS
inline constexpr uint32_t kMappingFifoBatchMax = 10;
inline constexpr seconds kMappingWindowMax{300};
inline constexpr uint32_t kMappingConcurrencyMin = 2;
inline constexpr uint32_t kMappingConcurrencyMax = 1000;
// Batches in flight when ScalingConfig says nothing: enough to keep a small machine busy, few enough that one
// queue does not take every worker of it.
inline constexpr uint32_t kMappingConcurrencyDefault = 16;

// Lambda's limit for the payload of a synchronous invocation: a batch is full by bytes, too.
inline constexpr size_t kQueuePayloadBytesMax = 6 << 20;

// One event source mapping: which queue feeds which function, and how.
struct QueueMapping {
  std::string uuid;
  std::string queue;
  std::string function;
  std::string qualifier;  // "": $LATEST
  uint32_t batch_size = kMappingBatchDefault;
  seconds window{0};
  bool enabled = true;
  bool reports_item_failures = false;  // FunctionResponseTypes names ReportBatchItemFailures
  bool bisects = false;                // BisectBatchOnFunctionError
  uint32_t concurrency_max = 0;        // 0: kMappingConcurrencyDefault
  std::vector<std::string> filters{};  // patterns, see FilterCriteria; one that matches is enough
  int64_t last_modified_ms = 0;        // since 1970; set when it is stored

  bool fifo() const { return std::string_view(queue).ends_with(".fifo"); }
  uint32_t lanes_max() const { return concurrency_max ? concurrency_max : kMappingConcurrencyDefault; }
  friend bool operator==(const QueueMapping&, const QueueMapping&) = default;
};

// What an operator sees of a mapping at work.
struct QueueMappingStatus {
  std::string_view state;  // "Enabled", "Disabled", "Disabling" (batches still run)
  std::string last_error;  // of the last batch or call that failed; "" once one succeeds
  uint64_t batches_in_flight = 0;
  uint64_t messages_in_flight = 0;
  uint64_t waiting_for_worker = 0;
  uint64_t concurrency_allowed =
      0;                       // batches that may run at once now; halves when the function is throttled
  uint64_t max_in_flight = 0;  // messages: batch size times concurrency
  uint64_t batches_succeeded = 0;
  uint64_t batches_failed = 0;  // whole batches
  uint64_t messages_deleted = 0;
  uint64_t messages_failed = 0;  // come back, or go to the dead-letter queue
  uint64_t exhausted = 0;        // of those: it was the last receive before the dead-letter queue
  uint64_t filtered = 0;         // deleted, since no filter matches them
  uint64_t bisections = 0;       // failed batches that were run again in halves
  uint64_t throttled = 0;        // batches given back, or slots refused: no receive was burnt
  uint64_t leases_lost = 0;      // a message whose lease ran out under a running batch: it may run twice
};

// kInvalidArgument names the field and why. `name` is the mapping's UUID when the document has none.
Result<QueueMapping> ParseQueueMapping(std::string_view name, std::string_view json);
std::string EncodeQueueMapping(const QueueMapping& mapping);
std::string EncodeQueueMappingStatus(const QueueMappingStatus& status);

}  // namespace hearth
