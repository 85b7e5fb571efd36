#include "runtime/model/platform_event.h"

#include <cstdio>
#include <utility>

#include "runtime/base/json_text.h"
#include "runtime/model/log_settings.h"

namespace hearth {
namespace {

// Two decimals, rounded by integers, as in REPORT: 238.83
std::string Millis(uint64_t ns) {
  const uint64_t hundredths = (ns + 5'000) / 10'000;
  char text[40];
  std::snprintf(text, sizeof text, "%llu.%02llu", static_cast<unsigned long long>(hundredths / 100),
                static_cast<unsigned long long>(hundredths % 100));
  return text;
}

// Lambda's: what the function did is an error, what the platform did a failure (BuildStatusFromError() in
// github.com/aws/aws-lambda-runtime-interface-emulator).
std::string_view StatusOf(OutcomeKind kind) {
  switch (kind) {
    case OutcomeKind::kSuccess:
      return "success";
    case OutcomeKind::kTimeout:
    case OutcomeKind::kInitTimeout:
      return "timeout";
    case OutcomeKind::kPlatformFault:
      return "failure";
    default:
      return "error";
  }
}

// An event's text, from its type to the end of its record.
class EventText final {
 public:
  explicit EventText(std::string_view type) : event_(text_), record_(Begin(event_, type)) {}

  JsonObjectText& record() { return record_; }
  void Tracing(std::string_view trace_id) {
    if (trace_id.empty()) return;
    JsonObjectText tracing = record_.Object("tracing");
    tracing.String("type", "X-Amzn-Trace-Id");
    tracing.String("value", trace_id);
    tracing.End();
  }
  void Status(OutcomeKind kind) {
    record_.String("status", StatusOf(kind));
    if (const std::string_view type = ErrorTypeOf(kind); !type.empty()) record_.String("errorType", type);
  }
  std::string End() {
    record_.End();
    event_.End();
    return std::move(text_);
  }

 private:
  static JsonObjectText Begin(JsonObjectText& event, std::string_view type) {
    event.String("type", type);
    return event.Object("record");
  }

  std::string text_;
  JsonObjectText event_;
  JsonObjectText record_;
};

uint8_t LevelOf(OutcomeKind kind, uint8_t of_success) {
  return kind == OutcomeKind::kSuccess ? of_success : kLogWarn;
}

}  // namespace

std::string_view ErrorTypeOf(OutcomeKind kind) {
  switch (kind) {
    case OutcomeKind::kCrash:
      return "Runtime.ExitError";
    case OutcomeKind::kOutOfMemory:
      return "Runtime.OutOfMemory";
    case OutcomeKind::kInitError:
      return "Runtime.InitError";
    case OutcomeKind::kAborted:
      return "Hearth.ClientGone";
    default:
      return "";
  }
}

PlatformEvent StartEvent(std::string_view request_id, std::string_view version, std::string_view trace_id) {
  EventText event("platform.start");
  event.record().String("requestId", request_id);
  event.record().String("version", version);
  event.Tracing(trace_id);
  return {kLogInfo, event.End()};
}

PlatformEvent RuntimeDoneEvent(const InvocationRecord& record, std::string_view trace_id) {
  EventText event("platform.runtimeDone");
  event.record().String("requestId", record.request_id);
  event.Status(record.outcome);
  JsonObjectText metrics = event.record().Object("metrics");
  metrics.Member("durationMs") += Millis(record.duration_ns);
  metrics.End();
  event.Tracing(trace_id);
  return {LevelOf(record.outcome, kLogDebug), event.End()};
}

PlatformEvent ReportEvent(const InvocationRecord& record, std::string_view trace_id) {
  EventText event("platform.report");
  event.record().String("requestId", record.request_id);
  JsonObjectText metrics = event.record().Object("metrics");
  metrics.Member("durationMs") += Millis(record.duration_ns);
  metrics.Number("billedDurationMs", static_cast<int64_t>(record.billed_ms));
  metrics.Number("memorySizeMB", record.memory_mib);
  metrics.Number("maxMemoryUsedMB", static_cast<int64_t>((record.memory_peak_kib + 1023) / 1024));
  if (record.init_ns > 0 && record.init == InitKind::kRestore) {
    metrics.Member("restoreDurationMs") += Millis(record.init_ns);
  } else if (record.init_ns > 0) {
    metrics.Member("initDurationMs") += Millis(record.init_ns);
  }
  metrics.End();
  event.Status(record.outcome);
  event.Tracing(trace_id);
  return {LevelOf(record.outcome, kLogInfo), event.End()};
}

std::string LogsDroppedEvent(std::string_view reason, uint64_t records, uint64_t bytes) {
  EventText event("platform.logsDropped");
  event.record().String("reason", reason);
  event.record().Number("droppedRecords", static_cast<int64_t>(records));
  event.record().Number("droppedBytes", static_cast<int64_t>(bytes));
  return event.End();
}

std::string NoticeEvent(std::string_view request_id, std::string_view message) {
  EventText event("hearth.notice");
  if (!request_id.empty()) event.record().String("requestId", request_id);
  event.record().String("message", message);
  return event.End();
}

}  // namespace hearth
