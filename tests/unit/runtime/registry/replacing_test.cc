#include "runtime/registry/function_registry.h"
#include "tests/unit/runtime/registry/registry_fixture.h"

namespace hearth {
namespace {

// Says when, and whether, a version may take the place of another.
struct Warmer final : RegistryObserver {
  void OnReplacing(const FunctionVersionPtr& serving, const FunctionVersionPtr& next,
                   std::function<void(Status)> ready) override {
    told.push_back("warm " + next->version + " for " + serving->version);
    pending = std::move(ready);
    if (!held) std::exchange(pending, nullptr)(verdict);
  }
  void OnNotReplaced(const FunctionVersionPtr& next) override { told.push_back("forget " + next->version); }
  void OnReplaced(const FunctionVersionPtr&, const FunctionVersionPtr& next) override {
    told.push_back(next ? "replaced" : "gone");
  }
  std::vector<std::string> Told() { return std::exchange(told, {}); }
  bool held = false;
  Status verdict;
  std::function<void(Status)> pending;
  std::vector<std::string> told;
};

class ReplacingFixture : public CodeFixture {
 protected:
  ReplacingFixture() {
    registry_.emplace(FunctionRegistry::Options{}, keys_, *code_, checker_, executor_.clock(), random_);
    registry_->SetObserver(&warmer_);
  }
  ~ReplacingFixture() { registry_.reset(); }
  template <class T, class Call>
  Result<T> Wait(Call call) {
    std::optional<Result<T>> result;
    call([&](Result<T> value) { result.emplace(std::move(value)); });
    executor_.RunUntil([&] { return result.has_value(); });
    return *result;
  }
  Result<FunctionVersionPtr> Create(const std::string& code) {
    FunctionSettings settings;
    settings.handler = "lib.so";
    return Wait<FunctionVersionPtr>(
        [&](auto reply) { registry_->Create("resize", settings, ZipOf(code), std::move(reply)); });
  }
  Result<FunctionVersionPtr> Update(const std::string& code) {
    return Wait<FunctionVersionPtr>(
        [&](auto reply) { registry_->UpdateCode("resize", ZipOf(code), nullptr, {}, std::move(reply)); });
  }
  Result<FunctionVersionPtr> Publish() {
    return Wait<FunctionVersionPtr>(
        [&](auto reply) { registry_->Publish("resize", "", {}, std::move(reply)); });
  }
  Result<FunctionAlias> Point(const std::string& version, const std::string& canary = "", double weight = 0) {
    const auto change = [&](FunctionAlias& alias) {
      alias.version = version;
      alias.canary_version = canary;
      alias.canary_weight = weight;
      return Ok();
    };
    return Wait<FunctionAlias>([&](auto reply) {
      registry_->UpdateAlias("resize", "live", std::nullopt, change, std::move(reply));
    });
  }
  // Versions 1 and 2, and live is 1.
  void TwoVersions() {
    REQUIRE(Create("one").ok());
    REQUIRE(Publish().ok());
    REQUIRE(Update("two").ok());
    REQUIRE(Publish().ok());
    FunctionAlias live;
    live.name = "live";
    live.version = "1";
    REQUIRE(Wait<FunctionAlias>([&](auto reply) {
              registry_->CreateAlias("resize", live, std::move(reply));
            }).ok());
    warmer_.Told();
  }
  std::string Serving() { return ContentOf((*registry_->Resolve("resize", ""))->code).substr(4); }
  using Words = std::vector<std::string>;

  MemoryKeyStore keys_{executor_};
  SeededRandom random_{1};
  Warmer warmer_;
  std::optional<FunctionRegistry> registry_;
};

TEST_CASE_METHOD(ReplacingFixture,
                 "a new version is warmed, then switched in; the first of a function is not",
                 "[registry][deploy]") {
  REQUIRE(Create("one").ok());
  CHECK(warmer_.Told().empty());
  REQUIRE(Update("two").ok());
  CHECK(warmer_.Told() == Words{"warm $LATEST for $LATEST", "replaced"});
  REQUIRE(Publish().ok());
  CHECK(warmer_.Told().empty());
}

TEST_CASE_METHOD(ReplacingFixture,
                 "the old one serves until the new one is warm, and no other change is taken",
                 "[registry][deploy]") {
  REQUIRE(Create("one").ok());
  warmer_.held = true;
  std::optional<Status> updated;
  registry_->UpdateCode("resize", ZipOf("two"), nullptr, {}, [&](const Result<FunctionVersionPtr>& version) {
    updated = version.ok() ? Ok() : Status(version.error());
  });
  executor_.RunUntil([&] { return warmer_.pending != nullptr; });
  CHECK(Serving() == "one");
  CHECK(Update("three").error().code == ErrorCode::kConflict);
  std::exchange(warmer_.pending, nullptr)(Ok());
  executor_.RunUntil([&] { return updated.has_value(); });
  CHECK(updated->ok());
  CHECK(Serving() == "two");
}

TEST_CASE_METHOD(ReplacingFixture, "what cannot be warmed is refused, the old one serves, its code goes",
                 "[registry][deploy]") {
  REQUIRE(Create("one").ok());
  const auto folders = Entries();
  warmer_.verdict = Error{ErrorCode::kBadArtefact, "its init failed"};
  const auto refused = Update("two");
  REQUIRE_FALSE(refused.ok());
  CHECK(refused.error().code == ErrorCode::kBadArtefact);
  CHECK(refused.error().message ==
        "the new version is not taken, the one before it goes on: its init failed");
  CHECK(warmer_.Told() == Words{"warm $LATEST for $LATEST", "forget $LATEST"});
  CHECK(Serving() == "one");
  warmer_.verdict = Ok();
  REQUIRE(Update("one").ok());
  CHECK(Entries() == folders);
}

TEST_CASE_METHOD(ReplacingFixture,
                 "code of a version that was replaced goes when the last who needs it has gone",
                 "[registry][deploy]") {
  FunctionVersionPtr needed = *Create("one");
  REQUIRE(Update("two").ok());
  CHECK(Entries().size() == 2);
  needed.reset();
  Entries();  // the disk's thread works in order: now the registry has been told
  CHECK(Entries().size() == 1);
  CHECK(Serving() == "two");
}

TEST_CASE_METHOD(ReplacingFixture, "code that somebody copies is not removed meanwhile",
                 "[registry][backup]") {
  REQUIRE(Create("one").ok());
  code_->Hold(true);
  REQUIRE(Update("two").ok());
  CHECK(Entries().size() == 2);
  code_->Hold(false);
  REQUIRE(Update("three").ok());
  Entries();
  CHECK(Entries().size() == 1);
}

TEST_CASE_METHOD(ReplacingFixture, "a version that cannot be stored leaves no warm workers",
                 "[registry][deploy]") {
  REQUIRE(Create("one").ok());
  keys_.FailNext({ErrorCode::kUnavailable, "disk full"});
  CHECK_FALSE(Update("two").ok());
  CHECK(warmer_.Told() == Words{"warm $LATEST for $LATEST", "forget $LATEST"});
  CHECK(Serving() == "one");
}

TEST_CASE_METHOD(ReplacingFixture, "an alias warms the version that is new to it, once",
                 "[registry][deploy]") {
  TwoVersions();
  REQUIRE(Point("1", "2", 0.1).ok());
  CHECK(warmer_.Told() == Words{"warm 2 for 1"});
  REQUIRE(Point("1", "2", 0.5).ok());
  REQUIRE(Point("2").ok());
  CHECK(warmer_.Told().empty());
  REQUIRE(Point("1").ok());
  CHECK(warmer_.Told() == Words{"warm 1 for 2"});
}

TEST_CASE_METHOD(ReplacingFixture, "an alias stays where it was when the new version cannot be warmed",
                 "[registry][deploy]") {
  TwoVersions();
  warmer_.verdict = Error{ErrorCode::kBadArtefact, "its init failed"};
  const auto refused = Point("2");
  REQUIRE_FALSE(refused.ok());
  CHECK(refused.error().message == "alias live stays as it was: its init failed");
  CHECK(registry_->aliases().Find("resize", "live")->version == "1");
  CHECK(warmer_.Told() == Words{"warm 2 for 1"});  // version 2 may have callers of its own
  warmer_.verdict = Ok();
  CHECK(Point("2").ok());
}

TEST_CASE_METHOD(ReplacingFixture, "an alias that goes while its version is warmed does not come back",
                 "[registry][deploy]") {
  TwoVersions();
  warmer_.held = true;
  std::optional<ErrorCode> code;
  registry_->UpdateAlias(
      "resize", "live", std::nullopt,
      [](FunctionAlias& alias) {
        alias.version = "2";
        return Ok();
      },
      [&](const Result<FunctionAlias>& alias) {
        code = alias.ok() ? ErrorCode::kInternal : alias.error().code;
      });
  bool deleted = false;
  registry_->Delete("resize", "", [&](const Status& status) { deleted = status.ok(); });
  executor_.RunUntil([&] { return deleted; });
  std::exchange(warmer_.pending, nullptr)(Ok());
  executor_.RunUntil([&] { return code.has_value(); });
  CHECK(*code == ErrorCode::kNotFound);
  CHECK(registry_->aliases().Find("resize", "live") == nullptr);
}

}  // namespace
}  // namespace hearth
