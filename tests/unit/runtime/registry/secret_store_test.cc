#include "runtime/registry/secret_store.h"

#include <sys/stat.h>

#include <filesystem>

#include <catch2/catch.hpp>

#include "tests/unit/runtime/store/temporary_folder.h"
#include "tests/unit/runtime/store/test_executor.h"

namespace hearth {
namespace {

class SecretFixture {
 protected:
  SecretFixture() { Restart(); }
  void Restart() {
    store_.reset();
    auto opened = SecretStore::Open(folder_.path() + "/secrets", executor_);
    REQUIRE(opened.ok());
    store_ = std::move(opened).value();
  }
  template <class Call>
  Status Wait(Call call) {
    std::optional<Status> result;
    call([&](Status status) { result = std::move(status); });
    executor_.RunUntil([&] { return result.has_value(); });
    return *result;
  }
  Status Set(const std::string& name, const std::string& value) {
    return Wait([&](auto done) { store_->Set(name, value, std::move(done)); });
  }
  Status Remove(const std::string& name) {
    return Wait([&](auto done) { store_->Remove(name, std::move(done)); });
  }
  std::string ValueOf(const std::string& name) const {
    const auto value = store_->Read(name);
    return value.ok() ? *value : value.error().message;
  }
  std::string Path(const std::string& name) const { return folder_.path() + "/secrets/" + name; }

  TemporaryFolder folder_;
  TestExecutor executor_;
  std::unique_ptr<SecretStore> store_;
};

TEST_CASE_METHOD(SecretFixture, "set, read, listed, set again, removed; over a restart", "[secrets]") {
  REQUIRE(Set("b", "two").ok());
  REQUIRE(Set("a", std::string("\0\n\xff", 3)).ok());
  for (int start = 0; start < 2; ++start) {
    CHECK(ValueOf("a") == std::string("\0\n\xff", 3));
    CHECK(ValueOf("b") == "two");
    const auto all = store_->List();
    REQUIRE(all.size() == 2);
    CHECK(all[0].name == "a");
    CHECK(all[0].bytes == 3);
    CHECK(all[1].name == "b");
    Restart();
  }
  REQUIRE(Set("b", "three").ok());
  CHECK(ValueOf("b") == "three");
  REQUIRE(Remove("b").ok());
  CHECK(Remove("b").error().code == ErrorCode::kNotFound);
  CHECK(ValueOf("b") == "secret b does not exist");
  Restart();
  CHECK(store_->List().size() == 1);
}

TEST_CASE_METHOD(SecretFixture, "values at their limits and one past them", "[secrets]") {
  CHECK(Set("a", "x").ok());
  CHECK(Set("a", std::string(kSecretBytesMax, 'x')).ok());
  CHECK(store_->Find("a")->bytes == kSecretBytesMax);
  const Status large = Set("a", std::string(kSecretBytesMax + 1, 'y'));
  REQUIRE_FALSE(large.ok());
  CHECK(large.error().code == ErrorCode::kTooLarge);
  CHECK(large.error().message == "secret a has 65537 bytes; the limit is 65536");
  CHECK(Set("a", "").error().code == ErrorCode::kInvalidArgument);
  CHECK(ValueOf("a") == std::string(kSecretBytesMax, 'x'));
}

TEST_CASE_METHOD(SecretFixture, "as many secrets as there may be, and one more", "[secrets]") {
  store_.reset();
  for (size_t i = 0; i < kSecretsMax; ++i)
    REQUIRE(WriteFileAtomically(Path("s" + std::to_string(i) + ".secret"), "x", 0600).ok());
  Restart();
  REQUIRE(store_->List().size() == kSecretsMax);
  CHECK(Set("s0", "another").ok());
  const Status more = Set("more", "x");
  REQUIRE_FALSE(more.ok());
  CHECK(more.error().message.find("1000 secrets, which is the limit") != std::string::npos);
  REQUIRE(Remove("s0").ok());
  CHECK(Set("more", "x").ok());
}

TEST_CASE_METHOD(SecretFixture, "nobody else may read the files, whatever mode a restore gave the folder",
                 "[secrets]") {
  REQUIRE(Set("a", "x").ok());
  REQUIRE(::chmod(Path("").c_str(), 0755) == 0);
  Restart();
  struct stat folder {
  }, file{};
  REQUIRE(::stat(Path("").c_str(), &folder) == 0);
  REQUIRE(::stat(Path("a.secret").c_str(), &file) == 0);
  CHECK((folder.st_mode & 07777) == 0700);
  CHECK((file.st_mode & 07777) == 0600);
}

TEST_CASE_METHOD(SecretFixture, "what a crash left half written goes, and what is no secret is left alone",
                 "[secrets]") {
  REQUIRE(Set("a", "whole").ok());
  REQUIRE(WriteFileAtomically(Path("a.secret.new"), "hal").ok());
  REQUIRE(WriteFileAtomically(Path("notes.txt"), "mine").ok());
  Restart();
  CHECK(ValueOf("a") == "whole");
  CHECK(store_->List().size() == 1);
  CHECK_FALSE(PathExists(Path("a.secret.new")));
  CHECK(PathExists(Path("notes.txt")));
}

TEST_CASE_METHOD(SecretFixture, "a write that fails leaves the value before it", "[secrets]") {
  REQUIRE(Set("a", "before").ok());
  REQUIRE(MakeFolders(Path("a.secret.new")).ok());  // in the way of what is written beside
  CHECK_FALSE(Set("a", "after").ok());
  CHECK(ValueOf("a") == "before");
  CHECK(store_->revision() == 1);
}

TEST_CASE_METHOD(SecretFixture, "names lead nowhere", "[secrets]") {
  for (const char* name : {"../a", "a/b", "", ".a"})
    CHECK(Set(name, "x").error().code == ErrorCode::kInvalidArgument);
  CHECK(std::filesystem::is_empty(Path("")));
}

TEST_CASE_METHOD(SecretFixture, "a version that was made before one of its secrets changed is known",
                 "[secrets]") {
  REQUIRE(Set("a", "1").ok());
  FunctionVersion version;
  version.settings.secrets = {{"a", "a"}};
  version.secrets_revision = store_->revision();
  CHECK_FALSE(store_->ChangedSince(version));
  REQUIRE(Set("b", "1").ok());
  CHECK_FALSE(store_->ChangedSince(version));
  REQUIRE(Set("a", "2").ok());
  CHECK(store_->ChangedSince(version));
}

}  // namespace
}  // namespace hearth
