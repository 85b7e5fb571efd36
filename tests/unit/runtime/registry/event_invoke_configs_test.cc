#include "runtime/registry/event_invoke_configs.h"

#include <catch2/catch.hpp>

#include "runtime/loop/manual_executor.h"
#include "runtime/store/memory_key_store.h"

namespace hearth {
namespace {

class ConfigsFixture {
 protected:
  Status Put(const std::string& function, const std::string& qualifier, uint32_t retries) {
    EventInvokeConfig config;
    config.retries_max = retries;
    Status done;
    configs_->Put(function, qualifier, config, [&](const Status& status) { done = status; });
    executor_.RunPosted();
    return done;
  }
  Status Remove(const std::string& function, const std::string& qualifier) {
    Status done;
    configs_->Remove(function, qualifier, [&](const Status& status) { done = status; });
    executor_.RunPosted();
    return done;
  }
  void Restart() {
    configs_.emplace(keys_);
    configs_->Load([](const Status& loaded) { REQUIRE(loaded.ok()); });
    executor_.RunPosted();
  }

  ManualExecutor executor_;
  MemoryKeyStore keys_{executor_};
  std::optional<EventInvokeConfigs> configs_{keys_};
};

TEST_CASE_METHOD(ConfigsFixture, "of each function and qualifier, also after a restart", "[registry]") {
  REQUIRE(Put("resize", "", 0).ok());
  REQUIRE(Put("resize", "7", 1).ok());
  REQUIRE(Put("resize", "$LATEST", 2).ok());  // the same as ""
  Restart();
  REQUIRE(configs_->Find("resize", "") != nullptr);
  CHECK(configs_->Find("resize", "")->retries_max == 2U);
  CHECK(configs_->Find("resize", "7")->retries_max == 1U);
  CHECK(configs_->Find("resize", "8") == nullptr);
  CHECK(configs_->Find("other", "") == nullptr);
  CHECK(configs_->List("resize").size() == 2);
}

TEST_CASE_METHOD(ConfigsFixture, "removed, and forgotten with its version or its function", "[registry]") {
  for (const char* qualifier : {"", "7", "8"}) REQUIRE(Put("resize", qualifier, 0).ok());
  REQUIRE(Remove("resize", "").ok());
  CHECK(Remove("resize", "").error().code == ErrorCode::kNotFound);
  configs_->Forget("resize", "7");
  executor_.RunPosted();
  Restart();
  CHECK(configs_->List("resize").size() == 1);
  configs_->Forget("resize", "");
  executor_.RunPosted();
  Restart();
  CHECK(configs_->List("resize").empty());
}

TEST_CASE_METHOD(ConfigsFixture, "nothing changes before it is durable", "[registry]") {
  REQUIRE(Put("resize", "", 0).ok());
  keys_.FailNext({ErrorCode::kUnavailable, "disk full"});
  CHECK_FALSE(Put("resize", "", 2).ok());
  CHECK(configs_->Find("resize", "")->retries_max == 0U);
  keys_.FailNext({ErrorCode::kUnavailable, "disk full"});
  CHECK_FALSE(Remove("resize", "").ok());
  CHECK(configs_->Find("resize", "") != nullptr);
}

}  // namespace
}  // namespace hearth
