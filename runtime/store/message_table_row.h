#pragma once

#include <cstdint>
#include <string>

#include "runtime/store/sqlite_database.h"

namespace hearth {

// A message as read, with what its delivery row says. For message_*.cc.
struct MessageRow {
  int64_t id = 0;
  int64_t sent_us = 0;
  int64_t enqueued_us = 0;
  int64_t crc = 0;
  bool in_file = false;
  uint64_t bytes = 0;  // of the body
  std::string message_id;
  std::string source;
  int64_t member_of = 0;  // group; 0: none
  std::string group_id;
  std::string deduplication_id;
  std::string attributes;
  std::string body;
  // Of its delivery.
  bool fresh = true;  // it has none
  int64_t state = 0;
  int64_t generation = 0;
  int64_t receives = 0;
  int64_t first_received_us = 0;
  int64_t due_us = 0;
  int64_t ends_us = 0;
};

// For SELECTs that MessageRowOf() reads: a message m, its delivery d (which may be missing).
#define HEARTH_MESSAGE_COLUMNS                                                                    \
  "m.id,m.sent_us,m.enqueued_us,m.crc,m.file_bytes,m.message_id,m.source,m.member_of,m.group_id," \
  "m.deduplication_id,m.attributes,m.body"
#define HEARTH_DELIVERY_COLUMNS "d.state,d.generation,d.receives,d.first_received_us,d.due_us,d.ends_us"

enum class WithDelivery { kNo, kYes };
MessageRow MessageRowOf(const SqliteStatement& row, WithDelivery with_delivery);

}  // namespace hearth
