#include "runtime/registry/function_registry.h"

#include "tests/unit/runtime/registry/registry_fixture.h"

namespace hearth {
namespace {

using Expected = FunctionRegistry::Expected;

class RegistryFixture : public CodeFixture {
 protected:
  RegistryFixture() { RestartRegistry(); }

  // As the daemon does: a new registry and new code folders on the same store and disk.
  void RestartRegistry() {
    registry_.reset();
    Restart();
    FunctionRegistry::Options options;
    options.uid_first = 100'000;
    options.uid_count = uid_count_;
    registry_.emplace(options, keys_, *code_, checker_, executor_.clock(), random_);
    registry_->SetObserver(&replaced_);
    REQUIRE(Done_([&](auto done) { registry_->Load(std::move(done)); }).ok());
  }
  template <class Call>
  Status Done_(Call call) {
    std::optional<Status> result;
    call([&](Status status) { result = std::move(status); });
    executor_.RunUntil([&] { return result.has_value(); });
    return *result;
  }
  template <class Call>
  Result<FunctionVersionPtr> Reply_(Call call) {
    std::optional<Result<FunctionVersionPtr>> result;
    call([&](Result<FunctionVersionPtr> version) { result.emplace(std::move(version)); });
    executor_.RunUntil([&] { return result.has_value(); });
    return *result;
  }
  static FunctionSettings SomeSettings() {
    FunctionSettings settings;
    settings.handler = "lib.so";
    return settings;
  }
  Result<FunctionVersionPtr> Create(const std::string& name, const std::string& code = "one") {
    return Reply_(
        [&](auto reply) { registry_->Create(name, SomeSettings(), ZipOf(code), std::move(reply)); });
  }
  Result<FunctionVersionPtr> UpdateCode(const std::string& name, const std::string& code,
                                        Expected expected = {}) {
    return Reply_(
        [&](auto reply) { registry_->UpdateCode(name, ZipOf(code), nullptr, expected, std::move(reply)); });
  }
  Result<FunctionVersionPtr> SetTimeout(const std::string& name, seconds timeout, Expected expected = {}) {
    const auto change = [timeout](FunctionSettings& settings) {
      settings.timeout = timeout;
      return Ok();
    };
    return Reply_([&](auto reply) { registry_->UpdateSettings(name, change, expected, std::move(reply)); });
  }
  Result<FunctionVersionPtr> Publish(const std::string& name, Expected expected = {}) {
    return Reply_([&](auto reply) { registry_->Publish(name, "", expected, std::move(reply)); });
  }
  Status Delete(const std::string& name, const std::string& qualifier = "") {
    return Done_([&](auto done) { registry_->Delete(name, qualifier, std::move(done)); });
  }
  std::string CodeOf(const std::string& name, const std::string& qualifier = "") {
    const auto version = registry_->Resolve(name, qualifier);
    return version.ok() ? ContentOf((*version)->code).substr(4) : version.error().message;
  }
  ErrorCode ErrorOf(const Result<FunctionVersionPtr>& result) {
    REQUIRE_FALSE(result.ok());
    return result.error().code;
  }

  MemoryKeyStore keys_{executor_};
  SeededRandom random_{1};
  ReplacedVersions replaced_;
  uint32_t uid_count_ = 100;
  std::optional<FunctionRegistry> registry_;
};

TEST_CASE_METHOD(RegistryFixture, "created, found, listed, deleted", "[registry]") {
  const auto created = Create("resize");
  REQUIRE(created.ok());
  CHECK((*created)->version == "$LATEST");
  CHECK((*created)->arn == "arn:aws:lambda:us-east-1:000000000000:function:resize");
  CHECK((*created)->revision_id.size() == 36);
  CHECK(checker_.tried == std::vector<std::string>{"resize"});
  CHECK(CodeOf("resize") == "one");
  CHECK(CodeOf("resize", "$LATEST") == "one");
  CHECK(registry_->List().size() == 1);
  CHECK(ErrorOf(Create("resize")) == ErrorCode::kAlreadyExists);
  CHECK(Delete("resize").ok());
  CHECK(replaced_.told == std::vector<std::string>{"resize:$LATEST gone"});
  CHECK(CodeOf("resize") == "Function not found: arn:aws:lambda:us-east-1:000000000000:function:resize");
  CHECK(registry_->List().empty());
  CHECK(Delete("resize").error().code == ErrorCode::kNotFound);
  CHECK(ErrorOf(UpdateCode("resize", "two")) == ErrorCode::kNotFound);
  CHECK(ErrorOf(Publish("resize")) == ErrorCode::kNotFound);
}

TEST_CASE_METHOD(RegistryFixture, "code is replaced: a new generation and revision, the old one is told of",
                 "[registry]") {
  const auto first = *Create("resize");
  const auto second = UpdateCode("resize", "two");
  REQUIRE(second.ok());
  CHECK(CodeOf("resize") == "two");
  CHECK((*second)->generation > first->generation);
  CHECK((*second)->revision_id != first->revision_id);
  CHECK((*second)->host_uid == first->host_uid);
  CHECK(replaced_.told == std::vector<std::string>{"resize:$LATEST replaced"});
}

TEST_CASE_METHOD(RegistryFixture,
                 "refused code or settings: the old ones keep serving, and others can follow", "[registry]") {
  const auto first = *Create("resize");
  checker_.load_verdict = Error{ErrorCode::kBadArtefact, "libvips.so.42 is missing"};
  CHECK(UpdateCode("resize", "two").error().message == "libvips.so.42 is missing");
  CHECK(ErrorOf(SetTimeout("resize", seconds(9))) == ErrorCode::kBadArtefact);
  checker_.load_verdict = Ok();
  CHECK(ErrorOf(SetTimeout("resize", seconds(901))) == ErrorCode::kInvalidArgument);
  checker_.unpack_verdict = Error{ErrorCode::kBadArtefact, "not a zip"};
  CHECK(ErrorOf(UpdateCode("resize", "three")) == ErrorCode::kBadArtefact);
  checker_.unpack_verdict = Ok();
  CHECK(*registry_->Resolve("resize", "") == first);
  CHECK(CodeOf("resize") == "one");
  CHECK(replaced_.told.empty());
  CHECK(Entries().size() == 1);
  CHECK(UpdateCode("resize", "four").ok());
}

TEST_CASE_METHOD(RegistryFixture, "refused at creation: the name is free again", "[registry]") {
  checker_.load_verdict = Error{ErrorCode::kBadArtefact, "wrong machine"};
  CHECK(ErrorOf(Create("resize")) == ErrorCode::kBadArtefact);
  CHECK(registry_->List().empty());
  CHECK(Entries().empty());
  checker_.load_verdict = Ok();
  CHECK(Create("resize").ok());
}

TEST_CASE_METHOD(RegistryFixture, "two changes at once: the second is a conflict, the first is made",
                 "[registry]") {
  REQUIRE(Create("resize").ok());
  checker_.held = true;
  std::optional<Result<FunctionVersionPtr>> first;
  registry_->UpdateCode("resize", ZipOf("two"), nullptr, {},
                        [&](Result<FunctionVersionPtr> r) { first.emplace(std::move(r)); });
  CHECK(ErrorOf(UpdateCode("resize", "three")) == ErrorCode::kConflict);
  CHECK(ErrorOf(SetTimeout("resize", seconds(9))) == ErrorCode::kConflict);
  CHECK(ErrorOf(Publish("resize")) == ErrorCode::kConflict);
  CHECK(Delete("resize").error().code == ErrorCode::kConflict);
  executor_.RunUntil([&] { return checker_.waiting() == 1; });
  checker_.LetGo();
  executor_.RunUntil([&] { return first.has_value(); });
  CHECK(first->ok());
  CHECK(CodeOf("resize") == "two");
  CHECK(SetTimeout("resize", seconds(9)).ok());
}

TEST_CASE_METHOD(RegistryFixture, "two creates at once: one name is taken once, two names get two uids",
                 "[registry]") {
  checker_.held = true;
  std::vector<Result<FunctionVersionPtr>> replies;
  const auto keep = [&](Result<FunctionVersionPtr> reply) { replies.push_back(std::move(reply)); };
  registry_->Create("one", SomeSettings(), ZipOf("1"), keep);
  registry_->Create("two", SomeSettings(), ZipOf("2"), keep);
  registry_->Create("one", SomeSettings(), ZipOf("3"), keep);
  REQUIRE(replies.size() == 1);
  CHECK(replies[0].error().code == ErrorCode::kAlreadyExists);
  CHECK_FALSE(registry_->Resolve("one", "").ok());
  executor_.RunUntil([&] { return checker_.waiting() == 2; });
  checker_.LetGo();
  executor_.RunUntil([&] { return replies.size() == 3; });
  const auto uid_one = (*registry_->Resolve("one", ""))->host_uid,
             uid_two = (*registry_->Resolve("two", ""))->host_uid;
  CHECK(uid_one >= 100'000);
  CHECK(uid_one != uid_two);
}

TEST_CASE_METHOD(RegistryFixture, "a uid is kept over changes and restarts, and no other function gets it",
                 "[registry]") {
  const uint32_t first = (*Create("one"))->host_uid;
  RestartRegistry();
  CHECK((*UpdateCode("one", "new"))->host_uid == first);
  CHECK((*Publish("one"))->host_uid == first);
  CHECK((*Create("two"))->host_uid != first);
}

TEST_CASE_METHOD(RegistryFixture, "what the caller believes to be current must be", "[registry]") {
  const auto current = *Create("resize");
  const Expected stale{"00000000-0000-4000-8000-000000000000", std::nullopt};
  CHECK(ErrorOf(UpdateCode("resize", "two", stale)) == ErrorCode::kPrecondition);
  CHECK(ErrorOf(SetTimeout("resize", seconds(9), stale)) == ErrorCode::kPrecondition);
  CHECK(ErrorOf(Publish("resize", stale)) == ErrorCode::kPrecondition);
  CHECK(ErrorOf(Publish("resize", {std::nullopt, "other"})) == ErrorCode::kInvalidArgument);
  CHECK(CodeOf("resize") == "one");
  CHECK(Publish("resize", {current->revision_id, current->code.sha256_base64}).ok());
  const auto changed = UpdateCode("resize", "two", {current->revision_id, std::nullopt});
  CHECK(changed.ok());
  CHECK(ErrorOf(UpdateCode("resize", "three", {current->revision_id, std::nullopt})) ==
        ErrorCode::kPrecondition);
}

TEST_CASE_METHOD(RegistryFixture, "published versions stay as they are; without a change there is no new one",
                 "[registry]") {
  REQUIRE(Create("resize").ok());
  const auto first = Publish("resize");
  REQUIRE(first.ok());
  CHECK((*first)->version == "1");
  CHECK((*first)->arn == "arn:aws:lambda:us-east-1:000000000000:function:resize:1");
  CHECK(*Publish("resize") == *first);
  REQUIRE(UpdateCode("resize", "two").ok());
  CHECK((*Publish("resize"))->version == "2");
  CHECK(CodeOf("resize", "1") == "one");
  CHECK(CodeOf("resize", "2") == "two");
  REQUIRE(SetTimeout("resize", seconds(9)).ok());
  CHECK((*Publish("resize"))->version == "3");
  CHECK((*registry_->Resolve("resize", "2"))->settings.timeout == seconds(3));
  std::vector<std::string> versions;
  const auto listed = registry_->ListVersions("resize");
  for (const auto& version : *listed) versions.push_back(version->version);
  CHECK(versions == std::vector<std::string>{"$LATEST", "1", "2", "3"});
}

TEST_CASE_METHOD(RegistryFixture, "with SnapStart a version is published once its init has run",
                 "[registry]") {
  REQUIRE(Create("resize").ok());
  const auto turn = [&](SnapStart to) {
    const auto change = [to](FunctionSettings& settings) {
      settings.snap_start = to;
      return Ok();
    };
    return Reply_([&](auto reply) { registry_->UpdateSettings("resize", change, {}, std::move(reply)); });
  };
  REQUIRE(turn(SnapStart::kPublishedVersions).ok());
  CHECK(checker_.snapshots.empty());  // not of $LATEST

  checker_.snapshot_verdict = Error{ErrorCode::kBadArtefact, "run init: no table"};
  const auto refused = Publish("resize");
  CHECK(ErrorOf(refused) == ErrorCode::kBadArtefact);
  CHECK(refused.error().message == "version 1 is not published: run init: no table");
  CHECK(registry_->ListVersions("resize")->size() == 1);
  CHECK(replaced_.snapshots.empty());
  CHECK(replaced_.forgone == std::vector<std::string>{"1"});

  checker_.snapshot_verdict = Ok();
  keys_.FailNext({ErrorCode::kUnavailable, "full"});
  CHECK_FALSE(Publish("resize").ok());
  CHECK(replaced_.forgone == std::vector<std::string>{"1", "1"});
  CHECK(replaced_.snapshots.empty());  // and so not billed

  const auto made = Publish("resize");
  REQUIRE(made.ok());
  CHECK((*made)->version == "1");
  CHECK(StartsFromSnapshot(**made));
  CHECK(replaced_.snapshots == std::vector<std::string>{"resize:1 200000000"});
  CHECK(*Publish("resize") == *made);  // nothing new, no init
  CHECK(checker_.snapshots == std::vector<std::string>{"resize:1", "resize:1", "resize:1"});

  REQUIRE(turn(SnapStart::kNone).ok());
  CHECK_FALSE(StartsFromSnapshot(**Publish("resize")));
  CHECK(checker_.snapshots.size() == 3);
  CHECK(StartsFromSnapshot(**registry_->Resolve("resize", "1")));
}

TEST_CASE_METHOD(RegistryFixture, "a qualifier that is no version is not found", "[registry]") {
  REQUIRE(Create("resize").ok());
  REQUIRE(Publish("resize").ok());
  const std::string qualifier =
      GENERATE("2", "0", "01", "+1", "1 ", "-1", "live", "$latest", "18446744073709551617");
  const auto found = registry_->Resolve("resize", qualifier);
  REQUIRE_FALSE(found.ok());
  CHECK(found.error().message.ends_with(":resize:" + qualifier));
  CHECK(Delete("resize", qualifier).error().code == ErrorCode::kNotFound);
  CHECK(registry_->Resolve("resize", "1").ok());
}

TEST_CASE_METHOD(RegistryFixture, "$LATEST cannot be deleted alone", "[registry]") {
  REQUIRE(Create("resize").ok());
  CHECK(Delete("resize", "$LATEST").error().code == ErrorCode::kInvalidArgument);
  CHECK(CodeOf("resize") == "one");
}

// A bug once: after a restart the number of the highest version, deleted before, was given again.
TEST_CASE_METHOD(RegistryFixture, "the number of a deleted version is never given again", "[registry]") {
  const bool restarted = GENERATE(false, true);
  REQUIRE(Create("resize").ok());
  REQUIRE(Publish("resize").ok());
  REQUIRE(UpdateCode("resize", "two").ok());
  REQUIRE(Publish("resize").ok());
  REQUIRE(Delete("resize", "2").ok());
  CHECK(replaced_.told.back() == "resize:2 gone");
  if (restarted) RestartRegistry();
  CHECK(registry_->ListVersions("resize")->size() == 2);
  CHECK((*Publish("resize"))->version == "3");
  REQUIRE(Delete("resize", "3").ok());
  REQUIRE(Delete("resize", "1").ok());
  if (restarted) RestartRegistry();
  CHECK((*Publish("resize"))->version == "4");
}

TEST_CASE_METHOD(RegistryFixture, "a function of a deleted one's name begins at 1", "[registry]") {
  REQUIRE(Create("resize").ok());
  REQUIRE(Publish("resize").ok());
  REQUIRE(Delete("resize").ok());
  CHECK(replaced_.told.size() == 2);
  RestartRegistry();
  REQUIRE(Create("resize").ok());
  CHECK((*Publish("resize"))->version == "1");
}

TEST_CASE_METHOD(RegistryFixture, "how a function scales: no new version, kept over a restart, gone with it",
                 "[registry]") {
  REQUIRE(Create("resize").ok());
  const uint64_t generation = (*registry_->Resolve("resize", ""))->generation;
  const auto reserve = [this](std::optional<uint32_t> reserved, Status verdict = Ok()) {
    return Done_([&](auto done) {
      registry_->UpdateScaling(
          "resize",
          [&](FunctionScaling& scaling) {
            scaling.reserved_concurrency = reserved;
            return verdict;
          },
          std::move(done));
    });
  };
  CHECK(reserve(7).ok());
  CHECK((*registry_->Resolve("resize", ""))->generation == generation);
  CHECK(replaced_.told.empty());
  CHECK(reserve(8, Error{ErrorCode::kInvalidArgument, "too many"}).error().message == "too many");
  CHECK(registry_->ScalingOf("resize").reserved_concurrency == 7);
  RestartRegistry();
  CHECK(registry_->ScalingOf("resize").reserved_concurrency == 7);
  CHECK(Delete("resize").ok());
  REQUIRE(Create("resize").ok());
  RestartRegistry();
  CHECK(registry_->ScalingOf("resize") == FunctionScaling());
  CHECK(registry_->ScalingOf("nobody") == FunctionScaling());
}

TEST_CASE_METHOD(RegistryFixture, "restart finds everything", "[registry]") {
  REQUIRE(Create("resize").ok());
  REQUIRE(Publish("resize").ok());
  REQUIRE(UpdateCode("resize", "two").ok());
  REQUIRE(SetTimeout("resize", seconds(42)).ok());
  REQUIRE(Create("hello", "other").ok());
  const auto before = *registry_->Resolve("resize", "");
  RestartRegistry();
  CHECK(registry_->List().size() == 2);
  const auto after = *registry_->Resolve("resize", "");
  CHECK(EncodeFunctionJson(*after) == EncodeFunctionJson(*before));
  CHECK(after->settings.timeout == seconds(42));
  CHECK(CodeOf("resize") == "two");
  CHECK(CodeOf("resize", "1") == "one");
  CHECK(CodeOf("hello") == "other");
}

TEST_CASE_METHOD(RegistryFixture, "the store fails: nothing has changed, and the next try works",
                 "[registry]") {
  const Error full{ErrorCode::kUnavailable, "disk full"};
  keys_.FailNext(full);
  CHECK(ErrorOf(Create("resize")) == ErrorCode::kUnavailable);
  CHECK(registry_->List().empty());
  const auto first = *Create("resize");
  keys_.FailNext(full);
  CHECK(ErrorOf(UpdateCode("resize", "two")) == ErrorCode::kUnavailable);
  keys_.FailNext(full);
  CHECK(ErrorOf(SetTimeout("resize", seconds(9))) == ErrorCode::kUnavailable);
  keys_.FailNext(full);
  CHECK(ErrorOf(Publish("resize")) == ErrorCode::kUnavailable);
  keys_.FailNext(full);
  CHECK_FALSE(Delete("resize").ok());
  CHECK(*registry_->Resolve("resize", "") == first);
  CHECK(replaced_.told.empty());
  CHECK(CodeOf("resize") == "one");
  CHECK((*Publish("resize"))->version == "1");
  keys_.FailNext(full);
  CHECK_FALSE(Delete("resize", "1").ok());
  CHECK(registry_->Resolve("resize", "1").ok());
  CHECK(UpdateCode("resize", "two").ok());
}

TEST_CASE_METHOD(RegistryFixture, "the store cannot be read at start: said, with what was tried",
                 "[registry]") {
  FunctionRegistry second({}, keys_, *code_, checker_, executor_.clock(), random_);
  keys_.FailNext({ErrorCode::kIo, "bad sector"});
  const Status loaded = Done_([&](auto done) { second.Load(std::move(done)); });
  CHECK(loaded.error().message.find("load functions") != std::string::npos);
  CHECK(loaded.error().message.find("bad sector") != std::string::npos);
}

TEST_CASE_METHOD(RegistryFixture, "a stored function that cannot be read is named", "[registry]") {
  REQUIRE(Done_([&](auto done) {
            keys_.Apply({{"function/broken/$LATEST", "{\"function\":"}}, std::move(done));
          }).ok());
  FunctionRegistry second({}, keys_, *code_, checker_, executor_.clock(), random_);
  const Status loaded = Done_([&](auto done) { second.Load(std::move(done)); });
  CHECK(loaded.error().code == ErrorCode::kCorrupt);
  CHECK(loaded.error().message.find("function/broken/$LATEST") != std::string::npos);
}

TEST_CASE_METHOD(RegistryFixture,
                 "code goes when its last version does; a shared folder when the last of all does",
                 "[registry]") {
  REQUIRE(Create("one", "same").ok());
  REQUIRE(Create("two", "same").ok());
  CHECK(checker_.unpacked == 1);
  CHECK(Entries().size() == 1);
  REQUIRE(Publish("two").ok());
  REQUIRE(UpdateCode("two", "other").ok());
  CHECK(Entries().size() == 2);
  REQUIRE(Delete("one").ok());
  CHECK(Entries().size() == 2);
  CHECK(CodeOf("two", "1") == "same");
  REQUIRE(Delete("two", "1").ok());
  CHECK(Entries().size() == 1);
  REQUIRE(Delete("two").ok());
  CHECK(Entries().empty());
}

// A bug once: the folder went while workers of the old code still ran in it.
TEST_CASE_METHOD(RegistryFixture, "code of a replaced version stays while its workers live", "[registry]") {
  REQUIRE(Create("resize", "old").ok());
  FunctionVersionPtr of_a_worker = *registry_->Resolve("resize", "");
  REQUIRE(UpdateCode("resize", "new").ok());
  CHECK(Entries().size() == 2);
  CHECK(ContentOf(of_a_worker->code) == ZipOf("old"));
  of_a_worker.reset();
  REQUIRE(SetTimeout("resize", seconds(9)).ok());
  CHECK(Entries().size() == 1);
}

TEST_CASE_METHOD(RegistryFixture, "nothing is collected while a deploy runs", "[registry]") {
  REQUIRE(Create("one", "1").ok());
  checker_.held = true;
  std::optional<Result<FunctionVersionPtr>> second;
  registry_->Create("two", SomeSettings(), ZipOf("2"),
                    [&](Result<FunctionVersionPtr> r) { second.emplace(std::move(r)); });
  executor_.RunUntil([&] { return checker_.waiting() == 1; });
  REQUIRE(Delete("one").ok());
  CHECK(Entries().size() > 1);
  checker_.LetGo();
  executor_.RunUntil([&] { return second.has_value(); });
  REQUIRE(second->ok());
  CHECK(CodeOf("two") == "2");
  CHECK(Entries().size() == 1);
}

TEST_CASE_METHOD(RegistryFixture, "killed during a deploy: at the next start its rubbish is collected",
                 "[registry]") {
  REQUIRE(Create("one", "1").ok());
  checker_.held = true;
  registry_->UpdateCode("one", ZipOf("2"), nullptr, {},
                        [](const Result<FunctionVersionPtr>&) { FAIL("told by a dead registry"); });
  executor_.RunUntil([&] { return checker_.waiting() == 1; });
  RestartRegistry();
  checker_.LetGo();
  CHECK(Entries().size() == 1);
  CHECK(CodeOf("one") == "1");
  CHECK(UpdateCode("one", "3").ok());
}

TEST_CASE_METHOD(RegistryFixture, "names and settings are judged before anything is stored", "[registry]") {
  CHECK(ErrorOf(Create("no spaces")) == ErrorCode::kInvalidArgument);
  CHECK(ErrorOf(Create("../up")) == ErrorCode::kInvalidArgument);
  CHECK(ErrorOf(Create("")) == ErrorCode::kInvalidArgument);
  CHECK(checker_.unpacked == 0);
}

}  // namespace
}  // namespace hearth
