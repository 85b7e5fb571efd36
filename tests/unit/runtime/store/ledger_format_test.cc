#include "runtime/store/ledger_format.h"

#include <catch2/catch.hpp>

#include "runtime/base/digest.h"
#include "tests/unit/runtime/store/ledger_fixture.h"

namespace hearth {

// docs/ledger-format.md shows these bytes; whoever changes them changes the page and the version.
TEST_CASE_METHOD(LedgerFixture, "bytes of the worked example in docs/ledger-format.md", "[ledger]") {
  Open();  // the manual clock says 2026-11-23T00:00:00Z
  Append("hello");
  Sync();
  Close();
  const std::string segment = ReadFile(SegmentPath(0)).value();
  CHECK(ToHex(segment.substr(0, 64)) ==
        "4845415254484c4701000000ab58044b"
        "00000000000000000000000000000000"
        "000000000000000000806446e6600600"
        "000000000000000000000000ada159f2");
  CHECK(ToHex(segment.substr(64, 16)) == "05000000e986470d68656c6c6f000000");
  const std::string chain = ReadFile(folder.path() + "/" + ChainName(0)).value();
  CHECK(ToHex(chain.substr(0, 64)) ==
        "484541525448434801000000af7d0238"
        "00000000000000000000000000000000"
        "00000000000000000000000000000000"
        "00000000000000000000000095b388f2");
  CHECK(ToHex(chain.substr(64)) ==
        "00000000000000005000000000000000"
        "0100000000000000ff5e1db12c45bef0"
        "a406b5476727f93c36eca0c908c6912a"
        "1028835338a1fbd8000000004c92d087");
}

TEST_CASE("segment header survives its encoding", "[ledger]") {
  const SegmentHeader header{
      .sequence = 7, .first_number = 1'000, .previous_end = 4'096, .created = WallTime(microseconds(12))};
  const LedgerBlock block = EncodeSegmentHeader(header);
  const std::string_view bytes(block.data(), block.size());
  REQUIRE(CheckHeader(bytes, kSegmentMagic) == BlockState::kValid);
  const SegmentHeader back = DecodeSegmentHeader(bytes);
  CHECK(back.sequence == 7);
  CHECK(back.first_number == 1'000);
  CHECK(back.previous_end == 4'096);
  CHECK(back.created == header.created);
}

TEST_CASE("any flipped bit of a header is damage, never another version", "[ledger]") {
  const LedgerBlock good = EncodeSegmentHeader({.sequence = 1});
  for (size_t bit = 0; bit < kLedgerBlockBytes * 8; ++bit) {
    LedgerBlock block = good;
    block[bit / 8] = static_cast<char>(block[bit / 8] ^ (1 << bit % 8));
    INFO("bit " << bit);
    CHECK(CheckHeader({block.data(), block.size()}, kSegmentMagic) == BlockState::kDamaged);
  }
}

TEST_CASE("header cut short is damage", "[ledger]") {
  const LedgerBlock good = EncodeSegmentHeader({.sequence = 1});
  for (size_t bytes = 1; bytes < kLedgerBlockBytes; ++bytes) {
    CHECK(CheckHeader({good.data(), bytes}, kSegmentMagic) == BlockState::kDamaged);
  }
  CHECK(CheckHeader({}, kSegmentMagic) == BlockState::kEmpty);
}

TEST_CASE("record is valid only in its own place", "[ledger]") {
  std::string segment(64, '\0');
  StoreNumber<uint32_t>(&segment[0], 5);
  segment.replace(8, 5, "hello");
  StoreNumber(&segment[4], FrameCrc(3, 5, std::string_view(segment).substr(8, 8)));
  CHECK(ReadFrame(segment, 0, 3) == "hello");
  CHECK_FALSE(ReadFrame(segment, 0, 4));
  CHECK_FALSE(ReadFrame(std::string_view(segment).substr(0, 15), 0, 3));
  segment[15] = 1;  // padding is part of it
  CHECK_FALSE(ReadFrame(segment, 0, 3));
}

TEST_CASE("chain entry survives its encoding and no flipped bit", "[ledger]") {
  const ChainEntry entry{.group = 2, .end = 640, .end_number = 9, .hash = Sha256("x")};
  const LedgerBlock block = EncodeChainEntry(entry);
  const auto back = DecodeChainEntry({block.data(), block.size()});
  REQUIRE(back);
  CHECK((back->group == 2 && back->end == 640 && back->end_number == 9 && back->hash == entry.hash));
  LedgerBlock flipped = block;
  flipped[30] = static_cast<char>(flipped[30] ^ 4);
  CHECK_FALSE(DecodeChainEntry({flipped.data(), flipped.size()}));
}

}  // namespace hearth
