#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "runtime/base/result.h"

namespace hearth {

// What a receive gives out and a delete takes back: names one lease of one message of one queue, with no
// state of its own, so it is good in any process that opens the store. As text: 40 hexadecimal digits,
//   message number (8 bytes, big-endian) | generation (8) | CRC-32 (4) of both and the queue's number.
// A caller has no business inside; the check only tells a mistake from a handle, it is no signature.
struct ReceiptHandle {
  int64_t message = 0;     // row of the message; never used twice
  int64_t generation = 0;  // counts its receives, never goes back

  std::string Encode(int64_t queue) const;
  // kInvalidArgument for what Encode(queue) did not make.
  static Result<ReceiptHandle> Decode(std::string_view text, int64_t queue);
};

}  // namespace hearth
