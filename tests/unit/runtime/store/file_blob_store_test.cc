#include "runtime/store/file_blob_store.h"

#include <catch2/catch.hpp>

#include "tests/unit/runtime/store/temporary_folder.h"
#include "tests/unit/runtime/store/test_executor.h"

namespace hearth {
namespace {

class BlobFixture {
 public:
  void Reopen() {
    store.reset();
    store = std::move(FileBlobStore::Open(folder.path() + "/blobs", executor)).value();
  }
  Status Put(const std::string& name, const std::string& bytes) {
    return Await<void>(executor, [&](auto done) { store->Put(name, bytes, done); });
  }
  Result<std::string> Get(const std::string& name) {
    return Await<std::string>(executor, [&](auto done) { store->Get(name, done); });
  }
  Status Remove(const std::string& name) {
    return Await<void>(executor, [&](auto done) { store->Remove(name, done); });
  }

  TemporaryFolder folder;
  TestExecutor executor;
  std::unique_ptr<FileBlobStore> store =
      std::move(FileBlobStore::Open(folder.path() + "/blobs", executor)).value();
};

}  // namespace

TEST_CASE_METHOD(BlobFixture, "blob stored, read, read after a restart, removed", "[store][blob]") {
  CHECK(Put("code/resize.so", std::string("\x7f"
                                          "ELF\0",
                                          5))
            .ok());
  CHECK(Get("code/resize.so").value().size() == 5);
  CHECK(ReadFile(store->PathOf("code/resize.so")).value().size() == 5);
  Reopen();
  CHECK(Get("code/resize.so").value().size() == 5);
  CHECK(Remove("code/resize.so").ok());
  CHECK(Remove("code/resize.so").ok());
  CHECK(Get("code/resize.so").error().code == ErrorCode::kNotFound);
}

TEST_CASE_METHOD(BlobFixture, "blob stored twice", "[store][blob]") {
  CHECK(Put("a", "1").ok());
  CHECK(Put("a", "1").ok());
  CHECK(Put("a", "2").error().code == ErrorCode::kAlreadyExists);
  CHECK(Get("a").value() == "1");
}

TEST_CASE_METHOD(BlobFixture, "blob names that leave the folder or are none", "[store][blob]") {
  for (const char* name : {"", "/etc/x", "../x", "a/../x", "a//b", "a/", ".hidden", "a/.b", "a b", "a\nb"}) {
    CHECK(Put(name, "x").error().code == ErrorCode::kInvalidArgument);
  }
  CHECK(Put(std::string(255, 'n'), "x").ok());
  CHECK(Put(std::string(256, 'n'), "x").error().code == ErrorCode::kInvalidArgument);
}

TEST_CASE_METHOD(BlobFixture, "crash left a half written blob", "[store][blob]") {
  const std::string left = folder.path() + "/blobs/.unfinished.new";
  REQUIRE(WriteFileAtomically(left, "half").ok());
  Reopen();
  CHECK_FALSE(PathExists(left));
}

}  // namespace hearth
