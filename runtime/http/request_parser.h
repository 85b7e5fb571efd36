#pragma once

#include <memory>
#include <string_view>

#include "runtime/http/limits.h"
#include "runtime/http/message.h"

namespace hearth::http {

// Turns the bytes of one connection into requests. The only door to Boost.Beast, whose parser reads head and
// body; what Beast lets pass but a proxy in front could read otherwise (obsolete folding, two lengths,
// codings besides chunked) is refused here.
//
// States:  head -> kHead -> body -> kDone -> head of the next request (after Next()); kFailed is final.
// Limits:  Limits::target_max, head_max, headers_max; set_body_max(); kChunkLineMax.
// Failure: failure() has the answer to give; the connection must then be closed, since where the next request
//          would begin is unknown.
class RequestParser final {
 public:
  enum class Step { kNeedMore, kHead, kDone, kFailed };
  struct Fed {
    Step step = Step::kNeedMore;
    size_t consumed = 0;
  };
  // A chunk's size with its extensions, or all trailers: nobody needs more, and it is buffered.
  static constexpr size_t kChunkLineMax = 8192;

  explicit RequestParser(const Limits& limits);
  ~RequestParser();

  // `bytes` begins with everything that earlier calls did not consume.
  Fed Feed(std::string_view bytes);
  // After kHead: for this request.
  void set_body_max(Bytes body_max) { body_max_ = body_max; }
  // After kHead: as declared; 0 without a body, and for a chunked one.
  uint64_t content_length() const;
  bool DeclaredTooLarge() const { return content_length() > body_max_.count; }
  bool HasBody() const;

  // After kHead without a body, after kDone with it; in between with what has come of it, which may be taken
  // away. After Next() it stays until the next head has come, which goes into the same memory.
  Request& request();
  const Response& failure() const { return failure_; }
  // Begins the next request.
  void Next();
  // Between requests: nothing was consumed of a next one.
  bool AtStart() const { return phase_ == Phase::kHead && scanned_ == 0; }
  bool InBody() const { return phase_ == Phase::kBody; }

 private:
  class Impl;
  enum class Phase { kHead, kBody, kDone, kFailed };

  Fed FeedHead(std::string_view bytes);
  Fed FeedBody(std::string_view bytes);
  // True when the head's end is found (scanned_ is then its size) or something is wrong with it (phase_).
  bool ScanHead(std::string_view head);
  bool ScanLine(std::string_view line);
  bool ParseHead(std::string_view head);
  bool CheckHead();
  bool CheckFraming(size_t codings, size_t lengths);
  bool Refuse(int status, std::string_view code, std::string_view message);
  bool BodyTooLarge(uint64_t actual, bool declared);

  const Limits& limits_;
  std::unique_ptr<Impl> impl_;
  Phase phase_ = Phase::kHead;
  size_t scanned_ = 0;     // of the head
  size_t line_start_ = 0;  // of the line that scanning stopped in
  size_t lines_ = 0;       // complete ones, the request line included
  Bytes body_max_;
  Response failure_;
};

}  // namespace hearth::http
