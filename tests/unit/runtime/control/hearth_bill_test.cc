#include "runtime/control/hearth_bill.h"

#include <catch2/catch.hpp>

#include "tests/unit/runtime/control/control_fixture.h"

namespace hearth {
namespace {

struct BillFixture : ControlFixture {
  uint64_t runs = 0;

  void Ran() {
    InvocationRecord record = SomeRecord();
    record.request_id = "id-" + std::to_string(++runs);
    record.started = executor.clock().WallNow();
    REQUIRE(opened.meter->Record(record).ok());
  }
  static std::string MillionRequestsOf(const RecordedAnswerPtr& answer) {
    REQUIRE(answer->answer->status == 200);
    const json bill = json::parse(answer->answer->body);
    for (const json& line : bill.at("lines")) {
      if (line.at("kind") == "requests") return line.at("quantity").get<std::string>();
    }
    return "none";
  }
};

}  // namespace

// Goal: a bill that takes its time keeps nobody waiting, and is of the moment in which it was asked for.
TEST_CASE_METHOD(BillFixture, "other requests are answered while a bill is being made", "[control][bill]") {
  Ran();
  rating.Hold();
  std::vector<RecordedAnswerPtr> waiting;
  for (const char* target :
       {"/_hearth/v1/bill?month=2026-11", "/_hearth/v1/bill?format=focus", "/_hearth/v1/bill?format=html",
        "/_hearth/v1/bill/advice", "/_hearth/v1/bill/lines/2026-11-0123456789ab"}) {
    waiting.push_back(Start(Request("GET", target)));
  }
  waiting.push_back(Start(Request("POST", "/_hearth/v1/bill/re-rate?month=2026-11")));
  waiting.push_back(Start(Request("PUT", "/_hearth/v1/budgets/b", {},
                                  R"({"Monthly":"5","Steps":[{"Percent":80,"Action":"warn"}]})")));
  RunPosted();
  CHECK(rating.held() == waiting.size());
  const uint64_t read_before = ledger.records_read;
  Deploy("resize");
  CHECK(Call("GET", "/_hearth/v1/workers")->answer->status == 200);
  Ran();  // and work is recorded
  for (const RecordedAnswerPtr& answer : waiting) CHECK_FALSE(answer->answer);
  CHECK(ledger.records_read == read_before);
  rating.Release();
  executor.WaitFor([&] {
    return std::all_of(waiting.begin(), waiting.end(),
                       [](const auto& one) { return one->answer.has_value(); });
  });
  CHECK(MillionRequestsOf(waiting[0]) == "0.000001");
  CHECK(MillionRequestsOf(Call("GET", "/_hearth/v1/bill?month=2026-11")) == "0.000002");
}

TEST_CASE_METHOD(BillFixture, "one bill more than may wait is refused, and says when to come again",
                 "[control][bill]") {
  rating.Hold();
  std::vector<RecordedAnswerPtr> waiting;
  for (size_t i = 0; i < BillMaker::kWaitingMax; ++i)
    waiting.push_back(Start(Request("GET", "/_hearth/v1/bill")));
  const auto refused = Call("GET", "/_hearth/v1/bill");
  CHECK(refused->answer->status == 429);
  CHECK(refused->answer->body.find("ask again") != std::string::npos);
  rating.Release();
  executor.WaitFor([&] { return waiting.back()->answer.has_value(); });
  CHECK(Call("GET", "/_hearth/v1/bill")->answer->status == 200);
}

TEST_CASE_METHOD(BillFixture, "what cannot be asked is refused at once", "[control][bill]") {
  rating.Hold();
  for (const char* target : {"/_hearth/v1/bill?format=xls", "/_hearth/v1/bill?month=2026-13",
                             "/_hearth/v1/bill?by=colour", "/_hearth/v1/bill/advice?days=367"}) {
    CHECK(Call("GET", target)->answer->status == 400);
  }
  CHECK(rating.held() == 0);
}

}  // namespace hearth
