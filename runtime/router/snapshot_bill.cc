#include "runtime/router/snapshot_bill.h"

#include <utility>

#include "runtime/meter/billed_duration.h"

namespace hearth {

InvocationRecord SnapshotRecord(const FunctionVersion& version, nanoseconds init, std::string request_id,
                                WallTime ended, const std::string& dedicated) {
  InvocationRecord record;
  record.request_id = std::move(request_id);
  record.function = version.function;
  record.version = version.version;
  record.init = InitKind::kSnapshot;
  record.started = ended - std::chrono::ceil<microseconds>(init);
  record.init_ns = static_cast<uint64_t>(init.count());
  record.billed_ms = BilledMs(init, nanoseconds(0));
  record.memory_mib = static_cast<uint32_t>(version.settings.memory.mib());
  record.tmp_mib = static_cast<uint32_t>(version.settings.tmp.mib());
  record.plan = dedicated.empty() ? Plan::kOnDemand : Plan::kDedicated;
  record.commitment = dedicated;
  return record;
}

}  // namespace hearth
