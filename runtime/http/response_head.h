#pragma once

#include <optional>
#include <string>

#include "runtime/base/clock.h"
#include "runtime/http/message.h"

namespace hearth::http {

// How a response goes onto the wire.
enum class BodyFraming { kLength, kChunked, kUntilClose };

struct Framing {
  BodyFraming body = BodyFraming::kLength;
  bool close = false;                // "connection: close"
  std::optional<uint64_t> length{};  // of a body that is not in the response
  bool old_keep_alive = false;       // HTTP/1.0 client that asked for keep-alive: it must be told
};

// The date header, formatted once a second.
// Thread:  loop.
class DateLine final {
 public:
  explicit DateLine(const Clock& clock) : clock_(clock) {}
  const std::string& Get();  // "date: Mon, 23 Nov 2026 09:11:50 GMT\r\n"

 private:
  const Clock& clock_;
  std::chrono::sys_seconds second_{};
  std::string line_;
};

// 1xx, 204 and 304 have none, whatever the handler says.
bool StatusHasBody(int status);
// The name of the first header that cannot stand in a response: its name is no token, or its value has
// control characters (with a line end in it a handler's data could forge a second response).
std::optional<std::string> IllegalHeader(const Headers& headers);
// Status line and headers up to the empty line, with room for the body behind when it is small.
void AppendHead(std::string& out, const Response& response, const Framing& framing,
                const std::string& date_line);
std::string FormatHead(const Response& response, const Framing& framing, const std::string& date_line);

}  // namespace hearth::http
