#include "runtime/meter/meter.h"

#include <random>

#include <catch2/catch.hpp>

#include "tests/unit/runtime/meter/meter_fixture.h"
#include "tests/unit/runtime/store/ledger_fixture.h"

namespace hearth {
namespace {

using namespace std::chrono_literals;

class Settled final : public InvocationObserver {
 public:
  void OnInvocationStarted(const FunctionVersion&, const Event&) override {}
  void OnInvocationSettled(const InvocationRecord& record) override { records.push_back(record); }
  void OnThrottled(std::string_view, std::string_view) override {}
  std::vector<InvocationRecord> records;
};

class MeterFixture {
 public:
  MeterFixture() { Open(); }
  void Open(Meter::Options options = {}) {
    auto opened = Meter::Open(ledger, options);
    REQUIRE(opened.ok());
    meter = std::move(opened->meter);
    report = opened->report;
    meter->AddObserver(observer);
  }
  // With open slots in a file, as the daemon has it.
  void OpenWithSlots(size_t slots = 4) {
    meter.reset();
    auto opened = Meter::Open(ledger, {.boot_id = ++boot}, OpenSlots::Open(slots_path(), slots).value());
    REQUIRE(opened.ok());
    meter = std::move(opened->meter);
    report = opened->report;
    meter->AddObserver(observer);
  }
  std::string slots_path() const { return folder.path() + "/open.slots"; }
  std::vector<InvocationRecord> InLedger() const {
    std::vector<InvocationRecord> records;
    for (const auto& bytes : ledger.records) records.push_back(DecodeRecord(bytes).value());
    return records;
  }
  void RecordAll(const std::vector<InvocationRecord>& records) {
    for (const auto& record : records) REQUIRE(meter->Record(record).ok());
  }

  TemporaryFolder folder;
  uint64_t boot = 0;
  FakeLedger ledger;
  Settled observer;
  std::unique_ptr<Meter> meter;
  Meter::OpenReport report;
};

constexpr Period kThreeDays{kNoon, kNoon + 72h};

}  // namespace

TEST_CASE_METHOD(MeterFixture, "record is in the ledger before the observer hears of it", "[meter]") {
  CHECK(meter->Record(SomeRecord()).value() == Meter::Recorded::kAppended);
  REQUIRE(ledger.records.size() == 1);
  CHECK(DecodeRecord(ledger.records[0]).value() == SomeRecord());
  CHECK(observer.records == std::vector<InvocationRecord>{SomeRecord()});
}

TEST_CASE_METHOD(MeterFixture, "same record twice is accepted once", "[meter]") {
  REQUIRE(meter->Record(SomeRecord()).ok());
  CHECK(meter->Record(SomeRecord()).value() == Meter::Recorded::kAlreadyThere);
  CHECK(ledger.records.size() == 1);
  CHECK(observer.records.size() == 1);
  CHECK(meter->conflicts() == 0);
  CHECK(meter->View().StatementOf(kThreeDays).value().Total().records == 1);
}

TEST_CASE_METHOD(MeterFixture, "another record under the same identity is refused and counted", "[meter]") {
  REQUIRE(meter->Record(SomeRecord()).ok());
  InvocationRecord other = SomeRecord();
  other.bytes_out = 5;
  const auto refused = meter->Record(other);
  REQUIRE_FALSE(refused.ok());
  CHECK(refused.error().code == ErrorCode::kConflict);
  CHECK(meter->conflicts() == 1);
  CHECK(ledger.records.size() == 1);
  other.attempt = 2;
  CHECK(meter->Record(other).value() == Meter::Recorded::kAppended);
}

TEST_CASE_METHOD(MeterFixture, "identity is known after a restart", "[meter]") {
  REQUIRE(meter->Record(SomeRecord()).ok());
  Open();
  CHECK(report.records == 1);
  CHECK(meter->Record(SomeRecord()).value() == Meter::Recorded::kAlreadyThere);
}

TEST_CASE_METHOD(MeterFixture, "identities are forgotten at the limit, oldest first", "[meter]") {
  Open({.identities_max = 2, .successes_max = 2});
  InvocationRecord record = SomeRecord();
  for (const char* id : {"a", "b"}) {
    record.request_id = id;
    REQUIRE(meter->Record(record).ok());
  }
  record.request_id = "a";
  CHECK(meter->Record(record).value() == Meter::Recorded::kAlreadyThere);
  record.request_id = "c";
  CHECK(meter->Record(record).value() == Meter::Recorded::kAppended);
  CHECK_FALSE(meter->HasSuccess(RequestId("a")));
  CHECK(meter->HasSuccess(RequestId("b")));
  record.request_id = "b";
  CHECK(meter->Record(record).value() == Meter::Recorded::kAlreadyThere);
}

TEST_CASE_METHOD(MeterFixture, "success of an event is known, also after a restart", "[meter]") {
  const RequestId id(SomeRecord().request_id);
  InvocationRecord failed = SomeRecord();
  failed.outcome = OutcomeKind::kCrash;
  REQUIRE(meter->Record(failed).ok());
  CHECK_FALSE(meter->HasSuccess(id));
  InvocationRecord second = SomeRecord();
  second.attempt = 2;
  REQUIRE(meter->Record(second).ok());
  CHECK(meter->HasSuccess(id));
  Open();
  CHECK(meter->HasSuccess(id));
}

TEST_CASE_METHOD(MeterFixture, "ledger full: not writable, refused, in no sum, observer not told",
                 "[meter]") {
  ledger.full = true;
  CHECK_FALSE(meter->writable());
  CHECK(meter->Record(SomeRecord()).error().code == ErrorCode::kUnavailable);
  CHECK(observer.records.empty());
  CHECK(meter->View().StatementOf(kThreeDays).value().rows.empty());
  ledger.full = false;
  CHECK(meter->Record(SomeRecord()).value() == Meter::Recorded::kAppended);
}

TEST_CASE_METHOD(MeterFixture, "billed duration that is not the ceiling is refused", "[meter]") {
  InvocationRecord record = SomeRecord();
  record.billed_ms += 1;
  CHECK(meter->Record(record).error().message.find("billed for 40 ms where init and duration make 39 ms") !=
        std::string::npos);
}

TEST_CASE_METHOD(MeterFixture, "unreadable record in the ledger is reported and skipped", "[meter]") {
  REQUIRE(meter->Record(SomeRecord()).ok());
  ledger.records.insert(ledger.records.begin(), "\1rubbish");
  Open();
  CHECK(report.records == 1);
  CHECK(report.unreadable == 1);
  CHECK(report.detail.find("ledger record 0") == 0);
  CHECK(meter->View().StatementOf({kNoon, kNoon + 1s}).value().Total().records == 1);
}

TEST_CASE_METHOD(MeterFixture, "account event keeps its place among the records, also after a restart",
                 "[meter]") {
  Open({.boot_id = 7});
  CHECK(meter->boot_id() == 7);
  REQUIRE(meter->Record(SomeRecord()).ok());
  CHECK(meter->RecordAccountEvent("tags.set", R"({"team":"a"})", kNoon).value() == 1);
  InvocationRecord second = SomeRecord();
  second.attempt = 2;
  REQUIRE(meter->Record(second).ok());
  CHECK(observer.records.size() == 2);
  const std::vector<AccountEntry> expected{{1, "tags.set", kNoon, 7, R"({"team":"a"})"}};
  CHECK(meter->account_events() == expected);
  Open({.boot_id = 8});
  CHECK(report.records == 2);
  CHECK(report.account_events == 1);
  CHECK(report.unreadable == 0);
  CHECK(meter->account_events() == expected);
  std::vector<uint64_t> numbers;
  REQUIRE(meter->View()
              .VisitNumbered(kThreeDays,
                             [&](uint64_t number, const InvocationRecord&) {
                               numbers.push_back(number);
                               return true;
                             })
              .ok());
  CHECK(numbers == std::vector<uint64_t>{0, 2});
}

TEST_CASE_METHOD(MeterFixture, "account event: at the limits and past them", "[meter]") {
  Open({.account_events_max = 2});
  CHECK(meter->RecordAccountEvent("k", std::string(kAccountEventJsonMax.count, 'x'), kNoon).ok());
  CHECK(
      meter->RecordAccountEvent("k", std::string(kAccountEventJsonMax.count + 1, 'x'), kNoon).error().code ==
      ErrorCode::kTooLarge);
  CHECK(meter->RecordAccountEvent("", "{}", kNoon).error().code == ErrorCode::kInvalidArgument);
  CHECK(meter->RecordAccountEvent("k", "", kNoon).error().code == ErrorCode::kInvalidArgument);
  ledger.full = true;
  CHECK(meter->RecordAccountEvent("k", "{}", kNoon).error().code == ErrorCode::kUnavailable);
  ledger.full = false;
  CHECK(meter->account_events().size() == 1);
  CHECK(meter->RecordAccountEvent("k", "{}", kNoon).value() == 1);
  CHECK(meter->RecordAccountEvent("k", "{}", kNoon).error().code == ErrorCode::kThrottled);
  CHECK(ledger.records.size() == 2);
}

TEST_CASE_METHOD(MeterFixture, "ledger with records of version 1 and 2: both are read", "[meter]") {
  const std::string now = EncodeRecord(SomeRecord()).value();
  // Version 1: no kind byte, and nothing of what version 2 added at the end.
  const size_t added = 1 + 1 + 1 + 1 + 1 + 8;
  ledger.records.push_back("\1" + now.substr(2, now.size() - 2 - added));
  InvocationRecord second = SomeRecord();
  second.attempt = 2;
  ledger.records.push_back(EncodeRecord(second).value());
  Open();
  CHECK(report.records == 2);
  CHECK(report.unreadable == 0);
  CHECK(meter->View().StatementOf(kThreeDays).value() == MakeStatement(kThreeDays, {SomeRecord(), second}));
}

// What is known of SomeRecord() before it runs, and what becomes of it if it is interrupted.
InvocationRecord Opening() {
  InvocationRecord record = SomeRecord();
  record.duration_ns = record.memory_peak_kib = record.billed_ms = 0;
  record.boot_id = 1;
  return record;
}
InvocationRecord Interrupted() {
  InvocationRecord record = Opening();
  record.outcome = OutcomeKind::kInterrupted;
  record.billable = false;
  return record;
}

TEST_CASE_METHOD(MeterFixture, "attempt open at a crash becomes an interrupted record, once, not billed",
                 "[meter]") {
  OpenWithSlots();
  REQUIRE(meter->Begin(Opening()).ok());
  OpenWithSlots();
  CHECK(report.interrupted == 1);
  CHECK(InLedger() == std::vector<InvocationRecord>{Interrupted()});
  const UsageTotals total = meter->View().StatementOf(kThreeDays).value().Total();
  CHECK(total.of(OutcomeKind::kInterrupted) == 1);
  CHECK(total.requests == 0);
  OpenWithSlots();
  CHECK(report.interrupted == 0);
  CHECK(ledger.records.size() == 1);
}

TEST_CASE_METHOD(MeterFixture, "attempt that was recorded is open no more", "[meter]") {
  OpenWithSlots();
  const auto open = meter->Begin(Opening()).value();
  CHECK(meter->Record(SomeRecord(), open).value() == Meter::Recorded::kAppended);
  OpenWithSlots();
  CHECK(report.interrupted == 0);
  CHECK(InLedger() == std::vector<InvocationRecord>{SomeRecord()});
}

TEST_CASE_METHOD(MeterFixture, "killed between the record and the freeing of its slot: one record",
                 "[meter]") {
  OpenWithSlots();
  REQUIRE(meter->Begin(Opening()).ok());
  REQUIRE(meter->Record(SomeRecord()).ok());
  OpenWithSlots();
  CHECK(report.interrupted == 0);
  CHECK(meter->conflicts() == 0);
  CHECK(InLedger() == std::vector<InvocationRecord>{SomeRecord()});
  OpenWithSlots(1);
  CHECK(meter->Begin(Opening()).ok());  // the slot was freed
}

TEST_CASE_METHOD(MeterFixture, "attempt that was withdrawn leaves nothing", "[meter]") {
  OpenWithSlots();
  meter->Withdraw(meter->Begin(Opening()).value());
  OpenWithSlots();
  CHECK(ledger.records.empty());
}

TEST_CASE_METHOD(MeterFixture, "ledger full at the start: what was interrupted waits in its slot",
                 "[meter]") {
  OpenWithSlots();
  REQUIRE(meter->Begin(Opening()).ok());
  ledger.full = true;
  OpenWithSlots();
  CHECK(report.interrupted == 0);
  CHECK(report.detail.find("has no record yet") != std::string::npos);
  ledger.full = false;
  OpenWithSlots();
  CHECK(report.interrupted == 1);
}

TEST_CASE_METHOD(MeterFixture, "open slot that is no record is reported and given up", "[meter]") {
  REQUIRE(OpenSlots::Open(slots_path(), 1)->slots->Put("\1rubbish").ok());
  OpenWithSlots();
  CHECK(report.not_known == 1);
  CHECK(report.detail.find("open slot: invocation record") == 0);
  OpenWithSlots();
  CHECK(report.not_known == 0);
}

TEST_CASE_METHOD(MeterFixture, "open slot of a newer release: refused to open", "[meter]") {
  REQUIRE(OpenSlots::Open(slots_path(), 1)->slots->Put("\2\4").ok());
  const auto opened = Meter::Open(ledger, {}, OpenSlots::Open(slots_path(), 1).value());
  CHECK(opened.error().code == ErrorCode::kUnsupported);
}

TEST_CASE_METHOD(MeterFixture, "longest names fit into an open slot", "[meter]") {
  OpenWithSlots();
  InvocationRecord record = Opening();
  record.request_id = std::string(36, 'X');
  record.function = std::string(64, 'f');
  record.version = std::string(20, '9');
  record.commitment = std::string(200, 'c');
  record.queued_ns = record.worker = record.boot_id = record.bytes_in = UINT64_MAX;
  CHECK(meter->Begin(record).ok());
}

TEST_CASE_METHOD(MeterFixture, "entry of a newer release: refused to open", "[meter]") {
  const char* entry = GENERATE("\x63", "\x2\x4", "\x3\x2");
  ledger.records.push_back(entry);
  const auto opened = Meter::Open(ledger);
  REQUIRE_FALSE(opened.ok());
  CHECK(opened.error().code == ErrorCode::kUnsupported);
}

// Goal: the sums by hour give what reading every record gives, for any period.
TEST_CASE_METHOD(MeterFixture, "statement from sums equals the statement from records", "[meter]") {
  const uint64_t seed = std::random_device()();
  INFO("seed " << seed);
  RandomRecords random(seed);
  const auto records = random.Many(400);
  RecordAll(records);
  for (int i = 0; i < 60; ++i) {
    WallTime from = kNoon + microseconds(random.Below(uint64_t{72} * 3'600'000'000));
    WallTime to = kNoon + microseconds(random.Below(uint64_t{72} * 3'600'000'000));
    if (to < from) std::swap(from, to);
    if (i % 3 == 0) from = HourOf(from);
    if (i % 4 == 0) to = HourOf(to);
    const Period period{from, to};
    INFO(ToIso8601Millis(from) << " to " << ToIso8601Millis(to));
    REQUIRE(meter->View().StatementOf(period).value() == MakeStatement(period, records));
  }
  Open();
  CHECK(meter->View().StatementOf(kThreeDays).value() == MakeStatement(kThreeDays, records));
}

TEST_CASE_METHOD(MeterFixture, "statement of whole hours reads no record", "[meter]") {
  RecordAll(RandomRecords(1).Many(100));
  ledger.records_read = 0;
  REQUIRE(meter->View().StatementOf(kThreeDays).value().Total().records == 100);
  CHECK(ledger.records_read == 0);
}

// Over the real log: what was recorded is billed the same after a restart.
TEST_CASE_METHOD(LedgerFixture, "bill is the same after a restart of the ledger", "[meter][ledger]") {
  RandomRecords random(7);
  const auto records = random.Many(1'000);
  Open();
  {
    auto opened = Meter::Open(*log);
    REQUIRE(opened.ok());
    for (const auto& record : records) REQUIRE(opened->meter->Record(record).ok());
  }
  Open();
  auto opened = Meter::Open(*log);
  REQUIRE(opened.ok());
  CHECK(opened->report.records == 1'000);
  CHECK(opened->meter->View().StatementOf(kThreeDays).value() == MakeStatement(kThreeDays, records));
}

}  // namespace hearth
