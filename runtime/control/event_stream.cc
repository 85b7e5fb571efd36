#include "runtime/control/event_stream.h"

#include <cstdint>

#include "runtime/base/check.h"
#include "runtime/base/digest.h"

namespace hearth {
namespace {

constexpr char kString = 7;
constexpr size_t kPreludeBytes = 12, kCrcBytes = 4;
constexpr size_t kNameBytesMax = 255, kValueBytesMax = 65'535;

void AppendU32(std::string& out, uint32_t number) {
  for (int shift = 24; shift >= 0; shift -= 8) out += static_cast<char>((number >> shift) & 0xff);
}

std::string EncodeHeaders(const EventHeaders& headers) {
  std::string out;
  for (const auto& [name, value] : headers) {
    CHECK_TRUE(name.size() <= kNameBytesMax && value.size() <= kValueBytesMax);
    out += static_cast<char>(name.size());
    out += name;
    out += kString;
    out += static_cast<char>(value.size() >> 8);
    out += static_cast<char>(value.size() & 0xff);
    out += value;
  }
  return out;
}

}  // namespace

std::string EncodeEventMessage(const EventHeaders& headers, std::string_view payload) {
  const std::string encoded = EncodeHeaders(headers);
  std::string message;
  const size_t total = kPreludeBytes + encoded.size() + payload.size() + kCrcBytes;
  message.reserve(total);
  AppendU32(message, static_cast<uint32_t>(total));
  AppendU32(message, static_cast<uint32_t>(encoded.size()));
  AppendU32(message, Crc32(message));
  message += encoded;
  message += payload;
  AppendU32(message, Crc32(message));
  return message;
}

std::string EncodeStreamEvent(std::string_view type, std::string_view content_type,
                              std::string_view payload) {
  return EncodeEventMessage(
      {{":message-type", "event"}, {":event-type", type}, {":content-type", content_type}}, payload);
}

}  // namespace hearth
