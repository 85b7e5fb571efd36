#include "runtime/control/hearth_bill.h"
#include "runtime/control/hearth_logs.h"
#include "tests/unit/runtime/control/control_fixture.h"

namespace hearth {
namespace {

struct ResourcesFixture : ControlFixture {
  ResourcesFixture() { Deploy("resize"); }

  void Ran(const std::string& function, const std::string& version, WallTime started) {
    InvocationRecord record = SomeRecord();
    record.request_id = MakeUuid(random);
    record.function = function;
    record.version = version;
    record.started = started;
    REQUIRE(opened.meter->Record(Billed(record)).ok());
  }
  void Logs(const std::string& message, const std::string& request_id = "r1") {
    logs.OnHandlerLog({.function = "resize",
                       .version = "$LATEST",
                       .request_id = request_id,
                       .time = executor.clock().WallNow(),
                       .message = message,
                       .fields_json = "{\"n\":1}"});
  }
  static std::vector<json> Lines(const RecordedAnswerPtr& answer) {
    std::vector<json> lines;
    std::string_view rest = answer->answer->body;
    while (!rest.empty()) {
      const size_t end = rest.find('\n');
      lines.push_back(json::parse(rest.substr(0, end)));
      rest.remove_prefix(end + 1);
    }
    return lines;
  }
};

}  // namespace

TEST_CASE_METHOD(ResourcesFixture, "bill of a period by function and by version", "[control][bill]") {
  Ran("resize", "1", kNoon);
  Ran("resize", "2", kNoon);
  Ran("other", "1", kNoon + std::chrono::days(1));
  const json by_function = Body(Call("GET", "/_hearth/v1/bill?from=2026-11-01&to=2026-12-01"));
  REQUIRE(by_function["rows"].size() == 2);
  CHECK(by_function["rows"][1]["function"] == "resize");
  CHECK(by_function["rows"][1]["requests"] == 2);
  CHECK(by_function["total"]["requests"] == 3);
  CHECK(by_function["currency"] == "USD");
  const auto expected =
      MakeBill(account->state(), KeptUsage(opened.meter->View()),
               {*ParseUtcTime("2026-11-01"), *ParseUtcTime("2026-12-01")}, executor.clock().WallNow());
  CHECK(by_function["total"]["amount"] == ToString(expected->total));
  const json by_version =
      Body(Call("GET", "/_hearth/v1/bill?from=2026-11-23T00:00:00Z&to=2026-11-24&by=version"));
  REQUIRE(by_version["rows"].size() == 2);
  CHECK(by_version["rows"][0]["version"] == "1");
  CHECK(by_version["total"]["requests"] == 2);
}

TEST_CASE_METHOD(ResourcesFixture, "bill of a period that is none", "[control][bill]") {
  for (const char* query : {"from=yesterday", "to=2026-13-01", "from=2026-11-02&to=2026-11-01", "by=day",
                            "from=2026-11-01T25:00:00Z", "from=2026-02-30", "from=2026-11-01x"}) {
    INFO(query);
    CHECK(Call("GET", std::string("/_hearth/v1/bill?") + query)->answer->status == 400);
  }
}

TEST_CASE_METHOD(ResourcesFixture, "logs as JSON lines", "[control][logs]") {
  Logs("first");
  Advance(std::chrono::minutes(10));
  Logs("second", "r2");
  const auto all = Lines(Call("GET", "/_hearth/v1/logs/resize"));
  REQUIRE(all.size() == 2);
  CHECK(all[0]["message"] == "first");
  CHECK(all[0]["level"] == "INFO");
  CHECK(all[0]["fields"] == json{{"n", 1}});
  CHECK(all[0]["source"] == "handler");
  CHECK(Lines(Call("GET", "/_hearth/v1/logs/resize?since=5m")).at(0)["message"] == "second");
  CHECK(Lines(Call("GET", "/_hearth/v1/logs/resize?request-id=r1")).at(0)["message"] == "first");
  CHECK(Lines(Call("GET", "/_hearth/v1/logs/resize?since=2026-11-23T00:05:00Z")).size() == 1);
  CHECK(Call("GET", "/_hearth/v1/logs/resize?since=soon")->answer->status == 400);
  CHECK(Call("GET", "/_hearth/v1/logs/nobody")->answer->status == 404);
}

TEST_CASE_METHOD(ResourcesFixture, "logs are followed until the client goes", "[control][logs]") {
  Logs("before");
  const auto answer = Start(Request("GET", "/_hearth/v1/logs/resize?follow=1&request-id=r1"));
  Logs("after");
  Logs("of another", "r2");
  REQUIRE(answer->answer);
  REQUIRE(Lines(answer).size() == 2);
  CHECK(Lines(answer)[1]["message"] == "after");
  CHECK_FALSE(answer->ended);
  answer->ClientGoes();
  Logs("nobody listens");
  CHECK(Lines(answer).size() == 2);
}

TEST_CASE_METHOD(ResourcesFixture, "slow reader of a log is told what it missed", "[control][logs]") {
  const auto answer = Start(Request("GET", "/_hearth/v1/logs/resize?follow=1"));
  answer->bytes_untaken = HearthLogs::kUntakenMax + 1;
  Logs("lost");
  Logs("lost too");
  answer->bytes_untaken = 0;
  Logs("seen");
  const auto lines = Lines(answer);
  REQUIRE(lines.size() == 2);
  CHECK(lines[0]["message"].get<std::string>().starts_with("2 lines"));
  CHECK(lines[1]["message"] == "seen");
}

TEST_CASE_METHOD(ResourcesFixture, "a log in the JSON format has its own object as entry",
                 "[control][logs]") {
  Call("PUT", "/2015-03-31/functions/resize/configuration", {{"LoggingConfig", {{"LogFormat", "JSON"}}}});
  Logs("first");
  const auto answer = Start(Request("GET", "/_hearth/v1/logs/resize?follow=1"));
  answer->bytes_untaken = HearthLogs::kUntakenMax + 1;
  Logs("lost");
  answer->bytes_untaken = 0;
  Logs("seen");
  const auto lines = Lines(answer);
  REQUIRE(lines.size() == 3);
  CHECK(lines[0] == json{{"time", "2026-11-23T00:00:00.000Z"},
                         {"version", "$LATEST"},
                         {"request_id", "r1"},
                         {"source", "handler"},
                         {"entry",
                          {{"timestamp", "2026-11-23T00:00:00.000Z"},
                           {"level", "INFO"},
                           {"requestId", "r1"},
                           {"message", "first"},
                           {"n", 1}}}});
  CHECK(lines[1]["entry"]["type"] == "platform.logsDropped");
  CHECK(lines[1]["entry"]["record"]["droppedRecords"] == 1);
  CHECK(lines[2]["entry"]["message"] == "seen");
  const auto newest = Lines(Call("GET", "/_hearth/v1/logs/resize?lines=1"));
  REQUIRE(newest.size() == 2);
  CHECK(newest[0]["entry"]["type"] == "hearth.notice");
}

TEST_CASE_METHOD(ResourcesFixture, "drain ends the followers", "[control][logs]") {
  const auto answer = Start(Request("GET", "/_hearth/v1/logs/resize?follow=1"));
  api->EndFollows();
  CHECK(answer->ended);
}

TEST_CASE_METHOD(ResourcesFixture, "workers, queues, info", "[control]") {
  pool.status = {{.function = "resize", .version = "$LATEST", .idle = 2, .busy = 1, .workers_max = 8}};
  const json workers = Body(Call("GET", "/_hearth/v1/workers"))["versions"];
  REQUIRE(workers.size() == 1);
  CHECK(workers[0]["idle"] == 2);
  CHECK(workers[0]["workers_max"] == 8);
  CHECK_FALSE(workers[0].contains("workers"));
  pool.status[0].workers = {{7, "frozen", 1200, "idle for the linger"}};
  CHECK(Body(Call("GET", "/_hearth/v1/workers?each=1"))["versions"][0]["workers"] ==
        json::array({{{"id", 7}, {"state", "frozen"}, {"for_ms", 1200}, {"why", "idle for the linger"}}}));

  const std::string orders = MakeQueue("orders");
  MakeQueue("other");
  Sqs("SendMessage", {{"QueueUrl", orders}, {"MessageBody", "m"}});
  const json queues_shown = Body(Call("GET", "/_hearth/v1/queues"))["queues"];
  REQUIRE(queues_shown.size() == 2);
  CHECK(queues_shown[0]["name"] == "orders");
  CHECK(queues_shown[0]["visible"] == 1);

  const json info = Body(Call("GET", "/_hearth/v1/info"));
  CHECK(info["version"] == "0.1.0");
  CHECK(info["limits"]["timeout_max_s"] == 900);
}

TEST_CASE_METHOD(ResourcesFixture, "health and metrics", "[control]") {
  CHECK(Call("GET", "/livez")->answer->status == 200);
  CHECK(Call("GET", "/readyz")->answer->status == 200);
  readiness = {{"ledger", true, ""}, {"buckets", true, "photos: Polling"}};
  const auto ready = Call("GET", "/readyz");
  CHECK(ready->answer->status == 200);
  CHECK(Body(ready) == json{{"status", "ready"},
                            {"checks",
                             {{{"check", "ledger"}, {"ok", true}, {"detail", ""}},
                              {{"check", "buckets"}, {"ok", true}, {"detail", "photos: Polling"}}}}});
  readiness = {
      {"started", true, "just so"}, {"ledger", false, "the ledger is full"}, {"disk", false, "full"}};
  const auto not_ready = Call("GET", "/readyz");
  CHECK(not_ready->answer->status == 503);
  CHECK(Body(not_ready)["status"] == "not ready");
  CHECK(Body(not_ready)["reason"] == "the ledger is full");
  CHECK(Body(not_ready)["checks"].size() == 3);
  metrics.OnInvocationSettled(SomeRecord());
  const auto scraped = Call("GET", "/metrics");
  CHECK(scraped->header("content-type") == Metrics::kContentType);
  CHECK(scraped->answer->body.find("function=\"resize\"") != std::string::npos);
}

TEST_CASE_METHOD(ResourcesFixture, "while no new work is taken: nothing deployed or sent, the rest goes on",
                 "[control][disk]") {
  new_work = Error{ErrorCode::kUnavailable, "the disk is full"};
  for (const auto& [method, path] :
       {std::pair("POST", "/2015-03-31/functions"), std::pair("PUT", "/2015-03-31/functions/resize/code"),
        std::pair("PUT", "/2015-03-31/functions/resize/configuration")}) {
    const auto refused = Call(method, path, "{}");
    INFO(path);
    CHECK(refused->answer->status == 503);
    CHECK(refused->answer->body.find("the disk is full") != std::string::npos);
  }
  CHECK(Call("GET", "/2015-03-31/functions")->answer->status == 200);
}

}  // namespace hearth
