#include "runtime/router/snapshot_bill.h"

#include <catch2/catch.hpp>

#include "runtime/meter/report_line.h"
#include "runtime/router/init_back_off.h"
#include "tests/unit/runtime/router/router_fixture.h"

namespace hearth {
namespace {

class SnapshotFixture : public RouterFixture {
 protected:
  // Version 1 of `name`, as a restart would find it.
  void DeployPublished(const std::string& name) {
    FunctionSettings settings;
    settings.snap_start = SnapStart::kPublishedVersions;
    Deploy(name, settings);
    FunctionVersion version = **registry_->Resolve(name, "");
    version.version = "1";
    version.arn += ":1";
    keys_.Apply({{"function/" + name + "/1", EncodeFunctionJson(version)}}, [](const Status&) {});
    registry_->Load([](const Status&) {});
    executor_.RunPosted();
  }
  std::string FireAt(const std::string& function, const std::string& qualifier) {
    Event event = EventFor(function);
    event.qualifier = qualifier;
    const std::string id = event.request_id.text();
    router_->Deliver(std::move(event),
                     [this, id](Result<Outcome> outcome) { results_.emplace(id, std::move(outcome)); });
    executor_.RunPosted();
    return id;
  }
  void FailStart(ErrorCode code) {
    launcher_.FailOneStart({code, "run init: Shop.Closed: no table"});
    executor_.RunPosted();
  }
};

TEST_CASE("the init of a snapshot is time that is billed, and no request", "[router][meter]") {
  FunctionVersion version;
  version.function = "resize";
  version.version = "3";
  version.settings.memory = 256_MiB;
  const WallTime now(seconds(1'000'000));
  const InvocationRecord record = SnapshotRecord(version, milliseconds(200) + nanoseconds(1), "id", now, "");
  CHECK(record.init == InitKind::kSnapshot);
  CHECK(record.billed_ms == 201);
  CHECK(record.init_ns == 200'000'001);
  CHECK(record.duration_ns == 0);
  CHECK(record.started == now - microseconds(200'001));
  CHECK(record.plan == Plan::kOnDemand);
  CHECK(SnapshotRecord(version, milliseconds(1), "id", now, "host-1").plan == Plan::kDedicated);

  UsageTotals totals;
  totals.Add(record);
  CHECK(totals.records == 0);
  CHECK(totals.requests == 0);
  CHECK(totals.errors() == 0);
  CHECK(totals.billed_ms == 201);
  CHECK(totals.memory_mb_ms == 201 * 256);
  CHECK(totals.init_ns == record.init_ns);
  CHECK_FALSE(HasReport(record));
}

TEST_CASE_METHOD(SnapshotFixture, "what a copy's first event pays for is told as a restore",
                 "[router][meter]") {
  DeployPublished("resize");
  FireAt("resize", "1");
  FireAt("resize", "");
  StartWorkers();
  Complete(0);
  Complete(0);
  REQUIRE(observer_.settled.size() == 2);
  CHECK(observer_.settled[0].init == InitKind::kRestore);
  CHECK(observer_.settled[1].init == InitKind::kInit);  // $LATEST's
}

TEST_CASE_METHOD(SnapshotFixture,
                 "an init that fails in the process that is copied is an init error, unbilled",
                 "[router][init]") {
  DeployPublished("resize");
  const std::string id = FireAt("resize", "1");
  FailStart(ErrorCode::kBadArtefact);
  const Outcome& outcome = OutcomeOf(id);
  CHECK(outcome.kind == OutcomeKind::kInitError);
  CHECK(outcome.error.type == "Hearth.SnapshotError");
  CHECK(outcome.error.message == "run init: Shop.Closed: no table");
  CHECK(outcome.executed_version == "1");
  CHECK(outcome.billed_ms == 0);
  CHECK(observer_.settled.empty());
  for (size_t n = 1; n < InitBackOff::kFailures; ++n) {
    FireAt("resize", "1");
    FailStart(ErrorCode::kBadArtefact);
  }
  CHECK(ErrorOf(FireAt("resize", "1")).message.starts_with("InitBackOff"));
}

TEST_CASE_METHOD(SnapshotFixture, "a library that cannot be loaded stays an error where nothing is copied",
                 "[router][init]") {
  DeployPublished("resize");
  const std::string id = FireAt("resize", "");
  FailStart(ErrorCode::kBadArtefact);
  CHECK(ErrorOf(id).code == ErrorCode::kBadArtefact);
}

}  // namespace
}  // namespace hearth
