#include "runtime/router/alias_watch.h"

#include <catch2/catch.hpp>

#include "tests/unit/runtime/router/router_fixture.h"

namespace hearth {
namespace {

constexpr MonotonicTime kStart{std::chrono::hours(5)};

TEST_CASE("an alias is rolled back at its share of errors and its number of attempts, not below",
          "[router][alias]") {
  CHECK(ShouldRollBack({20, 1}, 0.05, 20));
  CHECK_FALSE(ShouldRollBack({21, 1}, 0.05, 20));
  CHECK_FALSE(ShouldRollBack({19, 19}, 0.05, 20));
  CHECK_FALSE(ShouldRollBack({20, 0}, 0.05, 20));
  CHECK_FALSE(ShouldRollBack({20, 20}, 0, 20));
  CHECK(ShouldRollBack({1, 1}, 1, 1));
}

TEST_CASE("what is older than ten slots does not count", "[router][alias]") {
  ErrorWindow window;
  window.Add(kStart, true);
  window.Add(kStart + ErrorWindow::kSlot, false);
  const auto last = kStart + ErrorWindow::kSlot * ErrorWindow::kSlots;
  CHECK(window.TotalsAt(last - nanoseconds(1)).requests == 2);
  CHECK(window.TotalsAt(last - nanoseconds(1)).errors == 1);
  CHECK(window.TotalsAt(last).requests == 1);
  CHECK(window.TotalsAt(last).errors == 0);
  window.Add(last, false);  // in the slot of the first
  CHECK(window.TotalsAt(last).requests == 2);
  CHECK(window.TotalsAt(last + std::chrono::hours(1)).requests == 0);
}

TEST_CASE("which version is on trial", "[model][alias]") {
  FunctionAlias before, after;
  before.version = after.version = "1";
  CHECK(WatchedVersion(before, after).empty());
  after.canary_version = "2";
  CHECK(WatchedVersion(before, after) == "2");
  after.canary_version.clear();
  after.version = "2";
  CHECK(WatchedVersion(before, after) == "2");
  before = after;
  before.watched_version = "2";  // its description changes, say
  CHECK(WatchedVersion(before, after) == "2");
  before.watched_version = "3";  // a canary that has ended
  CHECK(WatchedVersion(before, after).empty());
}

class WatchFixture : public RouterFixture {
 protected:
  WatchFixture() {
    std::vector<KeyStore::Write> writes;
    for (const char* number : {"$LATEST", "1", "2"}) {
      FunctionVersion version;
      version.function = "resize";
      version.version = number;
      version.settings.handler = "lib.so";
      writes.push_back({std::string("function/resize/") + number, EncodeFunctionJson(version)});
    }
    FunctionAlias alias;
    alias.name = "live";
    alias.version = "1";
    writes.push_back({"function-alias/resize/live", EncodeAliasJson(alias)});
    keys_.Apply(std::move(writes), [](const Status&) {});
    registry_->Load([](const Status& loaded) { REQUIRE(loaded.ok()); });
    executor_.RunPosted();
  }
  ~WatchFixture() { watch_.reset(); }
  void Promote(const std::string& version, const std::string& canary) {
    registry_->UpdateAlias(
        "resize", "live", std::nullopt,
        [&](FunctionAlias& alias) {
          alias.version = version;
          alias.canary_version = canary;
          alias.canary_weight = canary.empty() ? 0 : 0.1;
          alias.rollback_errors = 0.5;
          alias.rollback_requests_min = 4;
          return Ok();
        },
        [](const Result<FunctionAlias>& changed) { REQUIRE(changed.ok()); });
    executor_.RunPosted();
  }
  void Settle(const std::string& version, OutcomeKind outcome, int times = 1) {
    InvocationRecord record;
    record.function = "resize";
    record.version = version;
    record.outcome = outcome;
    for (int n = 0; n < times; ++n) watch_->OnInvocationSettled(record);
    executor_.RunPosted();
  }
  const FunctionAlias& Live() { return *registry_->aliases().Find("resize", "live"); }

  std::optional<AliasWatch> watch_{std::in_place, *registry_, executor_, log_};
};

TEST_CASE_METHOD(WatchFixture, "a canary that fails is taken away, with the reason", "[router][alias]") {
  Promote("1", "2");
  Settle("2", OutcomeKind::kSuccess, 2);
  Settle("2", OutcomeKind::kFunctionError);
  CHECK(Live().canary_version == "2");
  Settle("2", OutcomeKind::kTimeout);
  CHECK(Live().canary_version.empty());
  CHECK(Live().version == "1");
  CHECK(Live().rolled_back == "version 2: 2 of 4 attempts failed (50.0 %, the limit is 50.0 %)");
  CHECK(Live().watched_version.empty());
}

TEST_CASE_METHOD(WatchFixture, "a new version that fails gives way to the one before, once",
                 "[router][alias]") {
  Promote("2", "");
  Settle("2", OutcomeKind::kCrash, 8);
  CHECK(Live().version == "1");
  Settle("1", OutcomeKind::kCrash, 8);
  CHECK(Live().version == "1");
}

TEST_CASE_METHOD(WatchFixture, "what is not the version's doing, and other versions, do not count",
                 "[router][alias]") {
  Promote("1", "2");
  Settle("2", OutcomeKind::kThrottled, 9);
  Settle("2", OutcomeKind::kPlatformFault, 9);
  Settle("2", OutcomeKind::kAborted, 9);
  Settle("1", OutcomeKind::kCrash, 9);
  Settle("$LATEST", OutcomeKind::kCrash, 9);
  Settle("2", OutcomeKind::kCrash, 3);
  CHECK(Live().canary_version == "2");
  Settle("2", OutcomeKind::kCrash);
  CHECK(Live().rolled_back == "version 2: 4 of 4 attempts failed (100.0 %, the limit is 50.0 %)");
}

TEST_CASE_METHOD(WatchFixture, "a change by hand begins the count anew, and takes the reason away",
                 "[router][alias]") {
  Promote("1", "2");
  Settle("2", OutcomeKind::kCrash, 3);
  Promote("1", "2");
  Settle("2", OutcomeKind::kCrash, 3);
  CHECK(Live().canary_version == "2");
  Settle("2", OutcomeKind::kCrash);
  CHECK_FALSE(Live().rolled_back.empty());
  Promote("1", "2");
  CHECK(Live().rolled_back.empty());
}

TEST_CASE_METHOD(WatchFixture, "errors of ten minutes ago do not count", "[router][alias]") {
  Promote("1", "2");
  Settle("2", OutcomeKind::kCrash, 3);
  executor_.Advance(std::chrono::minutes(10));
  Settle("2", OutcomeKind::kCrash);
  CHECK(Live().canary_version == "2");
}

}  // namespace
}  // namespace hearth
