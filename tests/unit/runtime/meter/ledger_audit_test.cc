#include "runtime/meter/ledger_audit.h"

#include <optional>

#include <catch2/catch.hpp>

#include "tests/unit/runtime/meter/meter_fixture.h"
#include "tests/unit/runtime/store/ledger_fixture.h"

namespace hearth {
namespace {

class AuditFixture : public LedgerFixture {
 public:
  AuditFixture() { Open(); }
  LedgerAudit Audit() {
    std::optional<LedgerAudit> found;
    AuditLedger(*log, [&](LedgerAudit audit) { found = std::move(audit); });
    executor.WaitFor([&] { return found.has_value(); });
    return *found;
  }
  // Until there are full segments.
  void FillWithRecords(size_t count) {
    RandomRecords random(3);
    for (size_t i = 0; i < count; ++i) Append(EncodeRecord(random.Next()).value());
    Sync();
  }
  Sha256Digest RollUpNow(uint64_t sequence) {
    std::optional<Sha256Digest> hash;
    log->RollUpPart(
        sequence, [](const auto&) -> Result<std::string> { return std::string("sums"); },
        [&](Result<Sha256Digest> made) { hash = made.value(); });
    executor.WaitFor([&] { return hash.has_value(); });
    return *hash;
  }
};

}  // namespace

TEST_CASE_METHOD(AuditFixture, "audit counts what is in the ledger, by kind", "[meter][ledger]") {
  FillWithRecords(3);
  Append(EncodeAccountEntry({.kind = "k", .json = "{}"}).value());
  Sync();
  const LedgerAudit audit = Audit();
  CHECK(audit.good());
  CHECK(audit.invocations == 3);
  CHECK(audit.account_events == 1);
  CHECK(audit.checked.records == 4);
  CHECK(audit.checked.segments == 1);
  CHECK(LedgerAuditJson(audit).find(R"("good":true,"segments":1)") != std::string::npos);
}

TEST_CASE_METHOD(AuditFixture, "record that is no entry is a finding", "[meter][ledger]") {
  Append("\1rubbish");
  Sync();
  const LedgerAudit audit = Audit();
  CHECK_FALSE(audit.good());
  CHECK(audit.unreadable == 1);
  CHECK(audit.checked.findings[0].find("1 records are no entries; the first: ledger record 0") == 0);
}

TEST_CASE_METHOD(AuditFixture, "roll-up is vouched for by the ledger, and a forged one found out",
                 "[meter][ledger]") {
  FillWithRecords(3'000);
  REQUIRE(log->parts().size() >= 3);
  const Sha256Digest first = RollUpNow(0);
  CHECK(Audit().not_anchored == 1);
  const Sha256Digest second = RollUpNow(1);
  Append(EncodeRollUpAnchor({1, second}));  // vouches for the first too
  Sync();
  CHECK(Audit().good());
  CHECK(Audit().not_anchored == 0);
  CHECK(first != second);
  Append(EncodeRollUpAnchor({0, second}));
  Sync();
  const LedgerAudit audit = Audit();
  CHECK_FALSE(audit.good());
  CHECK(audit.checked.findings[0].find("0000000000.rollup: it does not have the hash that the ledger has") !=
        std::string::npos);
}

TEST_CASE_METHOD(AuditFixture, "audit of a folder: not while it is open", "[meter][ledger]") {
  FillWithRecords(2);
  CHECK(AuditLedgerFolder(folder.path()).error().code == ErrorCode::kConflict);
  Close();
  const auto audit = AuditLedgerFolder(folder.path());
  REQUIRE(audit.ok());
  CHECK(audit->good());
  CHECK(audit->invocations == 2);
}

}  // namespace hearth
