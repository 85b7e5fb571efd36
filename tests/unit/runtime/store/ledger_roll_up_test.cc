#include "runtime/store/ledger_roll_up.h"

#include <catch2/catch.hpp>

#include "runtime/base/digest.h"
#include "tests/unit/runtime/store/ledger_fixture.h"

namespace hearth {
namespace {

RollUp SomeRollUp() {
  RollUp roll_up;
  roll_up.sequence = 7;
  roll_up.first_number = 100;
  roll_up.end_number = 250;
  roll_up.end = 4'096;
  roll_up.chain_before.fill(1);
  roll_up.chain_after.fill(2);
  roll_up.segment.fill(3);
  roll_up.previous.fill(4);
  roll_up.payload = "sums";
  return roll_up;
}

}  // namespace

TEST_CASE("roll-up survives its encoding", "[ledger]") {
  RollUp roll_up = SomeRollUp();
  const std::string bytes = EncodeRollUp(roll_up);
  const RollUp back = DecodeRollUp(bytes, "x").value();
  CHECK(back.sequence == 7);
  CHECK(back.first_number == 100);
  CHECK(back.end_number == 250);
  CHECK(back.end == 4'096);
  CHECK(back.chain_before == roll_up.chain_before);
  CHECK(back.chain_after == roll_up.chain_after);
  CHECK(back.segment == roll_up.segment);
  CHECK(back.previous == roll_up.previous);
  CHECK(back.payload == "sums");
  CHECK(back.hash == roll_up.hash);
}

// docs/ledger-format.md holds exactly these bytes.
TEST_CASE("bytes of a roll-up are what the page says", "[ledger]") {
  RollUp roll_up = SomeRollUp();
  const std::string bytes = EncodeRollUp(roll_up);
  const auto filled = [](const char* byte) {
    std::string hex;
    for (int i = 0; i < 32; ++i) hex += byte;
    return hex;
  };
  CHECK(ToHex(bytes.substr(0, 64)) ==
        "484541525448525501000000a2fff86807000000000000006400000000000000"
        "fa00000000000000001000000000000004000000000000000000000030acf5b2");
  CHECK(ToHex(bytes.substr(64, 128)) == filled("01") + filled("02") + filled("03") + filled("04"));
  CHECK(bytes.substr(192, 4) == "sums");
  CHECK(bytes.size() == 192 + 4 + 64);
  CHECK(bytes.substr(196, 32) ==
        std::string(reinterpret_cast<const char*>(Sha256(bytes.substr(0, 196)).data()), 32));
}

TEST_CASE("roll-up with any byte flipped, or cut short, is corrupt", "[ledger]") {
  RollUp roll_up = SomeRollUp();
  const std::string good = EncodeRollUp(roll_up);
  for (size_t at = 0; at < good.size(); ++at) {
    INFO("byte " << at);
    std::string bad = good;
    bad[at] = static_cast<char>(bad[at] ^ 4);
    CHECK(DecodeRollUp(bad, "x").error().code == ErrorCode::kCorrupt);
    CHECK_FALSE(DecodeRollUp(good.substr(0, at), "x").ok());
  }
  CHECK_FALSE(DecodeRollUp(good + "x", "x").ok());
}

TEST_CASE("roll-up of another format version is refused by name", "[ledger]") {
  const uint32_t version = GENERATE(0U, 2U);
  RollUp roll_up = SomeRollUp();
  std::string bytes = EncodeRollUp(roll_up);
  StoreNumber(&bytes[8], version);
  StoreNumber(&bytes[12], Crc32(std::string_view(bytes).substr(0, 12)));
  const auto decoded = DecodeRollUp(bytes, "0000000007.rollup");
  CHECK(decoded.error().code == ErrorCode::kUnsupported);
  CHECK(decoded.error().message.find("0000000007.rollup has another format version than 1") !=
        std::string::npos);
}

TEST_CASE("roll-up under another's name is not believed", "[ledger]") {
  const TemporaryFolder folder;
  RollUp roll_up = SomeRollUp();
  REQUIRE(WriteRollUp(folder.path(), roll_up).ok());
  CHECK(ReadRollUp(folder.path(), 7).value().hash == roll_up.hash);
  CHECK(ReadRollUp(folder.path(), 8).error().code == ErrorCode::kNotFound);
  REQUIRE(WriteFileAtomically(folder.path() + "/" + RollUpName(8), EncodeRollUp(roll_up)).ok());
  CHECK(ReadRollUp(folder.path(), 8).error().code == ErrorCode::kCorrupt);
}

}  // namespace hearth
