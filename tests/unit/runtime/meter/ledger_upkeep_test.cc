#include "runtime/meter/ledger_upkeep.h"

#include <fcntl.h>

#include <filesystem>
#include <map>
#include <random>
#include <thread>

#include <catch2/catch.hpp>

#include "runtime/meter/account_event.h"
#include "runtime/meter/bill.h"
#include "runtime/meter/ledger_audit.h"
#include "tests/unit/runtime/meter/meter_fixture.h"
#include "tests/unit/runtime/store/ledger_fixture.h"

namespace hearth {
namespace {

using namespace std::chrono_literals;

constexpr Period kAll{kNoon - std::chrono::days(40), kNoon + std::chrono::days(400)};

// A meter over a real ledger of several segments, with an upkeep that the test drives.
class UpkeepFixture : public LedgerFixture {
 public:
  UpkeepFixture() { OpenAll(); }
  ~UpkeepFixture() { CloseAll(); }

  void OpenAll(size_t window = size_t{1} << 18) {
    CloseAll();
    Open();
    auto opened = Meter::Open(*log, {.identities_max = window, .successes_max = window});
    REQUIRE(opened.ok());
    meter = std::move(opened->meter);
    meter_report = opened->report;
    upkeep = std::make_unique<LedgerUpkeep>(LedgerUpkeep::Options{.keep = std::chrono::days(100)}, *log,
                                            *meter, executor, quiet);
    if (log->size() > 0) Sync();
  }
  void CloseAll() {
    upkeep.reset();
    meter.reset();
    Close();
  }
  // Records, with a closing now and then, over more than three segments.
  void Fill(uint64_t seed) {
    RandomRecords random(seed);
    for (int i = 0; i < 4'000; ++i) {
      records.push_back(random.Next());
      REQUIRE(meter->Record(records.back()).ok());
      if (i % 500 == 499) CloseThrough(HourOf(kNoon) + std::chrono::hours(i / 200));
    }
    Sync();
    REQUIRE(log->parts().size() >= 4);
  }
  void CloseThrough(UtcHour through) {
    const PeriodClosed closed{.through = through};
    while (!log->writable()) std::this_thread::yield();  // the next segment is made beside us
    REQUIRE(meter->RecordAccountEvent(EventKindOf(closed), EncodeAccountEventJson(closed), kNoon).ok());
  }
  // Lets the upkeep do what there is to do now, up to `done`.
  void LookUntil(const std::function<bool()>& done) {
    upkeep->Look();
    executor.WaitFor(done);
  }
  size_t Count(bool (*is)(const LedgerLog::Part&)) const {
    const auto parts = log->parts();
    return std::count_if(parts.begin(), parts.end(), is);
  }
  size_t rolled_up() const {
    return Count([](const LedgerLog::Part& part) { return part.rolled_up; });
  }
  size_t removed() const {
    return Count([](const LedgerLog::Part& part) { return !part.raw; });
  }
  size_t full() const {
    return Count([](const LedgerLog::Part& part) { return part.full; });
  }
  void SumUpAll() {
    LookUntil([this] { return rolled_up() == full(); });
    // Then the hash of the newest, which is one more entry, and its sync.
    executor.WaitFor([this] { return Audit().not_anchored == 0; });
  }
  void AdvanceTo(WallTime time) { executor.Advance(time - executor.clock().WallNow()); }
  void RemoveAllOld() {
    AdvanceTo(kNoon + std::chrono::days(200));
    LookUntil([this] { return removed() == full(); });
  }
  LedgerAudit Audit() {
    std::optional<LedgerAudit> found;
    AuditLedger(*log, [&](LedgerAudit audit) { found = std::move(audit); });
    executor.WaitFor([&] { return found.has_value(); });
    return *found;
  }
  std::vector<UsageRow> Rows() const { return meter->View().RowsBookedIn(UtcHour::min(), UtcHour::max()); }
  std::vector<UsageRow> RowsRead() const {
    return meter->View().ReadRowsBookedIn(UtcHour::min(), UtcHour::max()).value();
  }

  NullLog quiet;
  std::unique_ptr<Meter> meter;
  std::unique_ptr<LedgerUpkeep> upkeep;
  Meter::OpenReport meter_report;
  std::vector<InvocationRecord> records;
};

}  // namespace

TEST_CASE_METHOD(UpkeepFixture, "full segments are summed up; bills and events are the same from sums",
                 "[meter][ledger]") {
  Fill(11);
  const auto rows = Rows();
  const auto events = meter->account_events();
  SumUpAll();
  CHECK(removed() == 0);
  CHECK(Audit().good());
  OpenAll();
  CHECK(Rows() == rows);
  CHECK(RowsRead() == rows);
  CHECK(meter->account_events() == events);
  CHECK(meter_report.records == records.size());
  CHECK(meter_report.account_events == events.size());
  CHECK(meter->View().StatementOf(kAll).value() == MakeStatement(kAll, records));
}

TEST_CASE_METHOD(UpkeepFixture, "records go when they were kept long enough, not before; bills stay",
                 "[meter][ledger]") {
  Fill(12);
  const auto rows = Rows();
  SumUpAll();
  AdvanceTo(kNoon + std::chrono::days(100) - 1h);
  upkeep->Look();
  CHECK(removed() == 0);
  RemoveAllOld();
  CHECK(Rows() == rows);
  CHECK(RowsRead() == rows);
  CHECK(Audit().good());
  OpenAll();
  CHECK(Rows() == rows);
  CHECK(RowsRead() == rows);
  CHECK(Audit().good());
  CHECK(meter_report.records == records.size());
  CHECK(meter->View().StatementOf(kAll).value() == MakeStatement(kAll, records));
  const auto part_of_an_hour = meter->View().StatementOf({kNoon, kNoon + 90min});
  CHECK(part_of_an_hour.error().code == ErrorCode::kPrecondition);
  CHECK(part_of_an_hour.error().message.find("ledger_keep_days") != std::string::npos);
}

TEST_CASE_METHOD(UpkeepFixture, "opening reads no records but those of the window", "[meter][ledger]") {
  Fill(13);
  SumUpAll();
  const InvocationRecord first = records.front(), last = records.back();
  OpenAll(100);
  CHECK(meter->Record(last).value() == Meter::Recorded::kAlreadyThere);
  CHECK(meter->Record(first).value() == Meter::Recorded::kAppended);  // forgotten, as the limit says
  OpenAll();
  CHECK(meter->Record(records[10]).value() == Meter::Recorded::kAlreadyThere);
}

TEST_CASE_METHOD(UpkeepFixture, "what was open at a crash is found in a summed-up segment too",
                 "[meter][ledger]") {
  Fill(14);
  SumUpAll();
  CloseAll();
  const std::string slots = folder.path() + "/open.slots";
  {
    auto opened = OpenSlots::Open(slots, 2).value();
    InvocationRecord open = records.front();  // recorded long ago, by the window's measure
    open.outcome = OutcomeKind::kInterrupted;
    open.billable = false;
    REQUIRE(opened.slots->Put(EncodeRecord(open).value()).ok());
  }
  Open();
  const auto opened =
      Meter::Open(*log, {.identities_max = 10, .successes_max = 10}, OpenSlots::Open(slots, 2).value());
  REQUIRE(opened.ok());
  CHECK(opened->report.interrupted == 0);
}

// A bug once: right after a start nothing was synced yet, and so nothing full enough; the next look was a minute
// later.
TEST_CASE_METHOD(UpkeepFixture, "what was left to sum up is summed up right after a start",
                 "[meter][ledger]") {
  Fill(20);
  CHECK(rolled_up() == 0);
  CloseAll();
  Open();
  meter = std::move(Meter::Open(*log)->meter);
  upkeep = std::make_unique<LedgerUpkeep>(LedgerUpkeep::Options(), *log, *meter, executor, quiet);
  upkeep->Start();
  executor.WaitFor([this] { return full() > 0 && rolled_up() == full(); });
}

// A wrong clock may close nothing and remove nothing.
TEST_CASE_METHOD(UpkeepFixture, "wall clock set forward by mistake removes no records", "[meter][ledger]") {
  Fill(18);
  SumUpAll();
  executor.manual_clock().SetWall(kNoon + std::chrono::days(4'000));
  upkeep->Look();
  CHECK(removed() == 0);
}

// Goal: a month's bill is the same, byte for byte, from records, from sums in memory, and from roll-ups alone.
TEST_CASE_METHOD(UpkeepFixture, "bill over rolled-up hours is the bill over raw ones, byte for byte",
                 "[meter][ledger][bill]") {
  Fill(19);
  const auto account = [this] {
    AccountState state;
    for (const AccountEntry& entry : meter->account_events()) REQUIRE(state.Apply(entry).ok());
    return state;
  };
  const Period months{kNoon - std::chrono::days(20), kNoon + std::chrono::days(60)};
  const auto text = [&](const RowSource& usage) {
    return CanonicalText(MakeBill(account(), usage, months, kNoon + std::chrono::days(60)).value());
  };
  const std::string raw = text(LedgerUsage(meter->View()));
  CHECK(raw.size() > 10'000);
  CHECK(text(KeptUsage(meter->View())) == raw);
  SumUpAll();
  const MeterView before = meter->View();
  RemoveAllOld();
  CHECK(text(KeptUsage(meter->View())) == raw);
  CHECK(text(LedgerUsage(meter->View())) == raw);
  CHECK(text(LedgerUsage(before)) == raw);  // whose records were removed while it was made
  OpenAll();
  CHECK(text(KeptUsage(meter->View())) == raw);
  CHECK(text(LedgerUsage(meter->View())) == raw);
}

// Goal: whatever the upkeep was doing when the machine died, the next life goes on and bills the same.
TEST_CASE_METHOD(UpkeepFixture, "death between any two steps of the upkeep", "[meter][ledger]") {
  Fill(15);
  const auto rows = Rows();
  AdvanceTo(kNoon + std::chrono::days(200));
  size_t lives = 0, tasks = 0;
  while (removed() < full() || rolled_up() < full()) {
    // One more task of the upkeep in each life: sums made, hash appended, hash synced, records removed.
    ++tasks;
    size_t ran = 0;
    upkeep->Look();
    executor.WaitFor([&] { return ran++ >= tasks % 7 || removed() == full(); });
    OpenAll();
    REQUIRE(Rows() == rows);
    REQUIRE(++lives < 200);
  }
  CHECK(RowsRead() == rows);
  CHECK(Audit().good());
}

TEST_CASE_METHOD(UpkeepFixture, "no record goes before the hash of its sums is in the synced ledger",
                 "[meter][ledger]") {
  Fill(16);
  AdvanceTo(kNoon + std::chrono::days(200));
  upkeep->Look();
  executor.WaitFor([this] {
    if (removed() == 0) return false;
    CHECK(rolled_up() == full());
    CHECK(Audit().not_anchored == 0);
    return removed() == full();
  });
}

TEST_CASE_METHOD(UpkeepFixture, "sums damaged with their records gone: refused to open, by name",
                 "[meter][ledger]") {
  Fill(17);
  SumUpAll();
  CloseAll();
  const std::string path = folder.path() + "/" + RollUpName(0);
  std::string bytes = ReadFile(path).value();
  bytes[bytes.size() / 2] ^= 1;
  REQUIRE(WriteFileAtomically(path, bytes).ok());
  OpenAll();  // the records are there: they are read, and summed up again
  CHECK(meter->View().StatementOf(kAll).value() == MakeStatement(kAll, records));
  CHECK(rolled_up() == full() - 1);
  SumUpAll();
  CHECK(Audit().good());
}

}  // namespace hearth
