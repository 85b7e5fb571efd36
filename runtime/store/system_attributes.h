#pragma once

#include <cstdint>
#include <string>

namespace hearth {

// SQS's one system attribute that a sender may set, AWSTraceHeader, is kept among a message's attributes
// under a name that no sender can use: "AWS." is reserved. Edges show it as a system attribute.
inline constexpr const char* kTraceHeaderAttribute = "AWS.TraceHeader";

// As SQS writes it: 20 digits, so that it sorts as text too; "" for 0, which is no sequence number.
inline std::string SequenceText(uint64_t number) {
  if (number == 0) return "";
  std::string digits = std::to_string(number);
  return std::string(20 - digits.size(), '0') + digits;
}

}  // namespace hearth
