#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "runtime/model/invocation_record.h"

namespace hearth {

// What the platform says of an attempt in the JSON log format: the events of Lambda's Telemetry API, schema 2022-12-13
// (docs.aws.amazon.com/lambda/latest/dg/telemetry-schema-reference.html), without their time.
struct PlatformEvent {
  uint8_t level = 2;  // by Lambda's mapping of system log levels
  std::string json;   // {"type":"platform.report","record":{...}}
};

// `trace_id`: the X-Amzn-Trace-Id of a request that is sampled; "" leaves `tracing` out. There is no spanId: no span is ours.
PlatformEvent StartEvent(std::string_view request_id, std::string_view version, std::string_view trace_id);
PlatformEvent RuntimeDoneEvent(const InvocationRecord& record, std::string_view trace_id);
PlatformEvent ReportEvent(const InvocationRecord& record, std::string_view trace_id);
// Lines are missing from a log here.
std::string LogsDroppedEvent(std::string_view reason, uint64_t records, uint64_t bytes);
// What Lambda has no event for: type "hearth.notice".
std::string NoticeEvent(std::string_view request_id, std::string_view message);

// Of what ended otherwise than by the handler's own answer; "" for the rest, which the ledger has no type of.
std::string_view ErrorTypeOf(OutcomeKind kind);

}  // namespace hearth
