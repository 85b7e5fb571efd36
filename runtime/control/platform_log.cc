#include "runtime/control/platform_log.h"

#include "runtime/meter/report_line.h"
#include "runtime/model/trace_context.h"

namespace hearth {

LogStore::Options PlatformLog::WithPlatformLines(LogStore::Options options) {
  options.start_line = StartLine;
  options.end_line = EndLine;
  options.report_line = [](const InvocationRecord& record, std::string_view trace_id) {
    return ReportLine(record, "", trace_id);
  };
  return options;
}

void PlatformLog::OnInvocationStarted(const FunctionVersion& version, const Event& event) {
  const bool traced = IsSampled(event.trace_id);
  if (traced) traces_[event.request_id.text()] = event.trace_id;
  log_.KeepStart(version.function, version.version, event.request_id.text(), clock_.WallNow(),
                 traced ? event.trace_id : std::string_view());
}

void PlatformLog::OnInvocationSettled(const InvocationRecord& record) {
  std::string trace_id;
  if (!traces_.empty()) {
    if (auto traced = traces_.extract(record.request_id)) trace_id = std::move(traced.mapped());
  }
  if (HasReport(record)) log_.KeepEnd(record, last_number_(), clock_.WallNow(), trace_id);
}

// Nothing ran: there is no request to log under. Metrics count it.
void PlatformLog::OnThrottled(std::string_view, std::string_view) {}

}  // namespace hearth
