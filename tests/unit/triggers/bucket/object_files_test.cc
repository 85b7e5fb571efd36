#include "triggers/bucket/object_files.h"

#include <catch2/catch.hpp>

#include "tests/unit/triggers/bucket/temporary_folder.h"
#include "triggers/bucket/bucket_door.h"
#include "triggers/bucket/s3_event_json.h"

namespace hearth {
namespace {

namespace fs = std::filesystem;

struct ObjectFilesFixture {
  TemporaryFolder folder;
  uint64_t random = 0;

  Result<ObjectIdentity> Put(const std::string& key, std::string_view text,
                             const ObjectCondition& condition = {}) {
    auto incoming = IncomingObject::Create(folder.path().string(), ++random);
    REQUIRE(incoming.ok());
    REQUIRE((*incoming)->Write(text).ok());
    return (*incoming)->Commit(key, condition);
  }
};

TEST_CASE_METHOD(ObjectFilesFixture, "nobody sees an object before it is whole, nor what is given up",
                 "[bucket]") {
  auto incoming = IncomingObject::Create(folder.path().string(), 1);
  REQUIRE((*incoming)->Write("half").ok());
  CHECK_FALSE(OpenObjectFile(folder.path().string(), "a/b").ok());
  REQUIRE((*incoming)->Commit("a/b", {}).ok());
  incoming = IncomingObject::Create(folder.path().string(), 2);
  REQUIRE((*incoming)->Write("other").ok());
  *incoming = nullptr;
  const auto object = OpenObjectFile(folder.path().string(), "a/b");
  REQUIRE(object.ok());
  CHECK(*ReadObject(*object, 0, 4) == "half");
  CHECK(fs::is_empty(folder.path() / ".hearth-puts"));
}

TEST_CASE_METHOD(ObjectFilesFixture, "what an earlier life left is swept", "[bucket]") {
  fs::create_directory(folder.path() / ".hearth-puts");
  WriteWhole(folder.path() / ".hearth-puts" / "77", "left");
  SweepIncoming(folder.path().string());
  CHECK(fs::is_empty(folder.path()));
  SweepIncoming(folder.path().string());
}

TEST_CASE_METHOD(ObjectFilesFixture, "an object that is a folder, symlink or behind one is not there",
                 "[bucket]") {
  TemporaryFolder elsewhere;
  WriteWhole(elsewhere.path() / "secret", "x");
  fs::create_directory_symlink(elsewhere.path(), folder.path() / "out");
  fs::create_symlink(elsewhere.path() / "secret", folder.path() / "link");
  fs::create_directory(folder.path() / "folder");
  for (const char* key : {"out/secret", "link", "folder", "nothing"}) {
    INFO(key);
    CHECK(OpenObjectFile(folder.path().string(), key).error().code == ErrorCode::kNotFound);
  }
  CHECK_FALSE(Put("out/new", "x").ok());
  CHECK_FALSE(fs::exists(elsewhere.path() / "new"));
}

TEST_CASE_METHOD(ObjectFilesFixture, "conditions hold at the moment of the change", "[bucket]") {
  const auto first = Put("key", "one", {.if_match = "", .if_none_match = "*"});
  REQUIRE(first.ok());
  CHECK(Put("key", "two", {.if_match = "", .if_none_match = "*"}).error().code == ErrorCode::kPrecondition);
  CHECK(Put("key", "two", {.if_match = "\"nope\"", .if_none_match = ""}).error().code ==
        ErrorCode::kPrecondition);
  const auto second = Put("key", "two", {.if_match = "\"" + ETagOf(*first) + "\"", .if_none_match = ""});
  REQUIRE(second.ok());
  CHECK(DeleteObject(folder.path().string(), "key", {"\"" + ETagOf(*first) + "\"", ""}).error().code ==
        ErrorCode::kPrecondition);
  CHECK(DeleteObject(folder.path().string(), "key", {"\"a\", W/\"" + ETagOf(*second) + "\"", ""}).ok());
  CHECK(DeleteObject(folder.path().string(), "key", {}).ok());
}

TEST_CASE("keys at their limits and one past them", "[bucket]") {
  const std::string part(255, 'p');
  const std::string at = part + "/" + part + "/" + part + "/" + part + "/";  // 1024 with its last slash
  CHECK(ValidateObjectKey(at.substr(0, 768) + std::string(127, 'p') + "/" + std::string(128, 'p')).ok());
  CHECK(ValidateObjectKey(at.substr(0, 768) + part + "/x").error().code == ErrorCode::kInvalidArgument);
  CHECK(ValidateObjectKey(part).ok());
  CHECK_FALSE(ValidateObjectKey(part + "p").ok());
  for (const std::string& key : {std::string(), std::string("/a"), std::string("a/"), std::string("a//b"),
                                 std::string("."), std::string("a/.."), std::string("a\0b", 3)}) {
    CHECK_FALSE(ValidateObjectKey(key).ok());
  }
}

TEST_CASE("ranges", "[bucket]") {
  const auto range = [](const char* header, uint64_t size) {
    const auto found = ResolveRange(header, size);
    return found ? std::to_string(found->from) + "+" + std::to_string(found->bytes) +
                       (found->partial ? "p" : "")
                 : "none";
  };
  CHECK(range("", 10) == "0+10");
  CHECK(range("bytes=0-0", 10) == "0+1p");
  CHECK(range("bytes=5-", 10) == "5+5p");
  CHECK(range("bytes=-4", 10) == "6+4p");
  CHECK(range("bytes=-40", 10) == "0+10p");
  CHECK(range("bytes=9-18446744073709551615", 10) == "9+1p");
  CHECK(range("bytes=10-", 10) == "none");
  CHECK(range("bytes=-1", 0) == "none");
  CHECK(range("bytes=x-y", 10) == "0+10");
  CHECK(range("bytes=5-4", 10) == "0+10");
  CHECK(range("bytes=-", 10) == "0+10");
}

}  // namespace
}  // namespace hearth
