#include "runtime/http/request_parser.h"

#include <algorithm>
#include <optional>

#include <boost/asio/buffer.hpp>
#include <boost/beast/http/basic_parser.hpp>

#include "runtime/http/error_response.h"
#include "runtime/http/target.h"

namespace hearth::http {
namespace {

namespace beast = boost::beast;
using BeastError = beast::http::error;

std::string_view View(beast::string_view text) { return {text.data(), text.size()}; }

// Room for the method, two blanks and the version when the request line has not ended yet.
constexpr size_t kRequestLineRest = 64;

// Collects what Beast finds; one for each request, since Beast's parser cannot begin again.
class Collector final : public beast::http::basic_parser<true> {
 public:
  explicit Collector(Request& into) : request(into) {
    eager(false);
    header_limit(UINT32_MAX);  // RequestParser has its own limits
    body_limit(boost::none);
  }

  Request& request;
  std::string target;
  uint64_t body_max = 0;
  uint64_t chunk_size = 0;  // of the chunk that came last
  uint64_t received = 0;    // of the body, taken away or not

 private:
  void on_request_impl(beast::http::verb, beast::string_view method, beast::string_view sent_target,
                       int version, beast::error_code&) override {
    request.Clear();
    request.method.assign(method.data(), method.size());
    target.assign(sent_target.data(), sent_target.size());
    request.version = version;
  }
  void on_response_impl(int, beast::string_view, int, beast::error_code&) override {}
  void on_field_impl(beast::http::field, beast::string_view name, beast::string_view value,
                     beast::error_code&) override {
    if (head_done_) return;  // trailers: nothing here has asked for any, and they must not pass for headers
    request.headers.AddLowerCase(View(name), View(value));
  }
  void on_header_impl(beast::error_code&) override { head_done_ = true; }
  // A declared length is not reserved: a client must send bytes to make us hold memory.
  void on_body_init_impl(const boost::optional<uint64_t>&, beast::error_code&) override {}
  size_t on_body_impl(beast::string_view bytes, beast::error_code& failure) override {
    if (received + bytes.size() > body_max) {
      failure = BeastError::body_limit;
      return 0;
    }
    received += bytes.size();
    MakeRoom(bytes.size());
    request.body.append(bytes.data(), bytes.size());
    return bytes.size();
  }
  // For what has come, and for as much again: up to the declared length, which most bodies then have exactly.
  void MakeRoom(size_t bytes) {
    const uint64_t needed = request.body.size() + bytes, declared = content_length().value_or(0);
    const bool whole = needed == received;  // nothing has been taken away
    if (whole && needed > request.body.capacity() && needed <= declared)
      request.body.reserve(std::min(declared, 2 * needed));
  }
  void on_chunk_header_impl(uint64_t size, beast::string_view, beast::error_code& failure) override {
    if (size > body_max - received) failure = BeastError::body_limit;
    chunk_size = size;
  }
  size_t on_chunk_body_impl(uint64_t, beast::string_view bytes, beast::error_code& failure) override {
    return on_body_impl(bytes, failure);
  }
  void on_finish_impl(beast::error_code&) override {}

  bool head_done_ = false;
};

}  // namespace

class RequestParser::Impl {
 public:
  Collector& parser() { return *parser_; }
  Request& request() { return request_; }
  void Begin() { parser_.emplace(request_); }

 private:
  Request request_;  // the one before, until a head has come
  std::optional<Collector> parser_;
};

RequestParser::RequestParser(const Limits& limits) : limits_(limits), impl_(std::make_unique<Impl>()) {
  Next();
}
RequestParser::~RequestParser() = default;

Request& RequestParser::request() { return impl_->request(); }

bool RequestParser::HasBody() const { return !impl_->parser().is_done(); }

uint64_t RequestParser::content_length() const { return impl_->parser().content_length().value_or(0); }

void RequestParser::Next() {
  impl_->Begin();
  phase_ = Phase::kHead;
  scanned_ = line_start_ = lines_ = 0;
  body_max_ = limits_.body_max;
}

bool RequestParser::Refuse(int status, std::string_view code, std::string_view message) {
  failure_ = ErrorResponse(status, code, message);
  phase_ = Phase::kFailed;
  return false;
}

bool RequestParser::BodyTooLarge(uint64_t actual, bool declared) {
  return Refuse(413, "payload_too_large",
                "the request body " + std::string(declared ? "is " : "has at least ") +
                    std::to_string(actual) + " bytes; the limit here is " + std::to_string(body_max_.count) +
                    " bytes. Send less, or pass a reference to the data instead");
}

RequestParser::Fed RequestParser::Feed(std::string_view bytes) {
  if (phase_ == Phase::kHead) return FeedHead(bytes);
  if (phase_ == Phase::kBody) return FeedBody(bytes);
  return {phase_ == Phase::kDone ? Step::kDone : Step::kFailed, 0};
}

RequestParser::Fed RequestParser::FeedHead(std::string_view bytes) {
  // Some clients end a body with an extra line end; RFC 9112 2.2 asks to skip empty lines before a request
  // line.
  size_t skipped = 0;
  if (scanned_ == 0) {
    while (bytes.substr(skipped).starts_with("\r\n")) skipped += 2;
    if (bytes.substr(skipped) == "\r") return {Step::kNeedMore, skipped};
  }
  const std::string_view head = bytes.substr(skipped);
  if (!ScanHead(head)) return {phase_ == Phase::kFailed ? Step::kFailed : Step::kNeedMore, skipped};
  const size_t size = scanned_;
  if (!ParseHead(head.substr(0, size))) return {Step::kFailed, skipped};
  phase_ = Phase::kBody;
  return {Step::kHead, skipped + size};
}

bool RequestParser::ScanHead(std::string_view head) {
  while (scanned_ < head.size()) {
    const size_t line_end = head.find('\n', scanned_);
    scanned_ = line_end == std::string_view::npos ? head.size() : line_end + 1;
    const std::string_view line = head.substr(line_start_, scanned_ - line_start_);
    if (lines_ == 0 && line.size() > limits_.target_max.count + kRequestLineRest &&
        line.find(' ') < kRequestLineRest) {
      // The exact size is looked at once the line is complete; so much cannot fit.
      return Refuse(414, "uri_too_long",
                    "the request target is longer than the limit of " +
                        std::to_string(limits_.target_max.count) + " bytes");
    }
    if (scanned_ > limits_.head_max.count) {
      return Refuse(431, "headers_too_large",
                    "request line and headers have at least " + std::to_string(scanned_) +
                        " bytes; the limit is " + std::to_string(limits_.head_max.count) +
                        " bytes. Send less, for example fewer cookies");
    }
    if (line_end == std::string_view::npos) return false;
    if (line == "\r\n") return true;
    if (!ScanLine(line)) return false;
    line_start_ = scanned_;
  }
  return false;
}

bool RequestParser::ScanLine(std::string_view line) {
  if (!line.ends_with("\r\n")) {
    return Refuse(400, "bad_request",
                  "a line of the request's head ends with a bare line feed; end lines with CR LF");
  }
  if (lines_ > 0 && (line.front() == ' ' || line.front() == '\t')) {
    return Refuse(400, "bad_request",
                  "a header is folded over two lines, which HTTP/1.1 has abolished; send it in one");
  }
  if (lines_ > limits_.headers_max) {
    return Refuse(431, "headers_too_large",
                  "the request has over " + std::to_string(limits_.headers_max) +
                      " headers, which is the limit; send fewer");
  }
  ++lines_;
  return true;
}

bool RequestParser::ParseHead(std::string_view head) {
  Collector& parser = impl_->parser();
  const std::string_view request_line = head.substr(0, head.find('\n'));
  beast::error_code failure;
  while (!parser.is_header_done() && !failure) {
    const size_t used = parser.put(boost::asio::const_buffer(head.data(), head.size()), failure);
    head.remove_prefix(used);
  }
  if (parser.target.size() > limits_.target_max.count) {
    return Refuse(414, "uri_too_long",
                  "the request target has " + std::to_string(parser.target.size()) + " bytes; the limit is " +
                      std::to_string(limits_.target_max.count) + " bytes. Put the data into the body");
  }
  // Beast refuses "HTTP/2.0" and both kinds of length as well; the answer should name what is wrong.
  if (failure == BeastError::bad_version && std::count(request_line.begin(), request_line.end(), ' ') == 2) {
    return Refuse(505, "http_version_not_supported", "this server speaks HTTP/1.1 and HTTP/1.0 only");
  }
  if (failure == BeastError::bad_content_length || failure == BeastError::bad_transfer_encoding ||
      failure == BeastError::multiple_content_length) {
    return Refuse(
        400, "bad_request",
        "the request's length is not clear: send either one Content-Length or Transfer-Encoding: chunked");
  }
  if (failure) return Refuse(400, "bad_request", "the request is not valid HTTP/1.1: " + failure.message());
  return CheckHead();
}

bool RequestParser::CheckHead() {
  Collector& parser = impl_->parser();
  Request& request = parser.request;
  if (request.version != 10 && request.version != 11) {
    return Refuse(505, "http_version_not_supported", "this server speaks HTTP/1.1 and HTTP/1.0 only");
  }
  size_t hosts = 0, codings = 0, lengths = 0;
  for (const Header& header : request.headers) {
    hosts += header.name == "host";
    codings += header.name == "transfer-encoding";
    lengths += header.name == "content-length";
  }
  if (hosts > 1 || (hosts == 0 && request.version == 11)) {
    return Refuse(400, "bad_request",
                  "the request has " + std::to_string(hosts) + " Host headers; HTTP/1.1 needs exactly one");
  }
  if (codings + lengths > 0 && !CheckFraming(codings, lengths)) return false;
  request.keep_alive = parser.keep_alive();
  if (const Status split = SplitTarget(parser.target, request); !split.ok()) {
    return Refuse(400, "bad_request", split.error().message);
  }
  return true;
}

// One reading of where the body ends, or none: a proxy that read it otherwise would let a second request be
// smuggled.
bool RequestParser::CheckFraming(size_t codings, size_t lengths) {
  const Headers& headers = request().headers;
  if (codings + lengths > 1 || (codings == 1 && request().version == 10)) {
    return Refuse(
        400, "bad_request",
        "the request's length is not clear: send either one Content-Length or Transfer-Encoding: chunked");
  }
  const std::string_view length = headers.Get("content-length");
  if (lengths == 1 &&
      !std::all_of(length.begin(), length.end(), [](char c) { return c >= '0' && c <= '9'; })) {
    return Refuse(400, "bad_request", "Content-Length is not a number");
  }
  if (codings == 1 && !EqualIgnoringCase(headers.Get("transfer-encoding"), "chunked")) {
    return Refuse(501, "not_implemented", "the only Transfer-Encoding that this server knows is chunked");
  }
  return true;
}

RequestParser::Fed RequestParser::FeedBody(std::string_view bytes) {
  Collector& parser = impl_->parser();
  Fed fed;
  parser.body_max = body_max_.count;
  if (DeclaredTooLarge()) {
    BodyTooLarge(content_length(), true);
    return {Step::kFailed, 0};
  }
  while (!parser.is_done()) {
    const std::string_view rest = bytes.substr(fed.consumed);
    if (rest.empty()) return fed;
    beast::error_code failure;
    const size_t used = parser.put(boost::asio::const_buffer(rest.data(), rest.size()), failure);
    fed.consumed += used;
    if (failure == BeastError::need_more && rest.size() - used <= kChunkLineMax) return fed;
    if (!failure) continue;
    fed.step = Step::kFailed;
    if (failure == BeastError::body_limit) {
      BodyTooLarge(parser.received + std::max<uint64_t>(parser.chunk_size, 1), false);
    } else if (failure == BeastError::need_more) {
      Refuse(400, "bad_request",
             "a chunk's size line or the trailers have over " + std::to_string(kChunkLineMax) + " bytes");
    } else {
      Refuse(400, "bad_request", "the request body is not valid: " + failure.message());
    }
    return fed;
  }
  phase_ = Phase::kDone;
  fed.step = Step::kDone;
  return fed;
}

}  // namespace hearth::http
