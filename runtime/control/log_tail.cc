#include "runtime/control/log_tail.h"

#include "runtime/meter/report_line.h"

namespace hearth {
namespace {

// Lambda's own.
constexpr size_t kTailBytesMax = 4096;
// START is written a moment before the attempt's own start is taken, and the wall clock may step.
constexpr seconds kClockSlack{2};

// As the ledger has it, from what the router was told of the same attempt.
InvocationRecord RecordOf(const Outcome& outcome, const RequestId& request_id) {
  InvocationRecord record;
  record.request_id = request_id.text();
  record.version = outcome.executed_version;
  record.outcome = outcome.kind;
  record.cold = outcome.usage.cold;
  record.started = outcome.started;
  record.init_ns = static_cast<uint64_t>(outcome.usage.init.count());
  record.duration_ns = static_cast<uint64_t>(outcome.usage.duration.count());
  record.billed_ms = outcome.billed_ms;
  record.memory_mib = static_cast<uint32_t>(outcome.memory_limit.mib());
  record.memory_peak_kib = outcome.usage.memory_peak.count >> 10;
  return record;
}

}  // namespace

std::string AttemptLogTail(const LogStore& logs, const std::string& function, const Outcome& outcome,
                           const RequestId& request_id) {
  const InvocationRecord record = RecordOf(outcome, request_id);
  if (!HasReport(record)) return "";
  std::string log = outcome.log_tail;
  if (log.empty())
    log = logs.TailOf(function, request_id.text(), outcome.started - kClockSlack, kTailBytesMax);
  const auto format = logs.SettingsOf(function, outcome.executed_version).format;
  // The platform's lines are in the log already where the daemon writes them there.
  if (format == LogFormat::kText && log.find(EndLine(record)) == std::string::npos) {
    if (!log.empty() && !log.ends_with('\n')) log += '\n';
    log = StartLine(record.request_id, record.version) + "\n" + log + EndLine(record) + "\n" +
          ReportLine(record, outcome.error.type) + "\n";
  }
  return log.size() <= kTailBytesMax ? log : log.substr(log.size() - kTailBytesMax);
}

}  // namespace hearth
