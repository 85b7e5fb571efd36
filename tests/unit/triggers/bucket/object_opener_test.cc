#include "triggers/bucket/object_opener.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>

#include <catch2/catch.hpp>

#include "tests/unit/runtime/loop/loop_fixture.h"
#include "tests/unit/triggers/bucket/temporary_folder.h"

namespace hearth {
namespace {

namespace fs = std::filesystem;

struct ViewFixture {
  TemporaryFolder scratch;
  BucketRoot root = AttachRoot(scratch.path().string()).value();
  ReadOnlyView view;

  ObjectIdentity Write(const std::string& key, std::string_view text) {
    WriteWhole(scratch.path() / key, text);
    return Identity(key);
  }
  ObjectIdentity Identity(const std::string& key) {
    struct stat st {};
    REQUIRE(::stat((scratch.path() / key).c_str(), &st) == 0);
    return IdentityOf(st);
  }
  UniqueFd Open(const std::string& key, const ObjectIdentity& identity) {
    auto object = view.Open(root, key, identity);
    REQUIRE(object.ok());
    INFO((*object)->problem);
    REQUIRE((*object)->fd.valid());
    return std::move((*object)->fd);
  }
  std::string Text(const UniqueFd& fd) {
    char text[100];
    const ssize_t size = ::read(fd.get(), text, sizeof text);
    REQUIRE(size >= 0);
    return {text, static_cast<size_t>(size)};
  }
};

TEST_CASE_METHOD(ViewFixture, "an object is opened with the content of its event", "[bucket]") {
  fs::create_directories(scratch.path() / "a/b");
  const ObjectIdentity identity = Write("a/b/cat", "meow");
  auto object = view.Open(root, "a/b/cat", identity);
  REQUIRE(object.ok());
  CHECK(Text((*object)->fd) == "meow");
  CHECK(IdentityOf([&] {
          struct stat st {};
          ::fstat((*object)->fd.get(), &st);
          return st;
        }()) == ObjectIdentity{(*object)->inode, (*object)->size, (*object)->mtime_ns, (*object)->ctime_ns});
}

TEST_CASE_METHOD(ViewFixture, "each time it has an offset of its own", "[bucket]") {
  const ObjectIdentity identity = Write("cat", "meow");
  const UniqueFd first = Open("cat", identity), second = Open("cat", identity);
  CHECK(Text(first) == "meow");
  CHECK(Text(second) == "meow");
}

TEST_CASE_METHOD(ViewFixture, "who has an object open cannot change it, though the file be its own",
                 "[bucket]") {
  if (::geteuid() != 0) {
    WARN("needs root, to make mounts; others are held by a filter (seccomp_test)");
    return;
  }
  const ObjectIdentity identity = Write("cat", "meow");
  const UniqueFd fd = Open("cat", identity);
  CHECK((::fchmod(fd.get(), 0777) != 0 && errno == EROFS));
  CHECK((::futimens(fd.get(), nullptr) != 0 && errno == EROFS));
  CHECK(::write(fd.get(), "x", 1) < 0);
  CHECK(::ftruncate(fd.get(), 0) != 0);
  CHECK(::mmap(nullptr, 4, PROT_READ | PROT_WRITE, MAP_SHARED, fd.get(), 0) == MAP_FAILED);
  CHECK(::mmap(nullptr, 4, PROT_READ | PROT_EXEC, MAP_PRIVATE, fd.get(), 0) == MAP_FAILED);
  CHECK(::linkat(fd.get(), "", AT_FDCWD, (scratch.path() / "link").c_str(), AT_EMPTY_PATH) != 0);
  CHECK(::openat(fd.get(), "..", O_RDONLY) < 0);
  CHECK(::openat(fd.get(), ".", O_RDONLY) < 0);
  CHECK(Identity("cat") == identity);
}

TEST_CASE_METHOD(ViewFixture, "changed, replaced, deleted: not opened", "[bucket]") {
  const ObjectIdentity identity = Write("cat", "meow");
  SECTION("written again") { Write("cat", "woof"); }
  SECTION("replaced") {
    Write("other", "meow");
    fs::rename(scratch.path() / "other", scratch.path() / "cat");
  }
  SECTION("deleted") { fs::remove(scratch.path() / "cat"); }
  SECTION("now a folder") {
    fs::remove(scratch.path() / "cat");
    fs::create_directory(scratch.path() / "cat");
  }
  SECTION("now a link to itself, renamed") {
    fs::rename(scratch.path() / "cat", scratch.path() / "real");
    fs::create_symlink("real", scratch.path() / "cat");
  }
  const auto object = view.Open(root, "cat", identity);
  REQUIRE_FALSE(object.ok());
  CHECK(object.error().code == ErrorCode::kPrecondition);
}

TEST_CASE_METHOD(ViewFixture, "a key that leads out of the bucket is not opened", "[bucket]") {
  TemporaryFolder outside;
  WriteWhole(outside.path() / "secret", "secret");
  struct stat st {};
  REQUIRE(::stat((outside.path() / "secret").c_str(), &st) == 0);
  fs::create_directory_symlink(outside.path(), scratch.path() / "way");
  for (const std::string& key :
       {std::string("way/secret"), "../" + outside.path().filename().string() + "/secret",
        (outside.path() / "secret").string()}) {
    INFO(key);
    CHECK_FALSE(view.Open(root, key, IdentityOf(st)).ok());
  }
}

TEST_CASE_METHOD(ViewFixture, "another folder stands at the bucket's path: unavailable, not another's file",
                 "[bucket]") {
  const fs::path bucket = scratch.path() / "bucket";
  fs::create_directory(bucket);
  const BucketRoot old_root = AttachRoot(bucket.string()).value();
  fs::rename(bucket, scratch.path() / "moved");
  fs::create_directory(bucket);
  const ObjectIdentity identity = Write("bucket/cat", "meow");
  const auto object = view.Open(old_root, "cat", identity);
  REQUIRE_FALSE(object.ok());
  CHECK(object.error().code == ErrorCode::kUnavailable);
}

struct OpenerFixture : LoopFixture, ViewFixture {
  WorkThread disk{*loop, "bucket-disk"};
};

TEST_CASE_METHOD(OpenerFixture, "all that wait are opened, in order, and told later", "[bucket]") {
  ObjectOpener opener(*loop, disk);
  std::vector<std::string> texts;
  for (const char* key : {"a", "b", "c"}) {
    opener.Open(root, key, Write(key, key), [&](Result<std::shared_ptr<EventObject>> object) {
      REQUIRE(object.ok());
      texts.push_back(Text((*object)->fd));
    });
  }
  CHECK(texts.empty());
  RunUntil([&] { return texts.size() == 3; });
  CHECK(texts == std::vector<std::string>{"a", "b", "c"});
}

TEST_CASE_METHOD(OpenerFixture, "the bucket's folder is missing: unavailable, later", "[bucket]") {
  ObjectOpener opener(*loop, disk);
  std::optional<ErrorCode> code;
  opener.Open(std::nullopt, "a", {},
              [&](Result<std::shared_ptr<EventObject>> object) { code = object.error().code; });
  CHECK_FALSE(code);
  RunUntil([&] { return code.has_value(); });
  CHECK(code == ErrorCode::kUnavailable);
}

TEST_CASE_METHOD(OpenerFixture, "an opener that has gone calls nobody", "[bucket]") {
  auto opener = std::make_unique<ObjectOpener>(*loop, disk);
  bool called = false;
  opener->Open(root, "a", Write("a", "a"), [&](Result<std::shared_ptr<EventObject>>) { called = true; });
  opener.reset();
  RunSomeTurns();
  CHECK_FALSE(called);
}

}  // namespace
}  // namespace hearth
