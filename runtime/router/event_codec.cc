#include "runtime/router/event_codec.h"

#include "runtime/wire/codec.h"

namespace hearth {
namespace {
// 1: without what follows the payload.
constexpr uint8_t kEventVersion = 2;
}  // namespace

std::string EncodeEvent(const Event& event) {
  FrameWriter out;
  out.U8(kEventVersion)
      .String(event.request_id.text())
      .String(event.function)
      .String(event.qualifier)
      .U8(static_cast<uint8_t>(event.trigger))
      .String(event.content_type)
      .String(event.trace_id)
      .String(event.client_context)
      .String(event.payload)
      .U32(event.hops)
      .String(event.traceparent)
      .String(event.tracestate);
  return out.Take();
}

Result<Event> DecodeEvent(std::string_view bytes) {
  FrameReader in(bytes);
  const uint8_t version = in.U8();
  if (version < 1 || version > kEventVersion) {
    return Error{ErrorCode::kCorrupt, "stored event has version " + std::to_string(version) +
                                          "; this hearthd reads 1 to " + std::to_string(kEventVersion)};
  }
  Event event;
  event.request_id = RequestId(std::string(in.String()));
  event.function = in.String();
  event.qualifier = in.String();
  event.trigger = static_cast<TriggerKind>(in.U8());
  event.content_type = in.String();
  event.trace_id = in.String();
  event.client_context = in.String();
  event.payload = in.String();
  if (version >= 2) {
    event.hops = in.U32();
    event.traceparent = in.String();
    event.tracestate = in.String();
  }
  if (!in.Complete()) return Error{ErrorCode::kCorrupt, "stored event is cut short"};
  return event;
}

}  // namespace hearth
