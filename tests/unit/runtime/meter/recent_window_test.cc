#include "runtime/meter/recent_window.h"

#include <deque>
#include <map>
#include <random>

#include <catch2/catch.hpp>

namespace hearth {
namespace {

// Collides as much as it can: every probe has to walk.
struct BadHash {
  uint64_t operator()(uint64_t key) const { return key % 3; }
};
struct GoodHash {
  uint64_t operator()(uint64_t key) const { return key; }
};

// The same by standard containers.
class Model final {
 public:
  explicit Model(size_t capacity) : capacity_(capacity) {}
  void Put(uint64_t key, int value) {
    if (!values_.try_emplace(key, value).second) return;
    order_.push_back(key);
    if (order_.size() <= capacity_) return;
    values_.erase(order_.front());
    order_.pop_front();
  }
  const int* Find(uint64_t key) const {
    const auto found = values_.find(key);
    return found == values_.end() ? nullptr : &found->second;
  }

 private:
  const size_t capacity_;
  std::map<uint64_t, int> values_;
  std::deque<uint64_t> order_;
};

}  // namespace

TEST_CASE("window holds its capacity and not one more", "[meter]") {
  RecentWindow<uint64_t, int, GoodHash> window(2);
  window.Put(1, 10);
  window.Put(2, 20);
  window.Put(1, 99);  // there already
  CHECK(*window.Find(1) == 10);
  window.Put(3, 30);
  CHECK(window.Find(1) == nullptr);
  CHECK(*window.Find(2) == 20);
  CHECK(*window.Find(3) == 30);
  CHECK(window.size() == 2);
}

TEMPLATE_TEST_CASE("window does what a map and a queue do", "[meter]", GoodHash, BadHash) {
  const uint64_t seed = std::random_device()();
  INFO("seed " << seed);
  std::mt19937_64 random(seed);
  for (const size_t capacity : {1, 7, 64}) {
    RecentWindow<uint64_t, int, TestType> window(capacity);
    Model model(capacity);
    for (int i = 0; i < 5'000; ++i) {
      const uint64_t key = random() % (3 * capacity);
      window.Put(key, i);
      model.Put(key, i);
      const uint64_t asked = random() % (3 * capacity);
      const int* const found = window.Find(asked);
      const int* const expected = model.Find(asked);
      REQUIRE((found == nullptr) == (expected == nullptr));
      if (found) REQUIRE(*found == *expected);
    }
  }
}

}  // namespace hearth
