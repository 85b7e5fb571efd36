#pragma once

#include <string>
#include <string_view>

#include "runtime/model/invocation_record.h"

namespace hearth {

// The three lines of an invocation as AWS Lambda writes them, without the newline; people and their tools
// parse them. Fields of REPORT are separated by tabs, and a tab ends it. "MB" is MiB, as it is there.

std::string StartLine(std::string_view request_id, std::string_view version);
std::string EndLine(const InvocationRecord& record);
// Init Duration only when this attempt was billed for a worker's init; Restore Duration where that was after_restore in a
// copy. What ended otherwise than by the
// handler's own answer has "Status: timeout" or "Status: error" and the error's type; `error_type` "" takes
// the one that fits the outcome. A handler that reports an error of its own has no status, as in Lambda's
// text format. `trace_id`: the X-Amzn-Trace-Id of a sampled request; its trace is named before the status.
std::string ReportLine(const InvocationRecord& record, std::string_view error_type = "",
                       std::string_view trace_id = "");

// When it ended: the time of its END and REPORT.
WallTime EndOf(const InvocationRecord& record);

// False for what never ran, and for the init of a snapshot, which is no attempt: they have no lines.
bool HasReport(const InvocationRecord& record);

}  // namespace hearth
