#pragma once

#include "runtime/store/message_table.h"

namespace hearth {

// A visible message as read, with its body's row. For message_*.cc.
struct MessageTable::Row {
  int64_t id = 0;
  int64_t enqueued_us = 0;
  int64_t generation = 0;
  int64_t receives = 0;
  std::string message_id;
  int64_t sent_us = 0;
  int64_t first_received_us = 0;
  std::string source;
  int64_t body = 0;
  std::string content;
  std::string attributes;
  std::string file;  // "": the body is `content`
  uint64_t bytes = 0;
  int64_t crc = 0;
};

struct MessageTable::Lease {
  int64_t receives = 0;
  int64_t first_received_us = 0;
  int64_t ends_us = 0;  // however often it is prolonged; 0: no end
};

}  // namespace hearth
