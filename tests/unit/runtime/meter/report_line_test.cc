#include "runtime/meter/report_line.h"

#include <catch2/catch.hpp>

#include "tests/unit/runtime/meter/meter_fixture.h"

namespace hearth {

TEST_CASE("lines of a cold start are Lambda's to the byte", "[meter]") {
  InvocationRecord record = SomeRecord();
  record.request_id = "id";
  record.init_ns = 203'690'000;
  record = Billed(record);
  CHECK(StartLine(record.request_id, record.version) == "START RequestId: id Version: $LATEST");
  CHECK(EndLine(record) == "END RequestId: id");
  CHECK(ReportLine(record) ==
        "REPORT RequestId: id\tDuration: 38.66 ms\tBilled Duration: 243 ms\tMemory Size: 128 MB\t"
        "Max Memory Used: 54 MB\tInit Duration: 203.69 ms\t");
}

TEST_CASE("a worker that is a copy has a restore duration", "[meter]") {
  InvocationRecord record = SomeRecord();
  record.init = InitKind::kRestore;
  CHECK(ReportLine(record).find("Restore") == std::string::npos);  // not its first event
  record.init_ns = 1'230'000;
  CHECK(ReportLine(record).ends_with("MB\tRestore Duration: 1.23 ms\t"));
}

TEST_CASE("warm invocation has no init duration and ends in a tab", "[meter]") {
  InvocationRecord record = SomeRecord();
  record.request_id = "id";
  record.memory_peak_kib = 1;
  CHECK(ReportLine(record) ==
        "REPORT RequestId: id\tDuration: 38.66 ms\tBilled Duration: 39 ms\tMemory Size: 128 MB\tMax Memory "
        "Used: 1 MB\t");
}

TEST_CASE("a sampled request's trace is named, before the status", "[meter]") {
  InvocationRecord record = SomeRecord();
  record.outcome = OutcomeKind::kTimeout;
  const std::string line =
      ReportLine(record, "", "Self=1-x;Root=1-5e1b4151-5ac6c58f3a2f5a7e4d2b1c0d;Sampled=1");
  CHECK(
      line.ends_with("\tXRAY TraceId: 1-5e1b4151-5ac6c58f3a2f5a7e4d2b1c0d\tSampled: true\tStatus: timeout"));
  CHECK(ReportLine(record, "", "Root=1-a").ends_with("\tXRAY TraceId: 1-a\tSampled: true\tStatus: timeout"));
  CHECK(ReportLine(record, "", "").find("XRAY") == std::string::npos);
}

TEST_CASE("status follows how the attempt ended", "[meter]") {
  InvocationRecord record = SomeRecord();
  const auto ending = [&](OutcomeKind kind, std::string_view type = "") {
    record.outcome = kind;
    const std::string line = ReportLine(record, type);
    return line.substr(line.find(" MB\t", line.find("Max Memory")) + 4);
  };
  CHECK(ending(OutcomeKind::kSuccess).empty());
  CHECK(ending(OutcomeKind::kFunctionError).empty());
  CHECK(ending(OutcomeKind::kTimeout) == "Status: timeout");
  CHECK(ending(OutcomeKind::kInitTimeout) == "Status: timeout");
  CHECK(ending(OutcomeKind::kCrash) == "Status: error\tError Type: Runtime.ExitError");
  CHECK(ending(OutcomeKind::kOutOfMemory) == "Status: error\tError Type: Runtime.OutOfMemory");
  CHECK(ending(OutcomeKind::kInitError, "Runtime.ImportError") ==
        "Status: error\tError Type: Runtime.ImportError");
}

TEST_CASE("durations round to hundredths by integers", "[meter]") {
  InvocationRecord record = SomeRecord();
  record.duration_ns = 4'999;
  CHECK(ReportLine(record).find("Duration: 0.00 ms") != std::string::npos);
  record.duration_ns = 5'000;
  CHECK(ReportLine(record).find("Duration: 0.01 ms") != std::string::npos);
  record.duration_ns = 3'000'000'000;
  CHECK(ReportLine(record).find("Duration: 3000.00 ms") != std::string::npos);
}

TEST_CASE("what never ran has no lines", "[meter]") {
  InvocationRecord record = SomeRecord();
  const auto has = [&](OutcomeKind outcome) {
    record.outcome = outcome;
    return HasReport(record);
  };
  CHECK(has(OutcomeKind::kTimeout));
  CHECK_FALSE(has(OutcomeKind::kThrottled));
  CHECK_FALSE(has(OutcomeKind::kCancelled));
  record.init = InitKind::kSnapshot;
  CHECK_FALSE(has(OutcomeKind::kSuccess));
}

}  // namespace hearth
