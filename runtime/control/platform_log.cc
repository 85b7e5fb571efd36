#include "runtime/control/platform_log.h"

#include "runtime/meter/report_line.h"

namespace hearth {

LogStore::Options PlatformLog::WithPlatformLines(LogStore::Options options) {
  options.start_line = StartLine;
  options.end_line = EndLine;
  options.report_line = [](const InvocationRecord& record) { return ReportLine(record); };
  return options;
}

void PlatformLog::OnInvocationStarted(const FunctionVersion& version, const Event& event) {
  log_.KeepStart(version.function, version.version, event.request_id.text(), clock_.WallNow());
}

void PlatformLog::OnInvocationSettled(const InvocationRecord& record) {
  if (HasReport(record.outcome)) log_.KeepEnd(record, last_number_(), clock_.WallNow());
}

// Nothing ran: there is no request to log under. Metrics count it.
void PlatformLog::OnThrottled(std::string_view, std::string_view) {}

}  // namespace hearth
