#pragma once

#include <map>
#include <string>
#include <string_view>

#include "runtime/base/result.h"
#include "runtime/store/queue_store.h"

namespace hearth {

using MessageAttributes = std::map<std::string, MessageAttribute>;

// Attributes as stored: for each, name, type and value, each as a 4-byte little-endian length and the bytes.
std::string EncodeAttributes(const MessageAttributes& attributes);
Result<MessageAttributes> DecodeAttributes(std::string_view bytes);  // kCorrupt

}  // namespace hearth
