#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "runtime/base/clock.h"
#include "runtime/base/ids.h"

namespace hearth {

// Where an event stands in somebody's trace: passed on as it came, never made longer, since no span of ours is in it.
struct TraceContext {
  std::string trace_id;  // X-Amzn-Trace-Id: "Root=1-5759e988-bd862e3fe1be46a994272793;Parent=...;Sampled=1"
  std::string traceparent;  // https://www.w3.org/TR/trace-context/: "00-TRACE-PARENT-01"
  std::string tracestate;   // nothing without a traceparent
};

inline constexpr size_t kTraceHeaderBytesMax = 512;  // of each: what W3C asks for, and AWS never exceeds
inline constexpr size_t kTraceStateMembersMax = 32;

// One line of visible ASCII with a Root that X-Ray would take.
bool IsTraceId(std::string_view header);
// Whether it asks for a trace of what it leads to.
bool IsSampled(std::string_view trace_id);
// By section 3.2.2 of the recommendation, versions to come included.
bool IsTraceParent(std::string_view header);
// By section 3.3.1.
bool IsTraceState(std::string_view header);

// Of a request with these headers: what is malformed, or is there twice, counts as not there; a state without a parent
// too. Where there is a parent but no X-Amzn-Trace-Id, that is made of it, as X-Ray does.
TraceContext ReadTraceContext(std::string_view trace_id, const std::vector<std::string_view>& traceparents,
                              const std::vector<std::string_view>& tracestates);

// The same, of a request's headers: names in small letters.
template <class Headers>
TraceContext TraceContextOf(const Headers& headers) {
  std::vector<std::string_view> parents, states;
  for (const auto& header : headers) {
    if (header.name == "traceparent") parents.push_back(header.value);
    if (header.name == "tracestate") states.push_back(header.value);
  }
  return ReadTraceContext(headers.Get("x-amzn-trace-id"), parents, states);
}

// For a request that came without: the same each time it is asked for.
std::string MakeTraceId(const RequestId& request_id, WallTime accepted);

}  // namespace hearth
