#pragma once

#include "runtime/store/sqlite_database.h"

namespace hearth {

// The tables of queues.db. *_us is microseconds; those of deadlines count on the LeaseClock, those of dates
// since 1970. A sent message of a standard queue is one row at the end of one B-tree; all the rest is made
// when something happens to it.
//
//   state     one row: the latest lease time that a deadline was counted from; the sequence up to which numbers
//             may have been given; the key of the message ids
//   queue     a queue, its settings, and how many messages it has in each state: kept by the writer, so that
//             figures cost the same with ten messages and ten million. `fresh_from`: no message of lane 0 with
//             this sequence or a later one has ever been received
//   heap      the messages of one queue since its last purge: a purge gives the queue a new heap and lets the
//             old one be deleted in small steps, since ten million deletes in one transaction would stop every
//             other queue
//   message   what was sent; never changes. Its id is a MessageKey. `message_id` only if it has moved (else the
//             id says it), `file_bytes` only if the body is a file, `member_of` only in a FIFO queue
//   delivery  what changes: of each message that is, or was, delayed or received. `generation` counts receives
//             and never goes back; `ends_us` is the latest time its lease may run to (0: no bound)
//   message_group  a group of a FIFO queue that has messages: its first message, and how many are in flight
//   sent      idempotency and deduplication of the last five minutes
//   attempt   what receives with an attempt id gave, of the last five minutes
//   move_task messages on their way from a dead-letter queue
enum class MessageState : int64_t { kReadyInGroup = -1, kReady = 0, kDelayed = 1, kInFlight = 2 };
enum class GroupState : int64_t { kReady = 0, kBlocked = 1, kDelayed = 2 };
enum class SentScope : int64_t { kIdempotency = 0, kQueue = 1, kMessageGroup = 2 };

// The file's versions. 1: standard queues, one row a message for what changes and one for what does not.
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
ALTER TABLE heap RENAME TO old_heap;
ALTER TABLE queue RENAME TO old_queue;
ALTER TABLE message RENAME TO old_message;
ALTER TABLE body RENAME TO old_body;
ALTER TABLE sent RENAME TO old_sent;
DROP INDEX heap_abandoned;
DROP INDEX message_order;
DROP INDEX message_due;
DROP INDEX body_file;
DROP INDEX sent_until;
CREATE TABLE state(
  id INTEGER PRIMARY KEY CHECK(id=0),
  now_us INTEGER NOT NULL, next_sequence INTEGER NOT NULL, id_key INTEGER NOT NULL);
INSERT INTO state SELECT 0,now_us,
  1+coalesce((SELECT seq FROM sqlite_sequence WHERE name='old_message'),0),random() FROM clock;
CREATE TABLE heap(id INTEGER PRIMARY KEY, abandoned INTEGER NOT NULL DEFAULT 0);
INSERT INTO heap SELECT id,abandoned FROM old_heap;
CREATE INDEX heap_abandoned ON heap(id) WHERE abandoned<>0;
CREATE TABLE queue(
  id INTEGER PRIMARY KEY AUTOINCREMENT,
  name TEXT NOT NULL UNIQUE,
  heap INTEGER NOT NULL UNIQUE,
  kind INTEGER NOT NULL,
  visibility_s INTEGER NOT NULL, delay_s INTEGER NOT NULL, retention_s INTEGER NOT NULL,
  receive_wait_s INTEGER NOT NULL, message_bytes_max INTEGER NOT NULL,
  receives_max INTEGER NOT NULL, dead_letter_queue TEXT NOT NULL,
  redrive_permission INTEGER NOT NULL, redrive_sources BLOB NOT NULL,
  content_based_deduplication INTEGER NOT NULL, deduplication_scope INTEGER NOT NULL,
  tags BLOB NOT NULL,
  created_us INTEGER NOT NULL, modified_us INTEGER NOT NULL,
  ready INTEGER NOT NULL DEFAULT 0, delayed INTEGER NOT NULL DEFAULT 0, in_flight INTEGER NOT NULL DEFAULT 0,
  again INTEGER NOT NULL DEFAULT 0, fresh_from INTEGER NOT NULL DEFAULT 0);
INSERT INTO queue SELECT id,name,heap,0,visibility_s,delay_s,retention_s,receive_wait_s,message_bytes_max,
  receives_max,dead_letter_queue,0,x'',0,0,x'',created_us,modified_us,ready,delayed,in_flight,ready,
  (SELECT next_sequence FROM state) FROM old_queue;
UPDATE sqlite_sequence SET seq=(SELECT seq FROM sqlite_sequence WHERE name='old_queue') WHERE name='queue';
CREATE TABLE message(
  id INTEGER PRIMARY KEY,
  sent_us INTEGER NOT NULL,
  enqueued_us INTEGER NOT NULL,
  crc INTEGER NOT NULL,
  file_bytes INTEGER,
  message_id TEXT,
  source TEXT,
  member_of INTEGER,
  group_id TEXT,
  deduplication_id TEXT,
  attributes BLOB,
  body BLOB NOT NULL);
CREATE INDEX message_moved ON message(message_id) WHERE message_id IS NOT NULL;
CREATE INDEX message_member ON message(member_of) WHERE member_of IS NOT NULL;
CREATE TABLE delivery(
  id INTEGER PRIMARY KEY,
  state INTEGER NOT NULL,
  due_us INTEGER NOT NULL,
  generation INTEGER NOT NULL,
  receives INTEGER NOT NULL,
  first_received_us INTEGER NOT NULL,
  ends_us INTEGER NOT NULL);
CREATE INDEX delivery_ready ON delivery(state) WHERE state=0;
CREATE INDEX delivery_due ON delivery(due_us) WHERE state>0;
INSERT INTO message SELECT m.heap<<45|m.id,m.sent_us,m.enqueued_us,coalesce(b.crc,-1),
  CASE WHEN b.file IS NULL THEN NULL ELSE b.bytes END,m.message_id,nullif(m.source,''),NULL,NULL,NULL,
  nullif(b.attributes,x''),coalesce(b.content,x'')
  FROM old_message m LEFT JOIN old_body b ON b.id=m.body ORDER BY 1;
INSERT INTO delivery SELECT heap<<45|id,state,due_us,generation,receives,first_received_us,0
  FROM old_message ORDER BY 1;
CREATE TABLE message_group(
  id INTEGER PRIMARY KEY,
  heap INTEGER NOT NULL, name TEXT NOT NULL,
  state INTEGER NOT NULL, head INTEGER NOT NULL, in_flight INTEGER NOT NULL,
  UNIQUE(heap,name));
CREATE INDEX message_group_ready ON message_group(heap,head) WHERE state=0;
CREATE TABLE sent(
  queue INTEGER NOT NULL, scope INTEGER NOT NULL, key BLOB NOT NULL,
  row INTEGER NOT NULL, message_id TEXT, until_us INTEGER NOT NULL,
  PRIMARY KEY(queue,scope,key)) WITHOUT ROWID;
CREATE INDEX sent_until ON sent(until_us);
INSERT INTO sent SELECT queue,0,key,0,message_id,until_us FROM old_sent;
CREATE TABLE attempt(
  queue INTEGER NOT NULL, attempt_id BLOB NOT NULL, until_us INTEGER NOT NULL, leases BLOB NOT NULL,
  PRIMARY KEY(queue,attempt_id)) WITHOUT ROWID;
CREATE INDEX attempt_until ON attempt(until_us);
CREATE TABLE move_task(
  number INTEGER PRIMARY KEY AUTOINCREMENT,
  handle TEXT NOT NULL UNIQUE,
  source TEXT NOT NULL, destination TEXT NOT NULL, per_second_max INTEGER NOT NULL,
  state INTEGER NOT NULL, moved INTEGER NOT NULL, to_move INTEGER NOT NULL, failure TEXT NOT NULL,
  started_us INTEGER NOT NULL, until_sequence INTEGER NOT NULL);
CREATE INDEX move_task_source ON move_task(source);
CREATE INDEX move_task_running ON move_task(state) WHERE state=0;
DROP TABLE old_message;
DROP TABLE old_body;
DROP TABLE old_queue;
DROP TABLE old_heap;
DROP TABLE old_sent;
DROP TABLE clock)"}};
  return schema;
}

}  // namespace hearth
