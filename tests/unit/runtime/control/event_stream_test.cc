#include "runtime/control/event_stream.h"

#include <catch2/catch.hpp>

#include "runtime/base/digest.h"

namespace hearth {
namespace {

uint32_t U32At(const std::string& bytes, size_t at) {
  uint32_t number = 0;
  for (size_t i = 0; i < 4; ++i) number = number << 8 | static_cast<unsigned char>(bytes.at(at + i));
  return number;
}

TEST_CASE("the example of the format: one header, a payload, both sums", "[control][eventstream]") {
  const std::string message = EncodeEventMessage({{"event-type", "x"}}, "{}");
  const std::string headers(
      "\x0a"
      "event-type"
      "\x07"
      "\x00\x01"
      "x",
      15);
  REQUIRE(message.size() == 12 + headers.size() + 2 + 4);
  CHECK(U32At(message, 0) == message.size());
  CHECK(U32At(message, 4) == headers.size());
  CHECK(U32At(message, 8) == Crc32(message.substr(0, 8)));
  CHECK(message.substr(12, headers.size()) == headers);
  CHECK(message.substr(12 + headers.size(), 2) == "{}");
  CHECK(U32At(message, message.size() - 4) == Crc32(message.substr(0, message.size() - 4)));
}

TEST_CASE("a message without headers and payload is sixteen bytes", "[control][eventstream]") {
  const std::string message = EncodeEventMessage({}, "");
  REQUIRE(message.size() == 16);
  // As AWS's SDKs have it in their tests: the empty message.
  CHECK(ToHex(message) == "000000100000000005c248eb7d98c8ff");
}

TEST_CASE("an event has three headers", "[control][eventstream]") {
  const std::string message = EncodeStreamEvent("PayloadChunk", "application/octet-stream", "abc");
  for (const char* word : {":message-type", "event", ":event-type", "PayloadChunk", ":content-type",
                           "application/octet-stream", "abc"})
    CHECK(message.find(word) != std::string::npos);
}

}  // namespace
}  // namespace hearth
