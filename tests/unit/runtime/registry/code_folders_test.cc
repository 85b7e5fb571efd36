#include "runtime/registry/code_folders.h"

#include "tests/unit/runtime/registry/registry_fixture.h"

namespace hearth {
namespace {

TEST_CASE_METHOD(CodeFixture, "a zip is unpacked into a folder of its hash, and nothing else is left",
                 "[code]") {
  const auto stored = Store(ZipOf("one"));
  REQUIRE(stored.ok());
  CHECK(ContentOf(*stored) == ZipOf("one"));
  CHECK(stored->size_bytes == 7);
  CHECK(stored->sha256_base64.size() == 44);
  CHECK(Entries().size() == 1);
}

TEST_CASE_METHOD(CodeFixture, "a bare object becomes the library that the handler names", "[code]") {
  const auto stored = Store(kBareObject, "lib.so");
  REQUIRE(stored.ok());
  CHECK(ContentOf(*stored) == kBareObject);
  const auto other_name = Store(kBareObject, "libother.so");
  REQUIRE(other_name.ok());
  CHECK(other_name->folder != stored->folder);
  CHECK(other_name->sha256_base64 == stored->sha256_base64);
}

TEST_CASE_METHOD(CodeFixture, "the same package twice shares a folder and is unpacked once", "[code]") {
  const auto first = Store(ZipOf("same"));
  const auto second = Store(ZipOf("same"));
  REQUIRE(second.ok());
  CHECK(first->folder == second->folder);
  CHECK(checker_.unpacked == 1);
}

// A bug once: both worked in one folder; one of them was refused, or served half a package.
TEST_CASE_METHOD(CodeFixture, "the same package twice at once", "[code]") {
  const std::string package = GENERATE(ZipOf("same"), kBareObject);
  checker_.held = true;
  std::vector<Result<CodeArtefact>> replies;
  for (int i = 0; i < 2; ++i) {
    code_->Store(package, "lib.so", checker_,
                 [&](Result<CodeArtefact> reply) { replies.push_back(std::move(reply)); });
  }
  executor_.RunUntil([&] { return replies.size() == 2 || checker_.waiting() == 2; });
  checker_.LetGo();
  executor_.RunUntil([&] { return replies.size() == 2; });
  REQUIRE(replies[0].ok());
  REQUIRE(replies[1].ok());
  CHECK(replies[0]->folder == replies[1]->folder);
  CHECK(ContentOf(*replies[0]) == package);
  CHECK(Entries().size() == 1);
}

TEST_CASE_METHOD(CodeFixture, "a zip that is refused leaves nothing behind", "[code]") {
  checker_.unpack_verdict = Error{ErrorCode::kBadArtefact, "entry ../x leaves the folder"};
  const auto stored = Store(ZipOf("evil"));
  REQUIRE_FALSE(stored.ok());
  CHECK(stored.error().message == "entry ../x leaves the folder");
  CHECK(Entries().empty());
  checker_.unpack_verdict = Ok();
  CHECK(Store(ZipOf("evil")).ok());
}

TEST_CASE_METHOD(CodeFixture, "what is neither zip nor ELF is refused", "[code]") {
  const std::string package = GENERATE("", "P", "#!/bin/sh",
                                       "\x7f"
                                       "EL",
                                       "PK\x05\x06");
  const auto stored = Store(package);
  REQUIRE_FALSE(stored.ok());
  CHECK(stored.error().code == ErrorCode::kBadArtefact);
}

TEST_CASE_METHOD(CodeFixture, "a package at the limit is taken, one byte past it is not", "[code]") {
  std::string package = kBareObject;
  package.resize(kPackageBytesMax);
  CHECK(Store(package).ok());
  package += 'x';
  const auto over = Store(std::move(package));
  REQUIRE_FALSE(over.ok());
  CHECK(over.error().code == ErrorCode::kTooLarge);
  CHECK(over.error().message.find("52428801") != std::string::npos);
  CHECK(over.error().message.find("52428800") != std::string::npos);
}

TEST_CASE_METHOD(CodeFixture, "a half-written folder from a crash does not matter, and is collected",
                 "[code]") {
  const auto stored = Store(ZipOf("one"));
  const std::string half = stored->folder + ".1.new", old_form = stored->folder + ".new";
  REQUIRE(RemoveTree(stored->folder).ok());
  Restart();
  for (const std::string& folder : {half, old_form}) {
    REQUIRE(MakeFolders(folder + "/sub").ok());
    REQUIRE(WriteFileAtomically(folder + "/lib.so", "half").ok());
    REQUIRE(WriteFileAtomically(folder + ".zip", "half").ok());
  }
  const auto again = Store(ZipOf("one"));
  REQUIRE(again.ok());
  CHECK(ContentOf(*again) == ZipOf("one"));
  code_->Collect({again->folder});
  CHECK(Entries() == std::set{std::filesystem::path(again->folder).filename().string()});
}

TEST_CASE_METHOD(CodeFixture, "gone while a package is on its way: nobody is called back", "[code]") {
  checker_.held = true;
  bool told = false;
  code_->Store(ZipOf("one"), "lib.so", checker_, [&](const Result<CodeArtefact>&) { told = true; });
  SECTION("before the disk has answered") {}
  SECTION("while it is unpacked") {
    executor_.RunUntil([&] { return checker_.waiting() == 1; });
  }
  code_.reset();
  checker_.LetGo();
  bool last = false;
  executor_.Post([&] { last = true; });
  executor_.RunUntil([&] { return last; });
  CHECK_FALSE(told);
}

}  // namespace
}  // namespace hearth
