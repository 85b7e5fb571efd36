#include <unistd.h>

#include "runtime/registry/function_registry.h"
#include "tests/unit/runtime/registry/registry_fixture.h"

namespace hearth {
namespace {

using Words = std::vector<std::string>;

// Says when a version may take the place of another, and whether it is warm.
struct Warmer final : RegistryObserver {
  void OnReplacing(const FunctionVersionPtr&, const FunctionVersionPtr& next,
                   std::function<void(Status)> ready) override {
    told.push_back("warm " + next->version);
    if (held) return pending.push_back(std::move(ready));
    ready(verdict);
  }
  void OnNotReplaced(const FunctionVersionPtr& next) override { told.push_back("forget " + next->version); }
  void OnReplaced(const FunctionVersionPtr& old, const FunctionVersionPtr& next) override {
    told.push_back(next ? "replaced " + old->version : "gone " + old->version);
  }
  void LetGo() {
    for (auto& ready : std::exchange(pending, {})) ready(verdict);
  }
  Words Told() { return std::exchange(told, {}); }
  bool held = false;
  Status verdict;
  std::vector<std::function<void(Status)>> pending;
  Words told;
};

class FilesFixture : public CodeFixture {
 protected:
  FilesFixture() {
    auto opened = SecretStore::Open(outside_.path(), executor_);
    REQUIRE(opened.ok());
    secrets_ = std::move(opened).value();
    RestartRegistry();
  }
  ~FilesFixture() { registry_.reset(); }

  void RestartRegistry(const std::string& root = "") {
    registry_.reset();
    code_.reset();
    code_.emplace(root.empty() ? folder_.path() : root, executor_);
    registry_.emplace(FunctionRegistry::Options{}, keys_, *code_, checker_, executor_.clock(), random_);
    registry_->SetObserver(&warmer_);
    registry_->SetSecrets(secrets_.get());
    REQUIRE(Done_([&](auto done) { registry_->Load(std::move(done)); }).ok());
  }
  template <class T, class Call>
  Result<T> Wait(Call call) {
    std::optional<Result<T>> result;
    call([&](Result<T> value) { result.emplace(std::move(value)); });
    executor_.RunUntil([&] { return result.has_value(); });
    return *result;
  }
  template <class Call>
  Status Done_(Call call) {
    std::optional<Status> result;
    call([&](Status status) { result = std::move(status); });
    executor_.RunUntil([&] { return result.has_value(); });
    return *result;
  }
  std::string Layer(const std::string& name, const std::string& content) {
    LayerVersion layer;
    layer.name = name;
    const auto made = Wait<LayerVersion>(
        [&](auto reply) { registry_->PublishLayer(layer, ZipOf(content), std::move(reply)); });
    REQUIRE(made.ok());
    return made->arn;
  }
  static FunctionSettings With(const Words& layers, const Words& secrets = {}) {
    FunctionSettings settings;
    settings.handler = "lib.so";
    for (const std::string& arn : layers) settings.layers.push_back({arn, 0});
    for (const std::string& name : secrets) settings.secrets.push_back({name, name});
    return settings;
  }
  Result<FunctionVersionPtr> Create(const FunctionSettings& settings) {
    return Wait<FunctionVersionPtr>(
        [&](auto reply) { registry_->Create("resize", settings, ZipOf("code"), std::move(reply)); });
  }
  Result<FunctionVersionPtr> Change(const FunctionSettings& settings) {
    const auto change = [settings](FunctionSettings& changed) {
      changed = settings;
      return Ok();
    };
    return Wait<FunctionVersionPtr>(
        [&](auto reply) { registry_->UpdateSettings("resize", change, {}, std::move(reply)); });
  }
  Result<FunctionVersionPtr> Publish() {
    return Wait<FunctionVersionPtr>(
        [&](auto reply) { registry_->Publish("resize", "", {}, std::move(reply)); });
  }
  void DeleteLayers(const Words& names) {
    for (const std::string& name : names)
      REQUIRE(Done_([&](auto done) { registry_->DeleteLayer(name, 1, std::move(done)); }).ok());
  }
  Result<FunctionRegistry::SecretChange> SetSecret(const std::string& name, const std::string& value) {
    return Wait<FunctionRegistry::SecretChange>(
        [&](auto reply) { registry_->SetSecret(name, value, std::move(reply)); });
  }
  Status RemoveSecret(const std::string& name) {
    return Done_([&](auto done) { registry_->RemoveSecret(name, std::move(done)); });
  }
  FunctionVersionPtr Now(const std::string& version = "") { return *registry_->Resolve("resize", version); }
  size_t Folders() {
    Entries();  // the disk's thread works in order: now the registry has been told
    return Entries().size();
  }

  TemporaryFolder outside_;
  MemoryKeyStore keys_{executor_};
  SeededRandom random_{1};
  Warmer warmer_;
  std::unique_ptr<SecretStore> secrets_;
  std::optional<FunctionRegistry> registry_;
};

TEST_CASE_METHOD(FilesFixture, "one layer is its own folder, several are one of their own", "[layers]") {
  const std::string low = Layer("low", "l"), high = Layer("high", "h");
  REQUIRE(Create(With({low})).ok());
  CHECK(Now()->settings.layers[0].size_bytes == 5);
  CHECK(ReadFile(Now()->layers_folder + "/lib.so").value() == ZipOf("l"));
  REQUIRE(Change(With({low, high})).ok());
  CHECK(ReadFile(Now()->layers_folder + "/lib.so").value() == ZipOf("h"));
  const std::string merged = Now()->layers_folder;
  REQUIRE(Change(With({high, low})).ok());
  CHECK(ReadFile(Now()->layers_folder + "/lib.so").value() == ZipOf("l"));
  CHECK(Now()->layers_folder != merged);
  REQUIRE(Change(With({})).ok());
  CHECK(Now()->layers_folder.empty());
  CHECK(Folders() == 3);  // the code, and the layers that are still published
}

TEST_CASE_METHOD(FilesFixture, "a removed layer is there while a version has it, and no longer", "[layers]") {
  const std::string low = Layer("low", "l"), high = Layer("high", "h");
  REQUIRE(Create(With({low, high})).ok());
  REQUIRE(Publish().ok());
  DeleteLayers({"low", "high"});
  CHECK(Folders() == 2);  // the code, and what both are together
  RestartRegistry();
  CHECK(Folders() == 2);
  CHECK(PathExists(Now("1")->layers_folder));
  FunctionSettings same = With({low, high});
  same.memory = 256_MiB;
  REQUIRE(Change(same).ok());
  CHECK(Now()->layers_folder == Now("1")->layers_folder);
  const auto other = Change(With({low}));
  REQUIRE_FALSE(other.ok());
  CHECK(other.error().message.find(low + " does not exist") != std::string::npos);
  REQUIRE(Change(With({})).ok());
  CHECK(PathExists(Now("1")->layers_folder));
  REQUIRE(Done_([&](auto done) { registry_->Delete("resize", "1", std::move(done)); }).ok());
  CHECK(Folders() == 1);
}

TEST_CASE_METHOD(FilesFixture, "layers that a worker still sees stay, though their version was replaced",
                 "[layers]") {
  const std::string low = Layer("low", "l"), high = Layer("high", "h");
  REQUIRE(Create(With({low, high})).ok());
  FunctionVersionPtr seen = Now();
  DeleteLayers({"low", "high"});
  REQUIRE(Change(With({})).ok());
  CHECK(Folders() == 2);
  CHECK(PathExists(seen->layers_folder));
  seen.reset();
  CHECK(Folders() == 1);
}

TEST_CASE_METHOD(FilesFixture, "nothing is collected while a layer is on its way", "[layers]") {
  REQUIRE(Create(With({})).ok());
  checker_.held = true;
  std::optional<Result<LayerVersion>> made;
  LayerVersion layer;
  layer.name = "slow";
  registry_->PublishLayer(layer, ZipOf("slow"),
                          [&](const Result<LayerVersion>& published) { made.emplace(published); });
  executor_.RunUntil([&] { return checker_.waiting() == 1; });
  REQUIRE(Publish().ok());  // which looks for what may go
  FinishDiskWork();
  checker_.LetGo();
  executor_.RunUntil([&] { return made.has_value(); });
  REQUIRE(made->ok());
  CHECK(ContentOf((*made)->content) == ZipOf("slow"));
}

TEST_CASE_METHOD(FilesFixture, "a layer of another region or account is none", "[layers]") {
  const std::string right = Layer("low", "l");
  std::string region = right, account = right;
  region.replace(region.find("us-east-1"), 9, "eu-west-1");
  account.replace(account.find("000000000000"), 12, "111122223333");
  CHECK(Create(With({region})).error().message.find("expected to be in region us-east-1") !=
        std::string::npos);
  CHECK(Create(With({account})).error().message.find("does not exist") != std::string::npos);
  CHECK(registry_->List().empty());
}

TEST_CASE_METHOD(FilesFixture, "a data folder that was moved has its code and its layers",
                 "[layers][backup]") {
  const std::string low = Layer("low", "l"), high = Layer("high", "h");
  REQUIRE(Create(With({low, high})).ok());
  const std::string moved = folder_.path() + "-moved";
  REQUIRE(::rename(folder_.path().c_str(), moved.c_str()) == 0);
  RestartRegistry(moved);
  FinishDiskWork();
  FinishDiskWork();
  CHECK(ContentOf(Now()->code) == ZipOf("code"));
  CHECK(ReadFile(Now()->layers_folder + "/lib.so").value() == ZipOf("h"));
  CHECK(ContentOf(registry_->layers().Find("low", 1)->content) == ZipOf("l"));
  REQUIRE(::rename(moved.c_str(), folder_.path().c_str()) == 0);
}

TEST_CASE_METHOD(FilesFixture, "a secret that is missing is refused by name; a used one is not removed",
                 "[secrets]") {
  const auto refused = Create(With({}, {"db"}));
  REQUIRE_FALSE(refused.ok());
  CHECK(refused.error().message == "secret db does not exist; set it first: hearth secret set db < FILE");
  REQUIRE(SetSecret("db", "1").ok());
  REQUIRE(Create(With({}, {"db"})).ok());
  REQUIRE(Publish().ok());
  CHECK(registry_->UsersOfSecret("db") == Words{"resize:$LATEST", "resize:1"});
  CHECK(RemoveSecret("db").error().message.find("is used by resize:$LATEST, resize:1;") != std::string::npos);
  REQUIRE(Change(With({})).ok());
  CHECK(RemoveSecret("db").error().message.find("is used by resize:1;") != std::string::npos);
  REQUIRE(Done_([&](auto done) { registry_->Delete("resize", "1", std::move(done)); }).ok());
  CHECK(RemoveSecret("db").ok());
  CHECK(RemoveSecret("db").error().code == ErrorCode::kNotFound);
}

TEST_CASE_METHOD(FilesFixture, "a secret is not removed while a function is deployed, which may name it",
                 "[secrets]") {
  REQUIRE(SetSecret("db", "1").ok());
  checker_.held = true;
  std::optional<bool> created;
  registry_->Create("resize", With({}, {"db"}), ZipOf("code"),
                    [&](const Result<FunctionVersionPtr>& version) { created = version.ok(); });
  CHECK(RemoveSecret("db").error().code == ErrorCode::kConflict);
  executor_.RunUntil([&] { return checker_.waiting() == 1; });
  checker_.LetGo();
  executor_.RunUntil([&] { return created.has_value(); });
  CHECK(*created);
}

TEST_CASE_METHOD(FilesFixture, "a new value: each version that uses it is warmed anew, then replaced",
                 "[secrets]") {
  REQUIRE(SetSecret("db", "1").ok());
  REQUIRE(SetSecret("other", "1").ok());
  REQUIRE(Create(With({}, {"db"})).ok());
  REQUIRE(Publish().ok());
  const auto latest = Now(), first = Now("1");
  warmer_.Told();
  const auto changed = SetSecret("db", "2");
  REQUIRE(changed.ok());
  CHECK(changed->renewed == Words{"resize:$LATEST", "resize:1"});
  CHECK(changed->not_warm.empty());
  CHECK(warmer_.Told() == Words{"warm $LATEST", "replaced $LATEST", "warm 1", "replaced 1"});
  CHECK(Now()->generation > latest->generation);
  CHECK(Now("1")->generation > first->generation);
  CHECK(Now()->revision_id == latest->revision_id);
  CHECK(SetSecret("other", "2")->renewed.empty());
  CHECK(warmer_.Told().empty());
}

TEST_CASE_METHOD(FilesFixture, "a value that no worker can be made with is taken up all the same, and told",
                 "[secrets]") {
  REQUIRE(SetSecret("db", "1").ok());
  REQUIRE(Create(With({}, {"db"})).ok());
  const auto before = Now()->generation;
  warmer_.verdict = Error{ErrorCode::kBadArtefact, "its init failed"};
  const auto changed = SetSecret("db", "2");
  REQUIRE(changed.ok());
  CHECK(changed->not_warm == Words{"resize:$LATEST: its init failed"});
  CHECK(Now()->generation > before);
}

TEST_CASE_METHOD(FilesFixture, "a value that changes while a version is made reaches it", "[secrets]") {
  REQUIRE(SetSecret("db", "1").ok());
  REQUIRE(Create(With({}, {"db"})).ok());
  checker_.held = true;
  std::optional<Result<FunctionVersionPtr>> updated;
  registry_->UpdateSettings(
      "resize", [](FunctionSettings&) { return Ok(); }, {},
      [&](const Result<FunctionVersionPtr>& version) { updated.emplace(version); });
  executor_.RunUntil([&] { return checker_.waiting() == 1; });
  REQUIRE(SetSecret("db", "2").ok());
  CHECK_FALSE(secrets_->ChangedSince(*Now()));
  checker_.LetGo();
  executor_.RunUntil([&] { return updated.has_value(); });
  REQUIRE(updated->ok());
  CHECK_FALSE(secrets_->ChangedSince(*Now()));
  CHECK(Now()->generation > (**updated)->generation);
}

TEST_CASE_METHOD(FilesFixture, "two values in a row while the first is being warmed: the last one is served",
                 "[secrets]") {
  REQUIRE(SetSecret("db", "1").ok());
  REQUIRE(Create(With({}, {"db"})).ok());
  warmer_.held = true;
  size_t answered = 0;
  for (const char* value : {"2", "3"}) {
    registry_->SetSecret("db", value, [&](const Result<FunctionRegistry::SecretChange>&) { ++answered; });
    const size_t waiting = warmer_.pending.size() + 1;
    executor_.RunUntil([&] { return warmer_.pending.size() == waiting; });
  }
  warmer_.held = false;
  warmer_.LetGo();
  executor_.RunUntil([&] { return answered == 2; });
  CHECK_FALSE(secrets_->ChangedSince(*Now()));
}

TEST_CASE_METHOD(FilesFixture, "a deploy that is faster than new workers for a secret stays", "[secrets]") {
  REQUIRE(SetSecret("db", "1").ok());
  REQUIRE(Create(With({}, {"db"})).ok());
  warmer_.held = true;
  bool answered = false;
  registry_->SetSecret("db", "2", [&](const Result<FunctionRegistry::SecretChange>&) { answered = true; });
  executor_.RunUntil([&] { return warmer_.pending.size() == 1; });
  warmer_.held = false;
  FunctionSettings larger = With({}, {"db"});
  larger.memory = 256_MiB;
  REQUIRE(Change(larger).ok());
  warmer_.Told();
  warmer_.LetGo();
  executor_.RunUntil([&] { return answered; });
  CHECK(Now()->settings.memory == 256_MiB);
  CHECK(warmer_.Told() == Words{"forget $LATEST"});
}

TEST_CASE_METHOD(FilesFixture, "a function that is deleted while its secret changes is gone", "[secrets]") {
  REQUIRE(SetSecret("db", "1").ok());
  REQUIRE(Create(With({}, {"db"})).ok());
  warmer_.Told();
  std::optional<Status> deleted;
  registry_->Delete("resize", "", [&](Status status) { deleted = std::move(status); });
  registry_->SetSecret("db", "2", [](const Result<FunctionRegistry::SecretChange>&) {});
  executor_.RunUntil([&] { return deleted.has_value(); });
  CHECK(deleted->ok());
  REQUIRE(SetSecret("db", "3").ok());
  CHECK(registry_->List().empty());
  CHECK(warmer_.Told().back() == "gone $LATEST");
}

}  // namespace
}  // namespace hearth
