#include "triggers/bucket/receipt_book.h"

#include <catch2/catch.hpp>

#include "runtime/loop/manual_executor.h"
#include "runtime/store/memory_key_store.h"

namespace hearth {
namespace {

const ObjectIdentity kFirst{1, 2, 3, 4};
const ObjectIdentity kSecond{1, 2, 3, 5};

struct ReceiptBookFixture {
  ManualExecutor executor;
  MemoryKeyStore keys{executor};
  std::unique_ptr<ReceiptBook> book;

  ReceiptBookFixture() { Reopen(); }
  void Reopen() {
    book = std::make_unique<ReceiptBook>(keys, "photos");
    book->Load([](const Status& loaded) { REQUIRE(loaded.ok()); });
    executor.RunPosted();
  }
  void Record(const std::string& key, Receipt::State state = Receipt::State::kDone) {
    book->Record({state, "resize", key, kFirst, state == Receipt::State::kFailed ? "it broke\nbadly" : ""},
                 [](const Status& stored) { REQUIRE(stored.ok()); });
    executor.RunPosted();
  }
  void Put(const std::string& key, const std::string& value) {
    keys.Apply({{key, value}}, [](const Status& stored) { REQUIRE(stored.ok()); });
    executor.RunPosted();
  }
};

TEST_CASE("a receipt is read as it was written", "[bucket]") {
  const Receipt receipt{
      Receipt::State::kFailed, "resize:prod", "a b\n\xff", {1, UINT64_MAX, -3, INT64_MAX}, "no luck"};
  const auto read = DecodeReceipt(EncodeReceipt(receipt));
  REQUIRE(read.ok());
  CHECK(read->state == receipt.state);
  CHECK(read->target == receipt.target);
  CHECK(read->key == receipt.key);
  CHECK(read->identity == receipt.identity);
  CHECK(read->error == receipt.error);
}

TEST_CASE("a receipt of the format's first version is still read", "[bucket]") {
  const auto read = DecodeReceipt("1 done 42 7 1000 2000 resize in/cat+1.png ");
  REQUIRE(read.ok());
  CHECK(read->identity == ObjectIdentity{42, 7, 1000, 2000});
  CHECK(read->key == "in/cat 1.png");
}

TEST_CASE("a receipt with a hash is of the second version, one without of the first", "[bucket]") {
  Receipt receipt{Receipt::State::kDone, "resize", "a b", {1, 2, 3, 4}, "", std::string(64, 'c')};
  CHECK(EncodeReceipt(receipt) == "2 done 1 2 3 4 resize a+b " + std::string(64, 'c') + " ");
  CHECK(DecodeReceipt(EncodeReceipt(receipt))->hash == receipt.hash);
  CHECK_FALSE(DecodeReceipt("2 done 1 2 3 4 resize a " + std::string(63, 'c') + " ").ok());
  receipt.hash.clear();
  CHECK(EncodeReceipt(receipt).starts_with("1 "));
}

TEST_CASE("what is no receipt is corrupt", "[bucket]") {
  for (const char* text :
       {"", "2 done 1 2 3 4 f k ", "1 maybe 1 2 3 4 f k ", "1 done 1 2 x 4 f k ", "1 done 1 2 3 4 f"}) {
    INFO(text);
    CHECK_FALSE(DecodeReceipt(text).ok());
  }
}

TEST_CASE_METHOD(ReceiptBookFixture, "a receipt holds for its content only, over a restart too", "[bucket]") {
  Record("cat.png");
  Reopen();
  CHECK(book->Has("resize", "cat.png", kFirst));
  CHECK_FALSE(book->Has("resize", "cat.png", kSecond));
  CHECK_FALSE(book->Has("index", "cat.png", kFirst));
  CHECK_FALSE(book->Has("resize", "dog.png", kFirst));
}

TEST_CASE_METHOD(ReceiptBookFixture, "a failed receipt keeps its reason over a restart", "[bucket]") {
  Record("bad.png", Receipt::State::kFailed);
  Reopen();
  REQUIRE(book->failed().size() == 1);
  CHECK(book->failed().begin()->second.error == "it broke\nbadly");
  book->Forget("resize", "bad.png");
  CHECK(book->failed().empty());
}

TEST_CASE_METHOD(ReceiptBookFixture, "the store fails: the receipt does not count", "[bucket]") {
  keys.FailNext({ErrorCode::kIo, "disk full"});
  bool failed = false;
  book->Record({Receipt::State::kDone, "resize", "cat.png", kFirst, ""},
               [&](const Status& s) { failed = !s.ok(); });
  executor.RunPosted();
  CHECK(failed);
  CHECK_FALSE(book->Has("resize", "cat.png", kFirst));
}

TEST_CASE_METHOD(ReceiptBookFixture, "a scan sweeps what it neither saw nor recorded", "[bucket]") {
  Record("seen");
  Record("changed");
  Record("gone");
  book->BeginScan();
  (void)book->Has("resize", "seen", kFirst);
  (void)book->Has("resize", "changed", kSecond);
  Record("new");
  CHECK(book->seen_in_scan() == 2);
  book->Sweep();
  executor.RunPosted();
  Reopen();
  CHECK(book->size() == 3);
  CHECK_FALSE(book->Has("resize", "gone", kFirst));
}

TEST_CASE_METHOD(ReceiptBookFixture, "a key longer than the store's has a receipt", "[bucket]") {
  Record(std::string(4000, 'k'));
  Reopen();
  CHECK(book->Has("resize", std::string(4000, 'k'), kFirst));
}

TEST_CASE_METHOD(ReceiptBookFixture, "a receipt that cannot be read counts as none", "[bucket]") {
  Put("receipt/photos/00000000000000000000000000000000", "garbage");
  Record("cat.png");
  Reopen();
  CHECK(book->size() == 1);
}

}  // namespace
}  // namespace hearth
