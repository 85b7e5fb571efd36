#include "triggers/queue/concurrency_window.h"

#include <catch2/catch.hpp>

namespace hearth {
namespace {

// A round: every batch that may run does.
void RunRound(ConcurrencyWindow& window) {
  const size_t batches = window.allowed();
  for (size_t i = 0; i < batches; ++i) window.OnRan(window.allowed());
}

TEST_CASE("begins small and doubles each round while nothing is throttled", "[queue]") {
  ConcurrencyWindow window(100);
  CHECK(window.allowed() == ConcurrencyWindow::kFirst);
  RunRound(window);
  CHECK(window.allowed() == 10);
  RunRound(window);
  CHECK(window.allowed() == 20);
  for (int i = 0; i < 10; ++i) RunRound(window);
  CHECK(window.allowed() == 100);
}

TEST_CASE("a throttle halves it, and after that it grows by one a round", "[queue]") {
  ConcurrencyWindow window(100);
  RunRound(window);
  RunRound(window);
  window.OnThrottled(window.epoch());
  CHECK(window.allowed() == 10);
  RunRound(window);
  CHECK(window.allowed() <= 11);
  for (int i = 0; i < 5; ++i) RunRound(window);
  CHECK(window.allowed() > 13);
  CHECK(window.allowed() < 20);
}

TEST_CASE("batches that began together halve it once", "[queue]") {
  ConcurrencyWindow window(16);
  RunRound(window);
  REQUIRE(window.allowed() == 10);
  const uint64_t epoch = window.epoch();
  for (int i = 0; i < 10; ++i) window.OnThrottled(epoch);
  CHECK(window.allowed() == 5);
  window.OnThrottled(window.epoch());
  CHECK(window.allowed() == 2);
}

TEST_CASE("never below one: the probe", "[queue]") {
  ConcurrencyWindow window(2);
  for (int i = 0; i < 5; ++i) window.OnThrottled(window.epoch());
  CHECK(window.allowed() == 1);
  window.OnRan(1);
  CHECK(window.allowed() == 2);
}

TEST_CASE("a window that was not full does not grow", "[queue]") {
  ConcurrencyWindow window(100);
  for (int i = 0; i < 50; ++i) window.OnRan(1);
  CHECK(window.allowed() == ConcurrencyWindow::kFirst);
}

TEST_CASE("another maximum holds at once", "[queue]") {
  ConcurrencyWindow window(100);
  window.SetMost(3);
  CHECK(window.allowed() == 3);
  window.SetMost(1'000);
  CHECK(window.allowed() == 3);
  for (int i = 0; i < 20; ++i) RunRound(window);
  CHECK(window.allowed() == 1'000);
}

}  // namespace
}  // namespace hearth
