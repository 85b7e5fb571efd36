#pragma once

#include <memory>
#include <string>

#include "runtime/store/memory_key_store.h"
#include "runtime/store/memory_queue_store.h"
#include "runtime/store/sqlite_key_store.h"
#include "runtime/store/sqlite_queue_store.h"
#include "tests/unit/runtime/store/temporary_folder.h"
#include "tests/unit/runtime/store/test_executor.h"

// The drivers that the conformance suites run against.

namespace hearth {

struct MemoryDriver {
  static constexpr bool kDurable = false;
  static std::unique_ptr<QueueStore> OpenQueues(const std::string&, TestExecutor& executor) {
    return std::make_unique<MemoryQueueStore>(executor);
  }
  static std::unique_ptr<KeyStore> OpenKeys(const std::string&, TestExecutor& executor) {
    return std::make_unique<MemoryKeyStore>(executor);
  }
};

struct SqliteDriver {
  static constexpr bool kDurable = true;
  static std::unique_ptr<QueueStore> OpenQueues(const std::string& folder, TestExecutor& executor) {
    return std::move(SqliteQueueStore::Open(folder + "/queues.db", executor, {})).value();
  }
  static std::unique_ptr<KeyStore> OpenKeys(const std::string& folder, TestExecutor& executor) {
    return std::move(SqliteKeyStore::Open(folder + "/keys.db", executor, {})).value();
  }
};

}  // namespace hearth
