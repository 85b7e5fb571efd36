#pragma once

#include "runtime/store/sqlite_database.h"

namespace hearth {

// The tables of queues.db. *_us is microseconds; those of deadlines count on the LeaseClock, those of dates
// since 1970.
//
//   queue    a queue, its settings, and how many messages it has in each state: kept by the writer, so that
//   statistics cost
//            the same with ten messages and ten million
//   heap     the messages of one queue since its last purge: a purge gives the queue a new heap and lets the
//   old one be
//            deleted in small steps, since ten million deletes in one transaction would stop every other
//            queue
//   message  what changes at each receive, small; `id` is the order, `generation` counts receives and never
//   goes back body     what never changes: rewriting 64 KiB to change a count would be waste sent idempotency
//   keys of the last five minutes clock    one row: the latest lease time that a deadline was counted from
enum class MessageState : int64_t { kReady = 0, kDelayed = 1, kInFlight = 2 };

inline const SqliteSchema& QueueSchema() {
  static const SqliteSchema schema{0x48515545,  // "HQUE"
                                   {R"(
CREATE TABLE clock(id INTEGER PRIMARY KEY CHECK(id=0), now_us INTEGER NOT NULL);
INSERT INTO clock VALUES(0,0);
CREATE TABLE heap(id INTEGER PRIMARY KEY AUTOINCREMENT, abandoned INTEGER NOT NULL DEFAULT 0);
CREATE INDEX heap_abandoned ON heap(id) WHERE abandoned<>0;
CREATE TABLE queue(
  id INTEGER PRIMARY KEY AUTOINCREMENT,
  name TEXT NOT NULL UNIQUE,
  heap INTEGER NOT NULL UNIQUE,
  visibility_s INTEGER NOT NULL, delay_s INTEGER NOT NULL, retention_s INTEGER NOT NULL,
  receive_wait_s INTEGER NOT NULL, message_bytes_max INTEGER NOT NULL,
  receives_max INTEGER NOT NULL, dead_letter_queue TEXT NOT NULL,
  created_us INTEGER NOT NULL, modified_us INTEGER NOT NULL,
  ready INTEGER NOT NULL DEFAULT 0, delayed INTEGER NOT NULL DEFAULT 0, in_flight INTEGER NOT NULL DEFAULT 0);
CREATE TABLE message(
  id INTEGER PRIMARY KEY AUTOINCREMENT,
  heap INTEGER NOT NULL,
  state INTEGER NOT NULL,
  due_us INTEGER NOT NULL,
  enqueued_us INTEGER NOT NULL,
  generation INTEGER NOT NULL,
  receives INTEGER NOT NULL,
  message_id TEXT NOT NULL,
  sent_us INTEGER NOT NULL,
  first_received_us INTEGER NOT NULL,
  source TEXT NOT NULL,
  body INTEGER NOT NULL);
CREATE INDEX message_order ON message(heap,state);
CREATE INDEX message_due ON message(due_us) WHERE state<>0;
CREATE TABLE body(
  id INTEGER PRIMARY KEY,
  content BLOB NOT NULL,
  attributes BLOB NOT NULL,
  file TEXT,
  bytes INTEGER NOT NULL,
  crc INTEGER NOT NULL);
CREATE INDEX body_file ON body(file) WHERE file IS NOT NULL;
CREATE TABLE sent(
  queue INTEGER NOT NULL, key BLOB NOT NULL, message_id TEXT NOT NULL, until_us INTEGER NOT NULL,
  PRIMARY KEY(queue,key)) WITHOUT ROWID;
CREATE INDEX sent_until ON sent(until_us))",
                                    R"(
ALTER TABLE queue ADD COLUMN tags BLOB NOT NULL DEFAULT x'';
ALTER TABLE queue ADD COLUMN redrive_permission INTEGER NOT NULL DEFAULT 0;
ALTER TABLE queue ADD COLUMN redrive_sources BLOB NOT NULL DEFAULT x'';
ALTER TABLE message ADD COLUMN lease_ends_us INTEGER NOT NULL DEFAULT 0)"}};
  return schema;
}

}  // namespace hearth
