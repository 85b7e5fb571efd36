#include "runtime/meter/report_line.h"

#include <cstdio>

#include "runtime/model/platform_event.h"

namespace hearth {
namespace {

// Two decimals, rounded by integers: "238.83 ms".
std::string Millis(uint64_t ns) {
  const uint64_t hundredths = (ns + 5'000) / 10'000;
  char text[40];
  std::snprintf(text, sizeof text, "%llu.%02llu ms", static_cast<unsigned long long>(hundredths / 100),
                static_cast<unsigned long long>(hundredths % 100));
  return text;
}

// "XRAY TraceId: 1-5e1b4151-...\tSampled: true\t", of the Root of an X-Amzn-Trace-Id. No SegmentId: no segment is ours.
std::string TraceOf(std::string_view trace_id) {
  const size_t root = trace_id.find("Root=");
  if (root == std::string_view::npos) return "";
  const std::string_view value = trace_id.substr(root + 5);
  return "XRAY TraceId: " + std::string(value.substr(0, value.find(';'))) + "\tSampled: true\t";
}

std::string StatusOf(const InvocationRecord& record, std::string_view error_type) {
  switch (record.outcome) {
    case OutcomeKind::kTimeout:
    case OutcomeKind::kInitTimeout:
      return "Status: timeout";
    case OutcomeKind::kCrash:
    case OutcomeKind::kOutOfMemory:
    case OutcomeKind::kInitError:
    case OutcomeKind::kAborted:
      return "Status: error\tError Type: " +
             std::string(error_type.empty() ? ErrorTypeOf(record.outcome) : error_type);
    default:
      return "";
  }
}

}  // namespace

std::string StartLine(std::string_view request_id, std::string_view version) {
  std::string line = "START RequestId: ";
  return line.append(request_id).append(" Version: ").append(version);
}

std::string EndLine(const InvocationRecord& record) { return "END RequestId: " + record.request_id; }

std::string ReportLine(const InvocationRecord& record, std::string_view error_type,
                       std::string_view trace_id) {
  std::string line = "REPORT RequestId: " + record.request_id;
  line += "\tDuration: " + Millis(record.duration_ns);
  line += "\tBilled Duration: " + std::to_string(record.billed_ms) + " ms";
  line += "\tMemory Size: " + std::to_string(record.memory_mib) + " MB";
  line += "\tMax Memory Used: " + std::to_string((record.memory_peak_kib + 1023) / 1024) + " MB\t";
  if (record.init_ns > 0) {
    line += record.init == InitKind::kRestore ? "Restore Duration: " : "Init Duration: ";
    line += Millis(record.init_ns) + "\t";
  }
  return line + TraceOf(trace_id) + StatusOf(record, error_type);
}

WallTime EndOf(const InvocationRecord& record) {
  return record.started + std::chrono::ceil<microseconds>(nanoseconds(record.init_ns + record.duration_ns));
}

bool HasReport(const InvocationRecord& record) {
  if (record.init == InitKind::kSnapshot) return false;
  switch (record.outcome) {
    case OutcomeKind::kThrottled:
    case OutcomeKind::kCancelled:
    case OutcomeKind::kInterrupted:
      return false;
    default:
      return true;
  }
}

}  // namespace hearth
