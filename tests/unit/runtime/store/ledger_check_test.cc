#include "runtime/store/ledger_check.h"

#include <fcntl.h>
#include <unistd.h>

#include <filesystem>
#include <map>

#include <catch2/catch.hpp>

#include "tests/unit/runtime/store/ledger_fixture.h"

namespace hearth {
namespace {

// A ledger of three segments, the first two of them full, synced and chained.
class RollUpFixture : public LedgerFixture {
 public:
  using Files = std::map<std::string, std::string>;

  RollUpFixture() {
    Open();
    AppendMany(1'300);
    Sync();
    REQUIRE(log->parts().size() == 3);
  }

  // The sums of this test: numbers and text of the records.
  static std::string SumOf(uint64_t first, uint64_t end) {
    return "records " + std::to_string(first) + " to " + std::to_string(end);
  }
  static Result<std::string> Make(const std::function<Status(const LedgerLog::Visit&)>& read) {
    uint64_t first = UINT64_MAX, end = 0;
    HEARTH_TRY(read([&](uint64_t number, std::string_view record) {
      CHECK(record == RecordText(number));
      first = std::min(first, number);
      end = number + 1;
      return true;
    }));
    return SumOf(first, end);
  }
  Result<Sha256Digest> RollUpNow(uint64_t sequence) {
    std::optional<Result<Sha256Digest>> made;
    log->RollUpPart(sequence, Make, [&](Result<Sha256Digest> result) { made = std::move(result); });
    executor.WaitFor([&] { return made.has_value(); });
    return *made;
  }
  Status RemoveNow(uint64_t sequence) {
    std::optional<Status> removed;
    log->RemoveRaw(sequence, [&](Status status) { removed = std::move(status); });
    executor.WaitFor([&] { return removed.has_value(); });
    return *removed;
  }
  LedgerLog::Checked CheckNow() {
    std::optional<LedgerLog::Checked> checked;
    log->Check([](uint64_t, std::string_view) { return true; },
               [&](LedgerLog::Checked found) { checked = std::move(found); });
    executor.WaitFor([&] { return checked.has_value(); });
    return *checked;
  }
  // Sync() of an empty group calls back at once; this one runs after a reopening, when all is synced anew.
  void Reopen() {
    Open();
    Sync();
  }

  Files Snapshot() const {
    Files files;
    for (const auto& entry : std::filesystem::directory_iterator(folder.path()))
      files[entry.path().filename().string()] = ReadFile(entry.path().string()).value();
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
  bool Has(const std::string& name) const { return PathExists(folder.path() + "/" + name); }
};

// Changes a byte of a record and fits its CRC, as somebody would who knows the format.
void Forge(std::string& segment, uint64_t number) {
  uint64_t offset = kLedgerBlockBytes;
  for (uint64_t n = 0; n < number; ++n) offset += FrameBytes(LoadNumber<uint32_t>(&segment[offset]));
  const auto length = LoadNumber<uint32_t>(&segment[offset]);
  segment[offset + 8] ^= 1;
  StoreNumber(&segment[offset + 4],
              FrameCrc(number, length, std::string_view(segment).substr(offset + 8, FrameBytes(length) - 8)));
}

}  // namespace

TEST_CASE_METHOD(RollUpFixture, "full segments are rolled up, the records stay until they are removed",
                 "[ledger]") {
  const auto parts = log->parts();
  CHECK(parts[0].full);
  CHECK_FALSE(parts[2].full);
  REQUIRE(RollUpNow(0).ok());
  REQUIRE(RollUpNow(1).ok());
  CHECK(log->SumsOf(0).value() == SumOf(0, parts[0].end_number));
  CHECK(log->SumsOf(1).value() == SumOf(parts[1].first_number, parts[1].end_number));
  CHECK(ReadFrom(0).size() == 1'300);
  REQUIRE(RemoveNow(0).ok());
  CHECK_FALSE(Has(SegmentName(0)));
  CHECK_FALSE(Has(ChainName(0)));
  CHECK(ReadFrom(0).size() == 1'300 - parts[0].end_number);
  const LedgerLog::Checked checked = CheckNow();
  CHECK(checked.findings.empty());
  CHECK(checked.segments == 2);
  CHECK(checked.rolled_up == 2);
  CHECK(checked.removed == 1);
  CHECK(checked.records_removed == parts[0].end_number);
  CHECK(checked.records == 1'300 - parts[0].end_number);
}

TEST_CASE_METHOD(RollUpFixture, "the log goes on after a restart with its first segments removed",
                 "[ledger]") {
  const uint64_t first_left = log->parts()[2].first_number;
  for (const uint64_t sequence : {0, 1}) {
    REQUIRE(RollUpNow(sequence).ok());
    REQUIRE(RemoveNow(sequence).ok());
  }
  Reopen();
  CHECK(report.detail.empty());
  CHECK(report.records == 1'300);
  CHECK(log->size() == 1'300);
  CHECK(log->parts()[0].rolled_up);
  CHECK_FALSE(log->parts()[0].raw);
  AppendMany(700);
  Sync();
  CHECK(log->size() == 2'000);
  CHECK(ReadFrom(first_left).size() == 2'000 - first_left);
  CHECK(CheckNow().findings.empty());
  CHECK(log->Verify().ok());
  Reopen();
  CHECK(log->size() == 2'000);
  CHECK(CheckNow().findings.empty());
}

TEST_CASE_METHOD(RollUpFixture, "only roll-ups are left and a new segment: the chain goes on", "[ledger]") {
  for (const uint64_t sequence : {0, 1}) {
    REQUIRE(RollUpNow(sequence).ok());
    REQUIRE(RemoveNow(sequence).ok());
  }
  Close();
  Files files = Snapshot();
  files.erase(SegmentName(2));
  files.erase(ChainName(2));
  PutBack(files);
  Open();
  CHECK(log->size() == log->parts()[1].end_number);
  AppendMany(10);
  Sync();
  CHECK(CheckNow().findings.empty());
}

TEST_CASE_METHOD(RollUpFixture, "the segment that is written, and one not there, are not rolled up",
                 "[ledger]") {
  CHECK(RollUpNow(2).error().code == ErrorCode::kPrecondition);
  CHECK(RollUpNow(9).error().code == ErrorCode::kPrecondition);
  CHECK(RemoveNow(0).error().code == ErrorCode::kPrecondition);  // not rolled up yet
  CHECK(ReadFrom(0).size() == 1'300);
}

TEST_CASE_METHOD(RollUpFixture, "sums that cannot be made leave the segment as it is", "[ledger]") {
  std::optional<Result<Sha256Digest>> made;
  log->RollUpPart(
      0,
      [](const auto&) -> Result<std::string> {
        return Error{ErrorCode::kCorrupt, "no sums"};
      },
      [&](Result<Sha256Digest> result) { made = std::move(result); });
  executor.WaitFor([&] { return made.has_value(); });
  CHECK(made->error().message == "no sums");
  CHECK_FALSE(Has(RollUpName(0)));
}

TEST_CASE_METHOD(RollUpFixture, "no room for the roll-up: the segment stays as it is, and it is made later",
                 "[ledger]") {
  {
    const FileSizeLimit limit(100);  // less than its header
    CHECK_FALSE(RollUpNow(0).ok());
  }
  CHECK_FALSE(Has(RollUpName(0)));
  CHECK_FALSE(log->parts()[0].rolled_up);
  CHECK(RemoveNow(0).error().code == ErrorCode::kPrecondition);
  CHECK(ReadFrom(0).size() == 1'300);
  Reopen();
  CHECK(report.detail.empty());
  CHECK(RollUpNow(0).ok());
  CHECK(CheckNow().findings.empty());
}

TEST_CASE_METHOD(RollUpFixture, "one segment is rolled up at a time", "[ledger]") {
  std::vector<Status> made;
  for (const uint64_t sequence : {0, 1}) {
    log->RollUpPart(sequence, Make, [&](Result<Sha256Digest> result) {
      made.push_back(result.ok() ? Ok() : Status(result.error()));
    });
  }
  executor.WaitFor([&] { return made.size() == 2; });
  CHECK(std::count_if(made.begin(), made.end(), [](const Status& one) { return one.ok(); }) == 1);
  REQUIRE(RollUpNow(1).ok());
  CHECK(CheckNow().findings.empty());
}

TEST_CASE_METHOD(RollUpFixture, "a view is what there was, also while records come and go", "[ledger]") {
  const auto view = log->View();
  const auto first_of_second = log->parts()[1].first_number;
  AppendMany(100);
  REQUIRE(RollUpNow(0).ok());
  const auto count = [&](uint64_t from) {
    uint64_t records = 0;
    const Status read = view->Read(from, [&](uint64_t number, std::string_view record) {
      CHECK(record == RecordText(number));
      return ++records > 0;
    });
    return std::pair(read.ok() ? ErrorCode::kInternal : read.error().code, records);
  };
  CHECK(count(0).second == 1'300);
  CHECK_FALSE(view->parts()[0].rolled_up);
  REQUIRE(RemoveNow(0).ok());
  CHECK(count(0) == std::pair(ErrorCode::kPrecondition, uint64_t{0}));
  CHECK(count(first_of_second).second == 1'300 - first_of_second);
  CHECK(view->SumsOf(0).value() == SumOf(0, first_of_second));
  Close();
  CHECK(count(first_of_second).second == 1'300 - first_of_second);
}

// Goal: whatever step of rolling up and removing the machine dies after, nothing is lost and nothing twice.
TEST_CASE_METHOD(RollUpFixture, "death after any step of a compaction", "[ledger]") {
  const uint64_t end = log->parts()[0].end_number;
  const Files before = Snapshot();
  REQUIRE(RollUpNow(0).ok());
  const Files rolled = Snapshot();
  const std::string roll_up = rolled.at(RollUpName(0));
  struct Step {
    const char* name;
    Files files;
    bool records_there;
  };
  std::vector<Step> steps;
  steps.push_back({"before it began", before, true});
  for (const size_t written : {size_t{0}, size_t{100}, roll_up.size()}) {
    Files files = before;
    files[RollUpName(0) + ".new"] = roll_up.substr(0, written);
    steps.push_back({"the roll-up half written", files, true});
  }
  steps.push_back({"the roll-up renamed", rolled, true});
  Files without_segment = rolled;
  without_segment.erase(SegmentName(0));
  steps.push_back({"the segment removed, its chain not", without_segment, false});
  Files without_chain = rolled;
  without_chain.erase(ChainName(0));
  steps.push_back({"power loss kept the removal of the chain only", without_chain, true});
  Files without_both = without_segment;
  without_both.erase(ChainName(0));
  steps.push_back({"both removed", without_both, false});
  for (const Step& step : steps) {
    INFO(step.name);
    PutBack(step.files);
    Reopen();
    CHECK(report.detail.empty());
    CHECK(report.records == 1'300);
    CHECK(log->size() == 1'300);
    CHECK(ReadFrom(0).size() == (step.records_there ? 1'300 : 1'300 - end));
    CHECK(CheckNow().findings.empty());
    CHECK(log->Verify().ok());
    if (!log->parts()[0].rolled_up) REQUIRE(RollUpNow(0).ok());
    CHECK(ReadFile(folder.path() + "/" + RollUpName(0)).value() == roll_up);
    REQUIRE(RemoveNow(0).ok());
    CHECK(log->SumsOf(0).value() == SumOf(0, end));
    CHECK(CheckNow().findings.empty());
    CHECK(Append(RecordText(1'300)) == 1'300);
    CHECK_FALSE(Has(ChainName(0)));
  }
}

TEST_CASE_METHOD(RollUpFixture, "roll-up damaged: made again from its records, if they are there",
                 "[ledger]") {
  REQUIRE(RollUpNow(0).ok());
  Close();
  Files files = Snapshot();
  files[RollUpName(0)][200] ^= 1;
  PutBack(files);
  Reopen();
  CHECK(report.detail.find("0000000000.rollup") != std::string::npos);
  CHECK(report.detail.find("it is made again") != std::string::npos);
  CHECK(report.bytes_dropped == 0);
  CHECK_FALSE(log->parts()[0].rolled_up);
  REQUIRE(RollUpNow(0).ok());
  REQUIRE(RemoveNow(0).ok());
  Close();
  files = Snapshot();
  files[RollUpName(0)][200] ^= 1;
  PutBack(files);
  Open();
  CHECK(report.bytes_dropped > 0);
  CHECK(report.detail.find("before it are missing") != std::string::npos);
  CHECK(log->size() == 1'300);
}

TEST_CASE_METHOD(RollUpFixture, "changed with a fitting CRC: segment, roll-up and order are told",
                 "[ledger]") {
  REQUIRE(RollUpNow(0).ok());
  REQUIRE(RollUpNow(1).ok());
  Close();
  const Files good = Snapshot();
  const auto findings = [&](const Files& files) {
    PutBack(files);
    Reopen();
    std::string all;
    for (const std::string& finding : CheckNow().findings) all += finding + "\n";
    return all;
  };
  CHECK(findings(good).empty());

  Files bad = good;
  Forge(bad[SegmentName(0)], 3);
  const std::string forged = findings(bad);
  CHECK(forged.find("0000000000.ledger: it is not what its roll-up was made of") != std::string::npos);
  CHECK(forged.find("0000000000.ledger: sync group 0 does not have the hash that was chained") !=
        std::string::npos);

  bad = good;
  RollUp forged_roll_up = DecodeRollUp(good.at(RollUpName(0)), "x").value();
  forged_roll_up.payload = "other sums";
  bad[RollUpName(0)] = EncodeRollUp(forged_roll_up);
  CHECK(findings(bad).find("0000000001.ledger: its roll-up does not continue the roll-up before") !=
        std::string::npos);

  bad = good;
  forged_roll_up = DecodeRollUp(good.at(RollUpName(1)), "x").value();
  forged_roll_up.chain_before.fill(9);
  bad[RollUpName(1)] = EncodeRollUp(forged_roll_up);
  CHECK(findings(bad).find("does not continue the chain of the segment before") != std::string::npos);
}

TEST_CASE_METHOD(RollUpFixture, "check of a folder: not while it is open, and then the same", "[ledger]") {
  const auto all = [](uint64_t, std::string_view) { return true; };
  CHECK(LedgerLog::CheckFolder(folder.path(), all).error().code == ErrorCode::kConflict);
  Close();
  const auto checked = LedgerLog::CheckFolder(folder.path(), all);
  REQUIRE(checked.ok());
  CHECK(checked->findings.empty());
  CHECK(checked->records == 1'300);
  CHECK(checked->segments == 3);
  CHECK(checked->groups > 0);
  CHECK(checked->unchained_bytes == 0);
  CHECK(LedgerLog::CheckFolder("/nonexistent", all).error().code == ErrorCode::kNotFound);
}

// A segment in the middle whose header is damaged but that has a roll-up keeps its place.
TEST_CASE_METHOD(RollUpFixture, "header of a rolled-up segment damaged: the check says so, the sums stand",
                 "[ledger]") {
  REQUIRE(RollUpNow(0).ok());
  Close();
  Files files = Snapshot();
  files[SegmentName(0)][21] ^= 1;
  PutBack(files);
  Reopen();
  CHECK(log->size() == 1'300);
  CHECK(log->parts()[0].rolled_up);
  CHECK_FALSE(CheckNow().findings.empty());
}

}  // namespace hearth
