#pragma once

#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace hearth {

// Messages of application/vnd.amazon.eventstream, big-endian:
//   total_bytes:u32 header_bytes:u32 crc32_of_these_eight:u32 headers payload crc32_of_all_before:u32
// a header: name_bytes:u8 name 7:u8 (a string) value_bytes:u16 value.

inline constexpr char kEventStreamContentType[] = "application/vnd.amazon.eventstream";
// Of one message; a longer piece becomes several. SDKs take up to 16 MiB.
inline constexpr size_t kEventPayloadBytesMax = 1 << 20;

using EventHeaders = std::vector<std::pair<std::string_view, std::string_view>>;

// Names have at most 255 bytes, values 65,535.
std::string EncodeEventMessage(const EventHeaders& headers, std::string_view payload);
// An event of that kind, with the headers that each has.
std::string EncodeStreamEvent(std::string_view type, std::string_view content_type, std::string_view payload);

}  // namespace hearth
