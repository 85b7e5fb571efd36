#include "runtime/control/invoke_stream.h"

#include <utility>

#include "runtime/control/event_stream.h"

namespace hearth {

void InvokeStream::SendHead(const std::string& version) {
  begun_ = true;
  http::Headers headers = {{"content-type", kEventStreamContentType}};
  if (!version.empty()) headers.Add("X-Amz-Executed-Version", version);
  call_->Begin(200, std::move(headers));
}

void InvokeStream::Begin(std::string) { SendHead(version_); }

void InvokeStream::Write(std::string bytes) {
  for (std::string_view rest = bytes; !rest.empty();) {
    const std::string_view piece = rest.substr(0, kEventPayloadBytesMax);
    call_->responder().Write(EncodeStreamEvent("PayloadChunk", "application/octet-stream", piece));
    rest.remove_prefix(piece.size());
  }
}

void InvokeStream::Finish(const Outcome& outcome, const std::string& log) {
  if (!begun_) SendHead(outcome.executed_version);
  Json end = Json::object();
  if (outcome.ok()) {
    Write(outcome.payload);
  } else {
    end["ErrorCode"] = outcome.error.type;
    end["ErrorDetails"] = FunctionErrorJson(outcome, call_->request_id());
  }
  if (!log.empty()) end["LogResult"] = log;
  call_->responder().Write(EncodeStreamEvent("InvokeComplete", "application/json", DumpJson(end)));
  call_->responder().End();
}

}  // namespace hearth
