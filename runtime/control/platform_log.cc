#include "runtime/control/platform_log.h"

#include "runtime/meter/report_line.h"

namespace hearth {

void PlatformLog::Write(std::string_view function, std::string_view version, std::string_view request_id,
                        std::string_view line) {
  HandlerLogLine out;
  out.function = function;
  out.version = version;
  out.request_id = request_id;
  out.time = clock_.WallNow();
  out.source = LogSource::kPlatform;
  out.message = line;
  log_.OnHandlerLog(out);
}

void PlatformLog::OnInvocationStarted(const FunctionVersion& version, const Event& event) {
  Write(version.function, version.version, event.request_id.text(),
        StartLine(event.request_id.text(), version.version));
}

void PlatformLog::OnInvocationSettled(const InvocationRecord& record) {
  if (!HasReport(record.outcome)) return;
  Write(record.function, record.version, record.request_id, EndLine(record));
  Write(record.function, record.version, record.request_id, ReportLine(record));
}

// Nothing ran: there is no request to log under. Metrics count it.
void PlatformLog::OnThrottled(std::string_view, std::string_view) {}

}  // namespace hearth
