#include "runtime/meter/loop_attempts.h"

#include <deque>

#include "runtime/loop/manual_executor.h"
#include "runtime/meter/record_intake.h"
#include "tests/unit/runtime/meter/meter_fixture.h"
#include "tests/unit/runtime/store/ledger_fixture.h"

namespace hearth {
namespace {

// The first loop's side, which takes when the test says so.
class PlayedLedger final : public LoopAttempts::Ledger {
 public:
  void Take(LoopAttempts::Source source, std::string record) override {
    taken.push_back({source, std::move(record)});
  }
  void Sync(std::function<void(Status)>) override { ++syncs; }
  struct Taken {
    LoopAttempts::Source source;
    std::string record;
  };
  std::deque<Taken> taken;
  int syncs = 0;
};

class LoopAttemptsFixture {
 protected:
  LoopAttemptsFixture() { OpenFiles(); }
  void OpenFiles() {
    attempts.reset();
    open = OpenSlots::Open(folder.path() + "/open.1.slots", 4).value();
    settled = OpenSlots::Open(folder.path() + "/settled.1.slots", kSettled).value();
    meter = std::move(Meter::Open(ledger, {}, {}, {&settled, &open})).value();
    attempts.emplace(std::move(open.slots), std::move(settled.slots), 7, first_loop);
  }
  static InvocationRecord RecordOf(const std::string& id) {
    InvocationRecord record = SomeRecord();
    record.request_id = id;
    return record;
  }
  AttemptBook::Recorded RunOne(const std::string& id) {
    const auto slot = attempts->Begin(RecordOf(id));
    REQUIRE(slot.ok());
    return attempts->Record(RecordOf(id), *slot).value();
  }
  std::vector<std::pair<std::string, OutcomeKind>> InLedger() const {
    std::vector<std::pair<std::string, OutcomeKind>> found;
    for (const auto& bytes : ledger.records) {
      const InvocationRecord record = DecodeRecord(bytes).value();
      found.emplace_back(record.request_id, record.outcome);
    }
    return found;
  }

  static constexpr size_t kSettled = 3;
  TemporaryFolder folder;
  FakeLedger ledger;
  OpenSlots::Opened open, settled;
  Meter::Opened meter;
  PlayedLedger first_loop;
  std::optional<LoopAttempts> attempts;
};

using Found = std::vector<std::pair<std::string, OutcomeKind>>;

TEST_CASE_METHOD(LoopAttemptsFixture, "a record on its way survives the end of the daemon",
                 "[meter][loops]") {
  CHECK(RunOne("a") == AttemptBook::Recorded::kAppended);
  CHECK(attempts->on_their_way() == 1);
  REQUIRE(first_loop.taken.size() == 1);
  CHECK(DecodeRecord(first_loop.taken[0].record).value() == RecordOf("a"));
  CHECK(ledger.records.empty());
  OpenFiles();
  CHECK(meter.report.settled == 1);
  CHECK(meter.report.interrupted == 0);
  CHECK(InLedger() == Found{{"a", OutcomeKind::kSuccess}});
  CHECK(attempts->on_their_way() == 0);
  OpenFiles();
  CHECK(InLedger().size() == 1);
}

TEST_CASE_METHOD(LoopAttemptsFixture, "an attempt that was open is interrupted", "[meter][loops]") {
  REQUIRE(attempts->Begin(RecordOf("a")).ok());
  RunOne("b");
  OpenFiles();
  CHECK(meter.report.settled == 1);
  CHECK(meter.report.interrupted == 1);
  CHECK(InLedger() == Found{{"b", OutcomeKind::kSuccess}, {"a", OutcomeKind::kInterrupted}});
}

TEST_CASE_METHOD(LoopAttemptsFixture, "of an attempt that is open and settled the record is believed",
                 "[meter][loops]") {
  // As if the daemon had died between the two.
  REQUIRE(attempts->Begin(RecordOf("a")).ok());
  RunOne("a");
  OpenFiles();
  CHECK(meter.report.settled == 1);
  CHECK(meter.report.interrupted == 0);
  CHECK(meter.meter->conflicts() == 0);
  CHECK(InLedger() == Found{{"a", OutcomeKind::kSuccess}});
}

TEST_CASE_METHOD(LoopAttemptsFixture, "what the ledger has already is not taken twice", "[meter][loops]") {
  RunOne("a");
  REQUIRE(meter.meter->Record(RecordOf("a")).ok());  // and the daemon dies before the slot is free
  OpenFiles();
  CHECK(meter.report.settled == 0);
  CHECK(InLedger().size() == 1);
}

TEST_CASE_METHOD(LoopAttemptsFixture, "a slot is free once its record is in the ledger", "[meter][loops]") {
  for (int n = 0; n < 20; ++n) {
    CHECK(RunOne("id-" + std::to_string(n)) == AttemptBook::Recorded::kAppended);
    attempts->OnTaken(first_loop.taken.back().source);
  }
  CHECK(attempts->on_their_way() == 0);
}

TEST_CASE_METHOD(LoopAttemptsFixture, "with all slots taken a record is held, and its attempt stays open",
                 "[meter][loops]") {
  for (size_t n = 0; n < kSettled; ++n)
    CHECK(RunOne("id-" + std::to_string(n)) == AttemptBook::Recorded::kAppended);
  CHECK(RunOne("held") == AttemptBook::Recorded::kHeld);
  REQUIRE(first_loop.taken.size() == kSettled + 1);
  SECTION("the daemon dies: nobody was answered") {
    OpenFiles();
    CHECK(meter.report.settled == kSettled);
    CHECK(meter.report.interrupted == 1);
    CHECK(InLedger().back() == std::pair(std::string("held"), OutcomeKind::kInterrupted));
  }
  SECTION("it is taken: its slot is free") {
    for (const auto& taken : first_loop.taken) attempts->OnTaken(taken.source);
    for (int n = 0; n < 4; ++n) CHECK(attempts->Begin(RecordOf("open-" + std::to_string(n))).ok());
    CHECK(attempts->Begin(RecordOf("one too many")).error().code == ErrorCode::kUnavailable);
  }
}

TEST_CASE_METHOD(LoopAttemptsFixture, "a record whose bill is wrong is refused, and its attempt is over",
                 "[meter][loops]") {
  InvocationRecord wrong = RecordOf("a");
  wrong.billed_ms += 1;
  const auto slot = attempts->Begin(wrong);
  CHECK(attempts->Record(wrong, *slot).error().code == ErrorCode::kInternal);
  CHECK(first_loop.taken.empty());
  for (int n = 0; n < 4; ++n) CHECK(attempts->Begin(RecordOf("open-" + std::to_string(n))).ok());
}

TEST_CASE_METHOD(LoopAttemptsFixture, "records wait for a ledger that is full, in order", "[meter][loops]") {
  ManualExecutor executor;
  NullLog log;
  RecordIntake intake(*meter.meter, executor, log);
  std::string taken;
  ledger.full = true;
  intake.Take(EncodeRecord(RecordOf("a")).value(), [&taken] { taken += "a"; });
  ledger.full = false;
  intake.Take(EncodeRecord(RecordOf("b")).value(), [&taken] { taken += "b"; });
  CHECK(taken.empty());
  CHECK(intake.waiting() == 2);
  ledger.full = true;
  executor.Advance(RecordIntake::kRetry);
  CHECK(taken.empty());
  ledger.full = false;
  executor.Advance(RecordIntake::kRetry);
  CHECK(taken == "ab");
  CHECK(InLedger() == Found{{"a", OutcomeKind::kSuccess}, {"b", OutcomeKind::kSuccess}});
  CHECK(executor.timers_armed() == 0);
}

TEST_CASE_METHOD(LoopAttemptsFixture, "what can never be taken holds up nobody", "[meter][loops]") {
  ManualExecutor executor;
  NullLog log;
  RecordIntake intake(*meter.meter, executor, log);
  std::string taken;
  InvocationRecord other = RecordOf("a");
  other.bytes_out += 1;
  intake.Take(EncodeRecord(RecordOf("a")).value(), [&taken] { taken += "1"; });
  intake.Take(EncodeRecord(other).value(), [&taken] { taken += "2"; });
  intake.Take("nonsense", [&taken] { taken += "3"; });
  CHECK(taken == "123");
  CHECK(InLedger().size() == 1);
}

}  // namespace
}  // namespace hearth
