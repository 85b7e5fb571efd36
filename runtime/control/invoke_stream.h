#pragma once

#include <string>

#include "runtime/control/api_call.h"
#include "runtime/model/outcome.h"
#include "runtime/model/response_stream.h"

namespace hearth {

// The answer of InvokeWithResponseStream: a PayloadChunk for each piece that the handler flushes, an InvokeComplete at the
// end, which says how it ended.
//
// Thread:  loop thread.
// Failure: what the handler did wrong is InvokeComplete's ErrorCode and ErrorDetails, also after pieces have gone.
class InvokeStream final : public ResponseStream {
 public:
  // `version`: that answers, "" where that is not known before it has.
  InvokeStream(ApiCallPtr call, std::string version) : call_(std::move(call)), version_(std::move(version)) {}

  void Begin(std::string content_type) override;
  void Write(std::string bytes) override;
  uint64_t bytes_waiting() const override { return call_->responder().bytes_waiting(); }
  void OnRoom(std::function<void()> room) override { call_->responder().OnRoom(std::move(room)); }

  // Nothing has been said yet: what never ran can still be refused as any call.
  bool begun() const { return begun_; }
  // Once. `log` is the tail as Lambda sends it, or "".
  void Finish(const Outcome& outcome, const std::string& log);

 private:
  void SendHead(const std::string& version);

  const ApiCallPtr call_;
  const std::string version_;
  bool begun_ = false;
};

}  // namespace hearth
