#include "runtime/store/sqlite_key_store.h"

#include <random>

#include <catch2/catch.hpp>

#include "tests/unit/runtime/store/store_drivers.h"

namespace hearth {
namespace {

using Found = std::optional<std::string>;
using Entries = std::vector<KeyStore::Entry>;

Status Apply(TestExecutor& executor, KeyStore& store, std::vector<KeyStore::Write> writes) {
  return Await<void>(executor, [&](auto done) { store.Apply(std::move(writes), done); });
}

}  // namespace

TEST_CASE("keys after a restart", "[store][key]") {
  TemporaryFolder folder;
  TestExecutor executor;
  REQUIRE(Apply(executor, *SqliteDriver::OpenKeys(folder.path(), executor), {{"a", "1"}, {"b", "2"}}).ok());
  REQUIRE(Apply(executor, *SqliteDriver::OpenKeys(folder.path(), executor), {{"a", std::nullopt}}).ok());
  const auto store = SqliteDriver::OpenKeys(folder.path(), executor);
  CHECK(Await<Found>(executor, [&](auto done) { store->Get("a", done); }).value() == std::nullopt);
  CHECK(Await<Found>(executor, [&](auto done) { store->Get("b", done); }).value() == Found("2"));
}

// Goal: no flipped byte of the file is ever served as a value, and none crashes the daemon.
TEST_CASE("key file with one byte flipped", "[store][key]") {
  TemporaryFolder folder;
  TestExecutor executor;
  std::map<std::string, std::string> written;
  {
    const auto store = SqliteDriver::OpenKeys(folder.path(), executor);
    for (int i = 0; i < 40; ++i) {
      const std::string key = "key/" + std::to_string(i);
      written[key] = std::string(50 * i, static_cast<char>('a' + i % 26));
      REQUIRE(Apply(executor, *store, {{key, written[key]}}).ok());
    }
  }
  const std::string intact = ReadFile(folder.path() + "/keys.db").value();
  std::mt19937_64 random(20'261'123);
  int refused = 0;
  for (int round = 0; round < 60; ++round) {
    TemporaryFolder copy;
    std::string damaged = intact;
    const size_t at = random() % damaged.size();
    damaged[at] = static_cast<char>(damaged[at] ^ (1 << random() % 8));
    CAPTURE(round, at);
    REQUIRE(WriteFileAtomically(copy.path() + "/keys.db", damaged).ok());
    auto opened = SqliteKeyStore::Open(copy.path() + "/keys.db", executor, {});
    if (!opened.ok()) {
      ++refused;
      continue;
    }
    const auto entries = Await<Entries>(executor, [&](auto done) { opened.value()->List("key/", done); });
    if (!entries.ok()) {
      ++refused;
      CHECK(entries.error().code == ErrorCode::kCorrupt);
      continue;
    }
    for (const auto& entry : entries.value()) CHECK(written.at(entry.key) == entry.value);
  }
  CHECK(refused > 10);
}

}  // namespace hearth
