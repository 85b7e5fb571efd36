#include "runtime/store/data_folder.h"

#include <unistd.h>

#include <catch2/catch.hpp>

#include "runtime/base/files.h"
#include "tests/unit/runtime/store/temporary_folder.h"

namespace hearth {
namespace {

class DataFolderFixture {
 protected:
  Result<DataFolder> Open() { return DataFolder::Open(path_, "0.3.0"); }
  void WriteFormat(const std::string& text) {
    REQUIRE(MakeFolders(path_).ok());
    REQUIRE(WriteFileAtomically(path_ + "/format", text).ok());
  }
  std::string Format() { return ReadFile(path_ + "/format").value(); }

  TemporaryFolder root_;
  std::string path_ = root_.path() + "/data";
};

TEST_CASE_METHOD(DataFolderFixture, "a new folder gets the format of this build", "[store][data-folder]") {
  const auto folder = Open();
  REQUIRE(folder.ok());
  CHECK(Format() == "hearth-data 1, written by hearthd 0.3.0\n");
}

TEST_CASE_METHOD(DataFolderFixture, "a folder of before there were formats is of the first",
                 "[store][data-folder]") {
  REQUIRE(MakeFolders(path_).ok());
  REQUIRE(WriteFileAtomically(path_ + "/registry.db", "").ok());
  REQUIRE(Open().ok());
  CHECK(Format().starts_with("hearth-data 1"));
}

TEST_CASE_METHOD(DataFolderFixture, "who holds the folder is named; it is free again when they go",
                 "[store][data-folder]") {
  {
    const auto first = Open();
    REQUIRE(first.ok());
    const auto second = Open();
    REQUIRE_FALSE(second.ok());
    CHECK(second.error().code == ErrorCode::kUnavailable);
    CHECK(second.error().message == "another hearthd (pid " + std::to_string(::getpid()) + ") works in " +
                                        path_ + "; stop it, or give another --data-dir");
  }
  CHECK(Open().ok());
}

TEST_CASE_METHOD(DataFolderFixture, "data of the newest format that is known, and of one past it",
                 "[store][data-folder]") {
  const std::string newest = "hearth-data " + std::to_string(kDataFormat) + ", written by hearthd 0.9.0\n";
  WriteFormat(newest);
  CHECK(Open().ok());
  CHECK(Format() == newest);
  const std::string next = "hearth-data " + std::to_string(kDataFormat + 1) + ", written by hearthd 1.0.0\n";
  WriteFormat(next);
  const auto refused = Open();
  REQUIRE_FALSE(refused.ok());
  CHECK(refused.error().code == ErrorCode::kMisconfigured);
  CHECK(refused.error().message ==
        path_ +
            " has data of format 2, written by hearthd 1.0.0; this is hearthd 0.3.0, which knows formats up "
            "to 1. Nothing was changed. Start hearthd 1.0.0, or restore a backup of before into another "
            "folder");
  CHECK(Format() == next);
}

TEST_CASE_METHOD(DataFolderFixture, "a format that cannot be read is said, not guessed",
                 "[store][data-folder]") {
  for (const char* text : {"", "hearth-data", "hearth-data x", "hearth-data -1",
                           "hearth-data 99999999999999999999", "something else 1"}) {
    INFO(text);
    WriteFormat(text);
    const auto refused = Open();
    REQUIRE_FALSE(refused.ok());
    CHECK(refused.error().code == ErrorCode::kCorrupt);
  }
}

}  // namespace
}  // namespace hearth
