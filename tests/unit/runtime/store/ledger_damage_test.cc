#include <fcntl.h>

#include <map>
#include <random>

#include <catch2/catch.hpp>

#include "runtime/store/ledger_log.h"
#include "runtime/store/ledger_segment.h"
#include "tests/unit/runtime/store/ledger_fixture.h"

namespace hearth {
namespace {

constexpr size_t kPage = 4096;

// The ledger's files as bytes, to be spoiled and put back.
class DamageFixture : public LedgerFixture {
 public:
  using Files = std::map<std::string, std::string>;

  Files Snapshot() const {
    Files files;
    for (uint64_t i = 0; i < 8; ++i) {
      for (const std::string& name : {SegmentName(i), ChainName(i)}) {
        if (auto bytes = ReadFile(folder.path() + "/" + name); bytes.ok()) files[name] = std::move(*bytes);
      }
    }
    return files;
  }
  void PutBack(const Files& files) {
    Close();
    REQUIRE(RemoveTree(folder.path()).ok());
    REQUIRE(MakeFolders(folder.path()).ok());
    for (const auto& [name, bytes] : files) {
      auto fd = OpenFile(folder.path() + "/" + name, O_WRONLY | O_CREAT | O_TRUNC);
      REQUIRE(fd.ok());
      REQUIRE(WriteAll(fd->get(), bytes).ok());
    }
  }
  // Every record that is read is one that was appended, under its own number; returns the numbers.
  std::vector<uint64_t> NumbersRead() const {
    std::vector<uint64_t> numbers;
    REQUIRE(log->Read(0,
                      [&](uint64_t number, std::string_view record) {
                        REQUIRE(record == RecordText(number));
                        numbers.push_back(number);
                        return true;
                      })
                .ok());
    return numbers;
  }
};

uint64_t PrintedSeed() { return std::random_device()(); }

}  // namespace

// Goal: a machine that lost power may have any subset of the pages that were not synced; what was synced is
// all there.
TEST_CASE_METHOD(DamageFixture, "power loss: any subset of unsynced pages is there", "[ledger]") {
  const uint64_t seed = PrintedSeed();
  INFO("seed " << seed);
  std::mt19937_64 random(seed);
  Open();
  AppendMany(700);
  Sync();
  const Files synced = Snapshot();
  const uint64_t synced_records = log->size();
  AppendMany(900);
  const Files all = Snapshot();
  for (int round = 0; round < 40; ++round) {
    Files left = all;
    for (auto& [name, bytes] : left) {
      const auto before = synced.find(name);
      for (size_t at = 0; at < bytes.size(); at += kPage) {
        if (random() % 4 != 0) continue;
        const std::string old =
            before == synced.end() ? "" : before->second.substr(std::min(at, before->second.size()), kPage);
        const size_t length = std::min(kPage, bytes.size() - at);
        bytes.replace(at, length, (old + std::string(kPage, '\0')).substr(0, length));
      }
    }
    PutBack(left);
    Open();
    const auto numbers = NumbersRead();
    REQUIRE(numbers.size() >= synced_records);
    REQUIRE(numbers[synced_records - 1] == synced_records - 1);
    CHECK(log->writable());
    const uint64_t next = log->size();
    CHECK(Append(RecordText(next)) == next);
    Sync();
    Open();
    CHECK(NumbersRead().back() == next);
  }
}

TEST_CASE_METHOD(DamageFixture,
                 "header of any segment damaged: its records are not used, and the check says so",
                 "[ledger]") {
  Open();
  AppendMany(800);
  Sync();
  Close();
  const Files good = Snapshot();
  for (const auto& [name, bytes] : good) {
    if (!name.ends_with(".ledger")) continue;
    INFO(name);
    Files bad = good;
    bad[name][21] ^= 1;
    PutBack(bad);
    Open();
    CHECK(report.detail.find(name) != std::string::npos);
    CHECK_FALSE(log->Verify().ok());
    const uint64_t next = log->size();
    CHECK(Append(RecordText(next)) == next);
    CHECK(NumbersRead().back() == next);
  }
}

TEST_CASE_METHOD(DamageFixture, "byte flipped anywhere: valid prefix kept, rest reported", "[ledger]") {
  const uint64_t seed = PrintedSeed();
  INFO("seed " << seed);
  std::mt19937_64 random(seed);
  Open();
  AppendMany(800);  // one full segment and a part of the next
  Sync();
  Close();
  const Files good = Snapshot();
  REQUIRE(good.size() == 4);
  for (int round = 0; round < 120; ++round) {
    Files bad = good;
    auto file = std::next(bad.begin(), random() % bad.size());
    const bool is_segment = file->first.ends_with(".ledger");
    const size_t used = is_segment ? LastByteInUse(file->second, 0) : file->second.size();
    const size_t at = random() % used;
    file->second[at] = static_cast<char>(file->second[at] ^ (1 << random() % 8));
    INFO(file->first << " byte " << at);
    PutBack(bad);
    Open();
    const auto numbers = NumbersRead();
    if (is_segment) {
      CHECK(report.bytes_dropped > 0);
      CHECK(report.detail.find(file->first) != std::string::npos);
      CHECK(numbers.size() < 800);
      CHECK_FALSE(log->Verify().ok());
    } else {
      CHECK(numbers.size() == 800);
    }
    const uint64_t next = log->size();
    CHECK(Append(RecordText(next)) == next);
  }
}

TEST_CASE_METHOD(DamageFixture, "damaged tail is left alone, reported once, and a new segment goes on",
                 "[ledger]") {
  Open();
  AppendMany(10);
  Sync();
  Close();
  Files files = Snapshot();
  std::string& segment = files[SegmentName(0)];
  const size_t at = segment.find(RecordText(6));
  segment[at] = 'X';
  PutBack(files);
  Open();
  CHECK(log->size() == 6);
  CHECK(report.records == 6);
  CHECK(report.bytes_dropped > 3 * 200);
  CHECK(report.bytes_dropped <= 4 * FrameBytes(210));
  Append(RecordText(6));
  Open();
  CHECK(report.detail.empty());
  CHECK(report.bytes_dropped == 0);
  CHECK(NumbersRead().size() == 7);
  CHECK(ReadFile(SegmentPath(0)).value()[at] == 'X');
  const Status verified = log->Verify();
  REQUIRE_FALSE(verified.ok());
  CHECK(verified.error().code == ErrorCode::kCorrupt);
}

TEST_CASE_METHOD(DamageFixture, "record changed with a fitting CRC: the chain tells", "[ledger]") {
  Open();
  AppendMany(3);
  Sync();
  Close();
  Files files = Snapshot();
  std::string& segment = files[SegmentName(0)];
  const size_t frame = kLedgerBlockBytes;
  const auto length = LoadNumber<uint32_t>(&segment[frame]);
  segment[frame + 8] = 'R';
  StoreNumber(&segment[frame + 4],
              FrameCrc(0, length, std::string_view(segment).substr(frame + 8, FrameBytes(length) - 8)));
  PutBack(files);
  Open();
  CHECK(report.detail.empty());
  const Status verified = log->Verify();
  REQUIRE_FALSE(verified.ok());
  CHECK(verified.error().message.find("sync group 0 does not have the hash that was chained") !=
        std::string::npos);
}

TEST_CASE_METHOD(DamageFixture, "synced records replaced by zeros: reported although the tail looks clean",
                 "[ledger]") {
  Open();
  AppendMany(5);
  Sync();
  Close();
  Files files = Snapshot();
  std::string& segment = files[SegmentName(0)];
  std::fill(segment.begin() + segment.find(RecordText(3)) - 8, segment.end(), '\0');
  PutBack(files);
  Open();
  CHECK(report.records == 3);
  CHECK(report.detail.find("were synced and chained") != std::string::npos);
  CHECK(report.bytes_dropped > 0);
  CHECK(Append(RecordText(3)) == 3);
  CHECK(PathExists(SegmentPath(1)));
}

TEST_CASE_METHOD(DamageFixture, "segment missing: the gap is reported, numbers stay", "[ledger]") {
  Open();
  AppendMany(1'500);
  Close();
  Files files = Snapshot();
  files.erase(SegmentName(1));
  PutBack(files);
  Open();
  CHECK(log->size() == 1'500);
  CHECK(report.records < 1'500);
  CHECK(report.detail.find("before it are missing") != std::string::npos);
  CHECK(NumbersRead().back() == 1'499);
}

TEST_CASE_METHOD(DamageFixture, "another format version is refused by name", "[ledger]") {
  const uint32_t version = GENERATE(0U, 2U);
  Open();
  AppendMany(1);
  Close();
  Files files = Snapshot();
  std::string& segment = files[SegmentName(0)];
  StoreNumber(&segment[8], version);
  StoreNumber(&segment[12], Crc32(std::string_view(segment).substr(0, 12)));
  PutBack(files);
  const auto opened = TryOpen();
  REQUIRE_FALSE(opened.ok());
  CHECK(opened.error().code == ErrorCode::kUnsupported);
  CHECK(opened.error().message.find(SegmentName(0) + " has format version " + std::to_string(version) +
                                    ", this program reads version 1") != std::string::npos);
}

TEST_CASE_METHOD(DamageFixture, "segment prepared and never used is no loss", "[ledger]") {
  Open();
  AppendMany(1);
  Close();
  Files files = Snapshot();
  files[SegmentName(1)] = std::string(kSegmentBytesMin, '\0');
  files[SegmentName(2)] = "";  // killed before its blocks were allocated
  PutBack(files);
  Open();
  CHECK(report.detail.empty());
  CHECK(Append(RecordText(1)) == 1);
  CHECK_FALSE(PathExists(SegmentPath(2)));
}

}  // namespace hearth
