#include <catch2/catch.hpp>

#include "tests/unit/runtime/store/store_drivers.h"

// What every driver of KeyStore does alike.

namespace hearth {
namespace {

using Found = std::optional<std::string>;

template <class Driver>
class KeyFixture {
 public:
  Status Apply(std::vector<KeyStore::Write> writes) {
    return Await<void>(executor, [&](auto done) { store->Apply(std::move(writes), done); });
  }
  Found Get(const std::string& key) {
    return Await<Found>(executor, [&](auto done) { store->Get(key, done); }).value();
  }
  std::vector<std::string> KeysOf(const std::string& prefix) {
    const auto entries =
        Await<std::vector<KeyStore::Entry>>(executor, [&](auto done) { store->List(prefix, done); }).value();
    std::vector<std::string> keys;
    for (const auto& entry : entries) keys.push_back(entry.key);
    return keys;
  }

  TemporaryFolder folder;
  TestExecutor executor;
  std::unique_ptr<KeyStore> store = Driver::OpenKeys(folder.path(), executor);
};

#define KEY_TEST(name) TEMPLATE_TEST_CASE_METHOD(KeyFixture, name, "[store][key]", MemoryDriver, SqliteDriver)
#define FIXTURE auto& k = *this

KEY_TEST("key missing, written, overwritten, deleted") {
  FIXTURE;
  CHECK(k.Get("a") == std::nullopt);
  CHECK(k.Apply({{"a", "1"}}).ok());
  CHECK(k.Get("a") == Found("1"));
  CHECK(k.Apply({{"a", std::string("2\0", 2)}}).ok());
  CHECK(k.Get("a") == Found(std::string("2\0", 2)));
  CHECK(k.Apply({{"a", std::nullopt}, {"never was", std::nullopt}}).ok());
  CHECK(k.Get("a") == std::nullopt);
  CHECK(k.Apply({{"empty", ""}}).ok());
  CHECK(k.Get("empty") == Found(""));
}

KEY_TEST("list by prefix, in order of bytes") {
  FIXTURE;
  CHECK(k.Apply({{"b", ""}, {"a/2", ""}, {"a/10", ""}, {"a", ""}, {"a\xff", ""}, {"A", ""}, {"\xff", ""}})
            .ok());
  CHECK(k.KeysOf("a/") == std::vector<std::string>{"a/10", "a/2"});
  CHECK(k.KeysOf("a") == std::vector<std::string>{"a", "a/10", "a/2", "a\xff"});
  CHECK(k.KeysOf("\xff") == std::vector<std::string>{"\xff"});
  CHECK(k.KeysOf("").size() == 7);
  CHECK(k.KeysOf("none").empty());
}

KEY_TEST("writes are all or none") {
  FIXTURE;
  CHECK(k.Apply({{"a", "1"}, {"", "2"}}).error().code == ErrorCode::kInvalidArgument);
  CHECK(k.Get("a") == std::nullopt);
}

KEY_TEST("key and value at the limit and past it") {
  FIXTURE;
  CHECK(k.Apply({{std::string(kKeyBytesMax, 'k'), std::string(kValueBytesMax, 'v')}}).ok());
  CHECK(k.Get(std::string(kKeyBytesMax, 'k'))->size() == kValueBytesMax);
  CHECK(k.Apply({{std::string(kKeyBytesMax + 1, 'k'), ""}}).error().code == ErrorCode::kTooLarge);
  CHECK(k.Apply({{"k", std::string(kValueBytesMax + 1, 'v')}}).error().code == ErrorCode::kTooLarge);
}

KEY_TEST("read submitted after a write sees it") {
  FIXTURE;
  Found seen;
  bool answered = false;
  k.store->Apply({{"a", "1"}}, [](Status) {});
  k.store->Get("a", [&](Result<Found> found) {
    seen = found.value();
    answered = true;
  });
  k.executor.RunUntil([&] { return answered; });
  CHECK(seen == Found("1"));
}

}  // namespace

TEST_CASE("memory stores fail when told to", "[store]") {
  TestExecutor executor;
  MemoryKeyStore keys(executor);
  keys.FailNext({ErrorCode::kUnavailable, "disk full"});
  const auto apply = [&] {
    return Await<void>(executor, [&](auto done) { keys.Apply({{"a", "1"}}, done); });
  };
  CHECK(apply().error().code == ErrorCode::kUnavailable);
  CHECK(Await<Found>(executor, [&](auto done) { keys.Get("a", done); }).value() == std::nullopt);
  CHECK(apply().ok());

  MemoryQueueStore queues(executor);
  queues.FailNext({ErrorCode::kIo, "disk gone"});
  const auto create = [&] {
    return Await<void>(executor, [&](auto done) { queues.Create("orders", {}, done); });
  };
  CHECK(create().error().code == ErrorCode::kIo);
  CHECK(create().ok());
}

}  // namespace hearth
