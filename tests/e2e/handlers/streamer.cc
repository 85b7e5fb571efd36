#include <chrono>
#include <stdexcept>
#include <string>
#include <thread>

#include <hearth/hearth.h>

// Streams its answer as its payload, or the body of its request, says: {"pieces": N, "bytes": N each, "sleep_ms" before the
// last, "then": what it ends with, "status"}. Piece I is the letter 'a' + I % 26, so often.

namespace {

using hearth::Context;
using hearth::json;

[[noreturn]] void Die(const std::string& how) {
  if (how == "throw") throw std::runtime_error("in mid-stream");
  if (how == "exit") _exit(3);
  volatile int* volatile nowhere = nullptr;
  *nowhere = 1;
  std::abort();
}

void Stream(const json& event, Context& context) {
  json order = event;
  if (event.contains("requestContext")) order = json::parse(event.value("body", "{}"), nullptr, false);
  if (!order.is_object()) order = json::object();
  if (order.value("plain", false)) return;
  hearth::HttpHead head;
  head.status = order.value("status", 0);
  if (head.status != 0) head.headers = {{"x-streamed", context.response_streamed() ? "yes" : "no"}};
  if (head.status != 0) head.cookies = {"a=1"};
  hearth::ResponseWriter out = head.status != 0 ? context.stream(head) : context.stream("text/plain");
  const int pieces = order.value("pieces", 1);
  for (int i = 0; i < pieces; ++i) {
    if (i + 1 == pieces && order.contains("sleep_ms"))
      std::this_thread::sleep_for(std::chrono::milliseconds(order["sleep_ms"]));
    out.Write(std::string(order.value("bytes", 10), static_cast<char>('a' + i % 26)));
    out.Flush();
  }
  if (order.contains("then")) Die(order["then"]);
}

}  // namespace

HEARTH_HANDLER(Stream);
