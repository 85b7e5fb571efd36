#include "triggers/bucket/content_hasher.h"

#include <sys/stat.h>

#include "tests/unit/triggers/bucket/bucket_fixture.h"

namespace hearth {
namespace {

struct HasherFixture : LoopFixture {
  TemporaryFolder scratch;
  BucketRoot root = AttachRoot(scratch.path().string()).value();
  WorkThread thread{*loop, "bucket-hash"};
  ContentHasher hasher{*loop, thread};

  ObjectIdentity Identity(const std::string& key) {
    struct stat st {};
    REQUIRE(::stat((scratch.path() / key).c_str(), &st) == 0);
    return IdentityOf(st);
  }
  Result<std::string> Hash(const std::string& key, const ObjectIdentity& identity) {
    std::optional<Result<std::string>> answer;
    hasher.Hash(root, key, identity, [&](Result<std::string> hash) { answer = std::move(hash); });
    CHECK_FALSE(answer);
    RunUntil([&] { return answer.has_value(); });
    return *answer;
  }
};

std::string HexOf(std::string_view text) {
  const Sha256Digest digest = Sha256(text);
  return ToHex({reinterpret_cast<const char*>(digest.data()), digest.size()});
}

TEST_CASE_METHOD(HasherFixture, "a hash is SHA-256 of the whole content, over as many steps as it takes",
                 "[bucket]") {
  for (const size_t size : {size_t{0}, size_t{5}, ContentHasher::kStepBytes, ContentHasher::kStepBytes + 1}) {
    INFO(size);
    const std::string content(size, 'x');
    WriteWhole(scratch.path() / "a", content);
    const auto hash = Hash("a", Identity("a"));
    REQUIRE(hash.ok());
    CHECK(*hash == HexOf(content));
  }
}

TEST_CASE_METHOD(HasherFixture, "other content than was asked for has no hash", "[bucket]") {
  WriteWhole(scratch.path() / "a", "first");
  const ObjectIdentity identity = Identity("a");
  WriteWhole(scratch.path() / "a", "other");
  CHECK(Hash("a", identity).error().code == ErrorCode::kPrecondition);
  fs::remove(scratch.path() / "a");
  CHECK_FALSE(Hash("a", identity).ok());
}

TEST_CASE_METHOD(HasherFixture, "changed while it is read: no hash", "[bucket]") {
  WriteWhole(scratch.path() / "a", "first");
  auto file = HashedFile::Open(root, "a", Identity("a"));
  REQUIRE(file.ok());
  WriteWhole(scratch.path() / "a", "other, and longer");
  CHECK((*file)->Read(1 << 20).error().code == ErrorCode::kPrecondition);
}

TEST_CASE_METHOD(HasherFixture, "a file at the size that is hashed and one past it", "[bucket]") {
  const auto sparse = [&](uint64_t size) {
    WriteWhole(scratch.path() / "a", "");
    fs::resize_file(scratch.path() / "a", size);
    return HashedFile::Open(root, "a", Identity("a"));
  };
  CHECK(sparse(HashedFile::kBytesMax).ok());
  const auto past = sparse(HashedFile::kBytesMax + 1);
  REQUIRE_FALSE(past.ok());
  CHECK(past.error().code == ErrorCode::kTooLarge);
}

struct TouchedFixture : BucketTriggerFixture {
  void MakeHashing(bool hashes = true) {
    json document = Document();
    document["ContentHash"] = hashes;
    REQUIRE(Put("photos", document).ok());
    RunUntil([&] { return StatusOf()["State"] == "Watching"; });
  }
  void Drop(const std::string& content) {
    WriteWhole(photos / "a", content);
    AwaitEvents(1);
    AwaitReceipts(1);
  }
};

TEST_CASE_METHOD(TouchedFixture, "touched, not changed: not run again", "[bucket]") {
  MakeHashing();
  Drop("same");
  SECTION("another mode") { fs::permissions(photos / "a", fs::perms::owner_read); }
  SECTION("another time") { REQUIRE(::utimensat(AT_FDCWD, (photos / "a").c_str(), nullptr, 0) == 0); }
  SECTION("written with the same bytes") { WriteWhole(photos / "a", "same"); }
  SECTION("replaced by its copy") {
    WriteWhole(photos / "a.part", "same");
    fs::rename(photos / "a.part", photos / "a");
  }
  Scan();
  RunUntil([&] { return StatusOf()["Unchanged"] >= 1; });
  Scan();
  CHECK(sink.delivered().size() == 1);
  CHECK(StatusOf()["Receipts"] == 1);
}

TEST_CASE_METHOD(TouchedFixture, "other bytes run, though the size is the same", "[bucket]") {
  MakeHashing();
  Drop("same");
  WriteWhole(photos / "a", "emas");
  AwaitEvents(2);
  AwaitReceipts(1);
  CHECK(StatusOf()["Unchanged"] == 0);
}

TEST_CASE_METHOD(TouchedFixture, "without ContentHash a touched file runs again", "[bucket]") {
  MakeHashing(false);
  Drop("same");
  fs::permissions(photos / "a", fs::perms::owner_read);
  Scan();
  AwaitEvents(2);
}

TEST_CASE_METHOD(TouchedFixture, "hashes outlive a restart", "[bucket]") {
  MakeHashing();
  Drop("same");
  StartTrigger();
  RunUntil([&] { return StatusOf()["State"] == "Watching"; });
  fs::permissions(photos / "a", fs::perms::owner_read);
  Scan();
  RunUntil([&] { return StatusOf()["Unchanged"] >= 1; });
  CHECK(sink.delivered().size() == 1);
}

TEST_CASE_METHOD(TouchedFixture, "a file that failed for good runs again when it is touched", "[bucket]") {
  MakeHashing();
  sink.AnswerAtOnce([](const Event&) { return Failed(); });
  Drop("same");
  const size_t before = sink.delivered().size();
  fs::permissions(photos / "a", fs::perms::owner_read);
  Scan();
  AwaitEvents(before + 1);
}

}  // namespace
}  // namespace hearth
