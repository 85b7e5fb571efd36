#include "runtime/meter/ledger_entry.h"

#include <catch2/catch.hpp>

#include "runtime/base/digest.h"
#include "tests/unit/runtime/meter/meter_fixture.h"

namespace hearth {
namespace {

AccountEntry SomeEntry() {
  return {.number = 5, .kind = "tags.set", .recorded = kNoon, .boot_id = 0x0102, .json = "{}"};
}

}  // namespace

TEST_CASE("kinds of ledger entries are told apart", "[meter]") {
  CHECK(EntryKindOf(EncodeRecord(SomeRecord()).value()).value() == LedgerEntryKind::kRecord);
  CHECK(EntryKindOf(EncodeAccountEntry(SomeEntry()).value()).value() == LedgerEntryKind::kAccountEvent);
  CHECK(EntryKindOf("\1anything").value() == LedgerEntryKind::kRecordVersion1);
  CHECK(EntryKindOf("").error().code == ErrorCode::kCorrupt);
  CHECK(EntryKindOf(std::string(1, '\0')).error().code == ErrorCode::kCorrupt);
  CHECK(EntryKindOf(EncodeRollUpAnchor({}).substr(0, 1)).value() == LedgerEntryKind::kRollUpMade);
  CHECK(EntryKindOf("\5").error().code == ErrorCode::kUnsupported);
  CHECK(EntryKindOf("\5").error().message.find("kind 5") != std::string::npos);
}

// docs/ledger-format.md holds exactly these bytes.
TEST_CASE("account event is what the page says", "[meter]") {
  const std::string bytes = EncodeAccountEntry(SomeEntry()).value();
  CHECK(ToHex(bytes) == "030108746167732e73657480c081d58abcb00602010000000000007b7d");
  CHECK(DecodeAccountEntry(5, bytes).value() == SomeEntry());
}

TEST_CASE("account event of a newer version is refused by name", "[meter]") {
  std::string bytes = EncodeAccountEntry(SomeEntry()).value();
  bytes[1] = 2;
  CHECK(DecodeAccountEntry(0, bytes).error().code == ErrorCode::kUnsupported);
  bytes[1] = 0;
  CHECK(DecodeAccountEntry(0, bytes).error().code == ErrorCode::kCorrupt);
}

TEST_CASE("account event cut short is corrupt up to its payload", "[meter]") {
  const std::string bytes = EncodeAccountEntry(SomeEntry()).value();
  for (size_t size = 0; size <= bytes.size() - SomeEntry().json.size(); ++size) {
    CHECK(DecodeAccountEntry(0, std::string_view(bytes).substr(0, size)).error().code == ErrorCode::kCorrupt);
  }
}

TEST_CASE("account event is no invocation record", "[meter]") {
  CHECK(DecodeRecord(EncodeAccountEntry(SomeEntry()).value()).error().code == ErrorCode::kNotFound);
}

// docs/ledger-format.md holds exactly these bytes.
TEST_CASE("hash of a roll-up is what the page says; newer or damaged is refused", "[meter]") {
  RollUpAnchor anchor{.sequence = 300, .hash = {}};
  anchor.hash.fill(0xab);
  std::string bytes = EncodeRollUpAnchor(anchor);
  std::string hex = "0401ac02";
  for (int i = 0; i < 32; ++i) hex += "ab";
  CHECK(ToHex(bytes) == hex);
  CHECK(DecodeRollUpAnchor(bytes).value() == anchor);
  for (size_t size = 0; size < bytes.size(); ++size)
    CHECK(DecodeRollUpAnchor(bytes.substr(0, size)).error().code == ErrorCode::kCorrupt);
  CHECK(DecodeRollUpAnchor(bytes + "x").error().code == ErrorCode::kCorrupt);
  bytes[1] = 2;
  CHECK(DecodeRollUpAnchor(bytes).error().code == ErrorCode::kUnsupported);
}

}  // namespace hearth
