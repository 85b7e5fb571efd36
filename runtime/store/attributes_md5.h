#pragma once

#include <map>
#include <string>

#include "runtime/store/queue_store.h"

namespace hearth {

// SQS's MD5OfMessageAttributes, which SDKs compare and refuse a message over: of each attribute by name, the
// lengths (4 bytes, big endian) and bytes of name and type, one byte for the kind of value (1 text, 2
// binary), length and bytes of the value.
std::string Md5OfAttributes(const std::map<std::string, MessageAttribute>& attributes);

}  // namespace hearth
