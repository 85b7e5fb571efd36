#include "runtime/meter/record_codec.h"

#include <random>

#include <catch2/catch.hpp>

#include "runtime/base/digest.h"
#include "tests/unit/runtime/meter/meter_fixture.h"

namespace hearth {

namespace {

std::string FromHex(std::string_view hex) {
  std::string bytes;
  for (size_t i = 0; i < hex.size(); i += 2) {
    bytes += static_cast<char>(std::stoi(std::string(hex.substr(i, 2)), nullptr, 16));
  }
  return bytes;
}

}  // namespace

TEST_CASE("record survives its encoding", "[meter]") {
  const uint64_t seed = std::random_device()();
  INFO("seed " << seed);
  RandomRecords records(seed);
  for (int i = 0; i < 500; ++i) {
    const InvocationRecord record = records.Next();
    const auto bytes = EncodeRecord(record);
    REQUIRE(bytes.ok());
    CHECK(bytes->size() < 140);
    const auto back = DecodeRecord(*bytes);
    REQUIRE(back.ok());
    REQUIRE(*back == record);
  }
}

TEST_CASE("extreme values survive", "[meter]") {
  InvocationRecord record = SomeRecord();
  record.request_id = std::string(255, 'i');
  record.function = std::string(255, 'f');
  record.started = WallTime(microseconds(-1));
  record.duration_ns = record.worker = record.bytes_out = UINT64_MAX;
  record.attempt = record.memory_mib = record.tmp_mib = UINT32_MAX;
  record.idle_cpu_us = record.boot_id = record.init_ns = record.queued_ns = record.billed_ms = UINT64_MAX;
  record.memory_peak_kib = record.cpu_us = record.bytes_in = UINT64_MAX;
  record.version = record.commitment = std::string(255, 'v');
  CHECK(DecodeRecord(EncodeRecord(record).value()).value() == record);
  record.request_id =
      "6BC28136-0000-4365-B021-0CE6B2E64AB0";  // upper case is not packed, so that it comes back as it was
  CHECK(DecodeRecord(EncodeRecord(record).value()).value() == record);
}

TEST_CASE("what the init of a record was for survives; a kind that never was is corrupt", "[meter]") {
  InvocationRecord record = SomeRecord();
  for (const InitKind kind : {InitKind::kInit, InitKind::kRestore, InitKind::kSnapshot}) {
    record.init = kind;
    CHECK(DecodeRecord(EncodeRecord(record).value()).value() == record);
  }
  constexpr size_t kVersion = 1, kFlags = 2;
  const std::string bytes = EncodeRecord(record).value();
  CHECK(bytes[kVersion] == 3);  // what an older release refuses, since it would count it as a request
  std::string both = bytes, older = bytes;
  both[kFlags] = static_cast<char>(both[kFlags] | (3 << 3));
  older[kVersion] = 2;
  CHECK(DecodeRecord(both).error().code == ErrorCode::kCorrupt);
  CHECK(DecodeRecord(older).error().code == ErrorCode::kCorrupt);
  record.init = InitKind::kInit;
  CHECK(EncodeRecord(record).value()[kVersion] == 2);
}

// The bytes that version 1 wrote; whatever version is current has to read them.
TEST_CASE("record of version 1 is read", "[meter]") {
  InvocationRecord record = SomeRecord();
  record.request_id = "01234567-89ab-4def-8123-456789abcdef";
  const std::string version_1 = FromHex(
      "010503000123456789ab4def8123456789abcdef06726573697a6507244c41544553540180c081d5"
      "8abcb00600a0cfb7120027800180b00300000000");
  const auto read = DecodeRecord(version_1);
  REQUIRE(read.ok());
  CHECK(*read == record);
  CHECK(read->plan == Plan::kOnDemand);
  CHECK(read->usage_source == UsageSource::kNone);
  for (size_t size = 1; size < version_1.size(); ++size)
    CHECK_FALSE(DecodeRecord(version_1.substr(0, size)).ok());
  CHECK(DecodeRecord(version_1 + "x").error().message == "invocation record: bytes follow its last field");
}

// docs/ledger-format.md holds exactly these bytes.
TEST_CASE("record of version 2 is what the page says", "[meter]") {
  InvocationRecord record = SomeRecord();
  record.request_id = "01234567-89ab-4def-8123-456789abcdef";
  record.plan = Plan::kReserved;
  record.commitment = "cm-1";
  record.tmp_mib = 512;
  record.idle_cpu_us = 300;
  record.usage_source = UsageSource::kCgroup;
  record.boot_id = 0x0123456789abcdef;
  const std::string version_2 = FromHex(
      "02020503000123456789ab4def8123456789abcdef06726573697a6507244c41544553540180c081d5"
      "8abcb00600a0cfb7120027800180b00300000000010104636d2d318004ac02efcdab8967452301");
  CHECK(ToHex(EncodeRecord(record).value()) == ToHex(version_2));
  CHECK(DecodeRecord(version_2).value() == record);
}

TEST_CASE("record of a newer version is refused by name", "[meter]") {
  std::string bytes = EncodeRecord(SomeRecord()).value();
  bytes[1] = 4;
  const auto record = DecodeRecord(bytes);
  REQUIRE_FALSE(record.ok());
  CHECK(record.error().code == ErrorCode::kUnsupported);
  CHECK(record.error().message.find("format version 4") != std::string::npos);
}

TEST_CASE("version 1 under the kind that has a version byte never was", "[meter]") {
  std::string bytes = EncodeRecord(SomeRecord()).value();
  bytes[1] = 1;
  CHECK(DecodeRecord(bytes).error().code == ErrorCode::kCorrupt);
}

TEST_CASE("record cut short or with bytes behind it is corrupt, never a crash", "[meter]") {
  const std::string bytes = EncodeRecord(SomeRecord()).value();
  for (size_t size = 0; size < bytes.size(); ++size) {
    const auto record = DecodeRecord(std::string_view(bytes).substr(0, size));
    REQUIRE_FALSE(record.ok());
    CHECK(record.error().code == ErrorCode::kCorrupt);
  }
  CHECK(DecodeRecord(bytes + "x").error().message == "invocation record: bytes follow its last field");
}

TEST_CASE("flipped bits decode to something or to an error", "[meter]") {
  const std::string bytes = EncodeRecord(SomeRecord()).value();
  for (size_t bit = 0; bit < bytes.size() * 8; ++bit) {
    std::string bad = bytes;
    bad[bit / 8] = static_cast<char>(bad[bit / 8] ^ (1 << bit % 8));
    (void)DecodeRecord(bad);
  }
}

TEST_CASE("record without a name is refused", "[meter]") {
  InvocationRecord record = SomeRecord();
  record.function = "";
  CHECK(EncodeRecord(record).error().code == ErrorCode::kInvalidArgument);
  record.function = std::string(256, 'f');
  CHECK(EncodeRecord(record).error().message ==
        "record an invocation: its function has 256 bytes, 1 to 255 are possible");
  record.function = "f";
  record.commitment = std::string(256, 'c');
  CHECK(EncodeRecord(record).error().code == ErrorCode::kInvalidArgument);
}

}  // namespace hearth
