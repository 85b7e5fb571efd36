#pragma once

#include "runtime/base/units.h"

namespace hearth::http {

// What one server lets clients do. What is over a limit is answered with the status at its right, then
// closed.
struct Limits {
  Bytes target_max = 8_KiB;  // 414. The request target alone; browsers and proxies stop near here too
  Bytes head_max = 64_KiB;   // 431. Request line and headers with their line ends
  size_t headers_max = 256;  // 431
  Bytes body_max = 6_MiB;    // 413. Lambda's synchronous payload; a route may have its own

  std::chrono::milliseconds head_timeout{
      10'000};  // 408. From the first byte of a request to the end of its headers
  std::chrono::milliseconds body_timeout{30'000};  // 408. Without a byte of the body
  std::chrono::milliseconds idle_timeout{
      75'000};  // closed without a word. Between two requests; nginx's default
  std::chrono::milliseconds send_timeout{
      60'000};  // closed without a word. The client takes nothing of its answer

  size_t connections_max = 10'000;  // 503
  // Requests of one connection that are handled at once; more are not read until one is answered. Answers
  // keep their order.
  size_t pipeline_max = 16;
  // While a connection's handlers hold more bytes of request bodies, or the client has left more bytes of
  // answers untaken, its next request is not read.
  Bytes bodies_in_flight_max = 1_MiB;
  Bytes unsent_max = 1_MiB;
};

}  // namespace hearth::http
