#pragma once

#include <memory>
#include <string>
#include <vector>

#include <catch2/catch.hpp>

#include "tests/unit/runtime/store/queue_fixture.h"
#include "tests/unit/runtime/store/store_drivers.h"

// For the conformance suite of QueueStore: a test for each driver. A new driver is one more name in
// QUEUE_TEST.

namespace hearth {

template <class Driver>
class QueueFixture : public QueueCaller {
 public:
  QueueFixture() { Use(*store, executor); }

  TemporaryFolder folder;
  TestExecutor executor;
  std::unique_ptr<QueueStore> store = Driver::OpenQueues(folder.path(), executor);
};

#define QUEUE_TEST(name) \
  TEMPLATE_TEST_CASE_METHOD(QueueFixture, name, "[store][queue]", MemoryDriver, SqliteDriver)
// In a class template the base's members need a name to be found.
#define FIXTURE auto& q = *this

}  // namespace hearth
