#include "runtime/control/platform_log.h"

#include "runtime/meter/report_line.h"

namespace hearth {

void PlatformLog::Write(const InvocationRecord& record, std::string_view line) {
  HandlerLogLine out;
  out.function = record.function;
  out.version = record.version;
  out.request_id = record.request_id;
  out.time = clock_.WallNow();
  out.source = LogSource::kPlatform;
  out.message = line;
  log_.OnHandlerLog(out);
}

void PlatformLog::OnInvocationStarted(const FunctionVersion& version, const Event& event) {
  InvocationRecord record;
  record.function = version.function;
  record.version = version.version;
  record.request_id = event.request_id.text();
  Write(record, StartLine(record));
}

void PlatformLog::OnInvocationSettled(const InvocationRecord& record) {
  if (!HasReport(record.outcome)) return;
  Write(record, EndLine(record));
  Write(record, ReportLine(record));
}

// Nothing ran: there is no request to log under. Metrics count it.
void PlatformLog::OnThrottled(std::string_view, std::string_view) {}

}  // namespace hearth
