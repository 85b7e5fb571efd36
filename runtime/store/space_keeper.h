#pragma once

#include <cstdint>

#include "runtime/store/sqlite_database.h"

namespace hearth {

// Gives back what a backlog took, in bounded steps between the groups: the write-ahead log goes into the file
// when it has grown or nothing else is to do, free pages are cut off the file when it is idle, and also under
// load when most of the file is free. Deleting a message frees its pages for the next ones; that alone would
// leave the file at its largest for ever.
//
// Owned by the queue store; borrows the database. Thread: the writer thread, outside transactions.
// Failure: none that matters: what could not be done now is done later.
class SpaceKeeper final {
 public:
  explicit SpaceKeeper(SqliteDatabase& database) : database_(database) {}

  // After each group, when its callers have their answers.
  void AfterGroup();
  // A step of what is left to do. True: there is more.
  bool WhenIdle();

 private:
  int64_t Count(std::string_view pragma);

  SqliteDatabase& database_;
  uint32_t groups_ = 0;
  bool mostly_free_ = false;
};

}  // namespace hearth
