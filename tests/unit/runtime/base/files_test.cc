#include "runtime/base/files.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>

#include <cstdlib>

#include <catch2/catch.hpp>

namespace hearth {
namespace {

struct FolderFixture {
  std::string folder = "/tmp/hearth_files_XXXXXX";
  FolderFixture() { REQUIRE(::mkdtemp(folder.data()) != nullptr); }
  ~FolderFixture() { (void)RemoveTree(folder); }
  std::string Path(const std::string& name) const { return folder + "/" + name; }
};

}  // namespace

TEST_CASE_METHOD(FolderFixture, "a file written atomically is read back, with nothing beside it", "[base]") {
  const std::string data("a\0b", 3);
  REQUIRE(WriteFileAtomically(Path("f"), "old", 0600).ok());
  REQUIRE(WriteFileAtomically(Path("f"), data, 0600).ok());
  CHECK(ReadFile(Path("f")).value() == data);
  CHECK_FALSE(PathExists(Path("f.new")));
  struct stat st {};
  REQUIRE(::stat(Path("f").c_str(), &st) == 0);
  CHECK((st.st_mode & 0777) == 0600);
}

TEST_CASE_METHOD(FolderFixture, "what cannot be written leaves the old file", "[base]") {
  REQUIRE(WriteFileAtomically(Path("f"), "old").ok());
  REQUIRE(MakeFolders(Path("f.new")).ok());  // stands in the way
  CHECK_FALSE(WriteFileAtomically(Path("f"), "new").ok());
  CHECK(ReadFile(Path("f")).value() == "old");
}

TEST_CASE_METHOD(FolderFixture, "a file that is not there is not found, by name", "[base]") {
  const auto read = ReadFile(Path("none"));
  REQUIRE_FALSE(read.ok());
  CHECK(read.error().code == ErrorCode::kNotFound);
  CHECK_THAT(read.error().message, Catch::Contains(Path("none")));
}

TEST_CASE_METHOD(FolderFixture, "reading stops at its limit", "[base]") {
  REQUIRE(WriteFileAtomically(Path("f"), std::string(100, 'x')).ok());
  const auto read = [&](uint64_t limit) {
    return ReadAll(OpenFile(Path("f"), O_RDONLY).value().get(), limit);
  };
  CHECK(read(100).value().size() == 100);
  REQUIRE_FALSE(read(99).ok());
  CHECK(read(99).error().code == ErrorCode::kTooLarge);
}

TEST_CASE_METHOD(FolderFixture, "folders are made on the way, twice over", "[base]") {
  CHECK(MakeFolders(Path("a/b/c")).ok());
  CHECK(MakeFolders(Path("a/b/c")).ok());
  CHECK(PathExists(Path("a/b/c")));
  REQUIRE(WriteFileAtomically(Path("file"), "").ok());
  CHECK_FALSE(MakeFolders(Path("file")).ok());
  CHECK_FALSE(MakeFolders(Path("file/below")).ok());
}

TEST_CASE_METHOD(FolderFixture, "a tree is removed without following links", "[base]") {
  REQUIRE(MakeFolders(Path("tree/sub")).ok());
  REQUIRE(MakeFolders(Path("outside")).ok());
  REQUIRE(WriteFileAtomically(Path("outside/kept"), "x").ok());
  REQUIRE(::symlink(Path("outside").c_str(), Path("tree/sub/link").c_str()) == 0);
  CHECK(RemoveTree(Path("tree")).ok());
  CHECK_FALSE(PathExists(Path("tree")));
  CHECK(PathExists(Path("outside/kept")));
  CHECK(RemoveTree(Path("tree")).ok());
}

TEST_CASE("a sealed memfd has its data and refuses every change", "[base]") {
  const auto fd = MakeSealedMemfd("test", "data");
  REQUIRE(fd.ok());
  char read[8] = "";
  CHECK(::pread(fd->get(), read, sizeof read, 0) == 4);
  CHECK(std::string(read) == "data");
  CHECK(::pwrite(fd->get(), "x", 1, 0) < 0);
  CHECK(::ftruncate(fd->get(), 0) < 0);
  CHECK(::ftruncate(fd->get(), 100) < 0);
  CHECK(::fcntl(fd->get(), F_ADD_SEALS, F_SEAL_SHRINK) < 0);
}

TEST_CASE("an opened file does not pass to children", "[base]") {
  const auto fd = OpenFile("/dev/null", O_RDONLY);
  REQUIRE(fd.ok());
  CHECK((::fcntl(fd->get(), F_GETFD) & FD_CLOEXEC) != 0);
}

}  // namespace hearth
