#include "runtime/registry/merged_layers.h"

#include <sys/stat.h>
#include <unistd.h>

#include <filesystem>

#include <catch2/catch.hpp>

#include "runtime/model/artefact_checker.h"
#include "tests/unit/runtime/store/temporary_folder.h"

namespace hearth {
namespace {

struct LayersFixture {
  std::string Folder(const std::string& name) const { return folder.path() + "/" + name; }
  void Write(const std::string& path, const std::string& text) const {
    const std::string whole = Folder(path);
    REQUIRE(MakeFolders(std::filesystem::path(whole).parent_path().string()).ok());
    REQUIRE(WriteFileAtomically(whole, text).ok());
  }
  std::string Read(const std::string& path) const {
    const auto text = ReadFile(Folder(path));
    return text.ok() ? *text : "none";
  }
  void Sparse(const std::string& path, uint64_t bytes) const {
    Write(path, "");
    REQUIRE(::truncate(Folder(path).c_str(), static_cast<off_t>(bytes)) == 0);
  }
  TemporaryFolder folder;
};

TEST_CASE_METHOD(LayersFixture, "of two files with one name that of the later layer is seen", "[layers]") {
  Write("low/both", "low");
  Write("low/sub/low", "l");
  Write("high/both", "high");
  Write("high/sub/high", "h");
  REQUIRE(MergeFolders({Folder("low"), Folder("high")}, Folder("merged")).ok());
  CHECK(Read("merged/both") == "high");
  CHECK(Read("merged/sub/low") == "l");
  CHECK(Read("merged/sub/high") == "h");
  REQUIRE(MergeFolders({Folder("high"), Folder("low")}, Folder("merged")).ok());
  CHECK(Read("merged/both") == "low");
  CHECK(Read("low/both") == "low");
  CHECK(Read("high/both") == "high");
}

TEST_CASE_METHOD(LayersFixture, "a file gives way to a later folder, and a folder to a later file",
                 "[layers]") {
  Write("low/way", "file");
  Write("high/way/in", "folder");
  REQUIRE(MergeFolders({Folder("low"), Folder("high")}, Folder("merged")).ok());
  CHECK(Read("merged/way/in") == "folder");
  REQUIRE(MergeFolders({Folder("high"), Folder("low")}, Folder("merged")).ok());
  CHECK(Read("merged/way") == "file");
  CHECK(Read("high/way/in") == "folder");
}

TEST_CASE_METHOD(LayersFixture, "modes are the layers', and no byte is there twice", "[layers]") {
  Write("one/tool", "#!");
  REQUIRE(::chmod(Folder("one/tool").c_str(), 0755) == 0);
  Write("two/text", "t");
  REQUIRE(MergeFolders({Folder("one"), Folder("two")}, Folder("merged")).ok());
  struct stat before {
  }, after{};
  REQUIRE(::stat(Folder("one/tool").c_str(), &before) == 0);
  REQUIRE(::stat(Folder("merged/tool").c_str(), &after) == 0);
  CHECK((after.st_mode & 07777) == 0755);
  CHECK(after.st_ino == before.st_ino);
  REQUIRE(RemoveTree(Folder("one")).ok());
  CHECK(Read("merged/tool") == "#!");
}

TEST_CASE_METHOD(LayersFixture, "what a crash left half merged is done afresh", "[layers]") {
  Write("merged/left", "over");
  Write("one/a", "a");
  REQUIRE(MergeFolders({Folder("one")}, Folder("merged")).ok());
  CHECK(Read("merged/left") == "none");
  CHECK_FALSE(MergeFolders({Folder("nowhere")}, Folder("merged")).ok());
}

TEST_CASE_METHOD(LayersFixture, "code and layers at their limit together and one byte past it", "[layers]") {
  Sparse("code/sub/big", kUnpackedBytesMax - 10);
  Sparse("layer/rest", 10);
  CHECK(CheckUnpackedSize({Folder("code"), Folder("layer")}).ok());
  Sparse("layer/one", 1);
  const Status over = CheckUnpackedSize({Folder("code"), Folder("layer")});
  REQUIRE_FALSE(over.ok());
  CHECK(over.error().code == ErrorCode::kInvalidArgument);
  CHECK(over.error().message ==
        "Function code combined with layers exceeds the maximum allowed size of 262144000 bytes. The actual "
        "size is 262144001 bytes.");
}

}  // namespace
}  // namespace hearth
