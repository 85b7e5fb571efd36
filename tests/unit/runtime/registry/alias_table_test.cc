#include "runtime/registry/alias_table.h"

#include <catch2/catch.hpp>

#include "runtime/loop/manual_executor.h"
#include "runtime/store/memory_key_store.h"

namespace hearth {
namespace {

class AliasFixture {
 protected:
  AliasFixture() { Restart(); }
  void Restart() {
    table_.emplace(keys_, random_);
    table_->Load([](const Status& loaded) { REQUIRE(loaded.ok()); });
    executor_.RunPosted();
  }
  template <class Call>
  Result<FunctionAlias> Reply(Call call) {
    std::optional<Result<FunctionAlias>> result;
    call([&](const Result<FunctionAlias>& alias) { result = alias; });
    executor_.RunPosted();
    return *result;
  }
  Result<FunctionAlias> Create(const std::string& name, const std::string& version) {
    FunctionAlias alias;
    alias.name = name;
    alias.version = version;
    return Reply([&](auto reply) { table_->Create("resize", alias, std::move(reply)); });
  }
  Result<FunctionAlias> Point(const std::string& name, const std::string& version,
                              const std::optional<std::string>& revision = std::nullopt) {
    const auto change = [&](FunctionAlias& alias) {
      alias.version = version;
      return Ok();
    };
    return Reply([&](auto reply) { table_->Update("resize", name, revision, change, std::move(reply)); });
  }

  ManualExecutor executor_;
  MemoryKeyStore keys_{executor_};
  SeededRandom random_{1};
  std::optional<AliasTable> table_;
};

TEST_CASE_METHOD(AliasFixture, "made, pointed elsewhere, found after a restart, with the version before",
                 "[registry]") {
  const auto made = Create("live", "1");
  REQUIRE(made.ok());
  const auto moved = Point("live", "2");
  REQUIRE(moved.ok());
  CHECK(moved->revision_id != made->revision_id);
  Restart();
  REQUIRE(table_->Find("resize", "live") != nullptr);
  CHECK(*table_->Find("resize", "live") == *moved);
  CHECK(moved->previous_version == "1");
  CHECK(table_->List("resize").size() == 1);
  CHECK(table_->Find("other", "live") == nullptr);
}

TEST_CASE_METHOD(AliasFixture, "an old revision, a name that is taken, and one that is not there are refused",
                 "[registry]") {
  const auto made = Create("live", "1");
  CHECK(Create("live", "2").error().code == ErrorCode::kAlreadyExists);
  REQUIRE(Point("live", "2", made->revision_id).ok());
  CHECK(Point("live", "3", made->revision_id).error().code == ErrorCode::kPrecondition);
  CHECK(Point("gone", "3").error().code == ErrorCode::kNotFound);
  CHECK(table_->Find("resize", "live")->version == "2");
}

TEST_CASE_METHOD(AliasFixture, "two changes of one alias at once: one is refused", "[registry]") {
  REQUIRE(Create("live", "1").ok());
  std::vector<bool> ok;
  for (const char* version : {"2", "3"}) {
    table_->Update(
        "resize", "live", std::nullopt,
        [version](FunctionAlias& alias) {
          alias.version = version;
          return Ok();
        },
        [&](const Result<FunctionAlias>& done) { ok.push_back(done.ok()); });
  }
  CHECK(table_->Uses("resize", "2"));  // it is on its way
  executor_.RunPosted();
  CHECK(ok == std::vector<bool>{false, true});
  CHECK(table_->Find("resize", "live")->version == "2");
}

TEST_CASE_METHOD(AliasFixture, "no alias changes before it is durable", "[registry]") {
  REQUIRE(Create("live", "1").ok());
  keys_.FailNext({ErrorCode::kUnavailable, "disk full"});
  CHECK_FALSE(Point("live", "2").ok());
  CHECK(table_->Find("resize", "live")->version == "1");
  CHECK_FALSE(table_->Uses("resize", "2"));
  REQUIRE(Point("live", "2").ok());
}

TEST_CASE_METHOD(AliasFixture, "removed, and forgotten with its function", "[registry]") {
  REQUIRE(Create("live", "1").ok());
  REQUIRE(Create("next", "1").ok());
  Status removed;
  table_->Remove("resize", "live", [&](const Status& status) { removed = status; });
  executor_.RunPosted();
  REQUIRE(removed.ok());
  CHECK(table_->List("resize").size() == 1);
  table_->Forget("resize");
  executor_.RunPosted();
  Restart();
  CHECK(table_->List("resize").empty());
  CHECK_FALSE(table_->Uses("resize", "1"));
}

}  // namespace
}  // namespace hearth
