// How many pieces of the heap a warm request takes, step by step. These are the figures of docs/cost-of-an-invocation.md: one that
// grows is to be found out about, one that shrinks is to be written here.

#include <catch2/catch.hpp>

#include "runtime/http/request_parser.h"
#include "runtime/http/response_head.h"
#include "runtime/loop/manual_executor.h"
#include "runtime/meter/meter.h"
#include "runtime/telemetry/log_store.h"
#include "tests/unit/allocation_count.h"
#include "tests/unit/runtime/router/router_fixture.h"
#include "triggers/http/url_endpoints.h"

namespace hearth {
namespace {

constexpr std::string_view kRequest =
    "GET /_url/noop/ HTTP/1.1\r\nHost: 127.0.0.1:8080\r\n"
    "User-Agent: a client with a long name/7.88.1\r\nAccept: application/json, text/html;q=0.9\r\n\r\n";

// Takes an event as the router does, and answers at once.
class Echo final : public EventSink {
 public:
  DeliveryId Deliver(Event&& event, OnOutcome done) override {
    std::swap(event_, event);
    event_ = blank_;
    Outcome outcome;
    outcome.kind = OutcomeKind::kSuccess;
    outcome.content_type = "text/plain";
    outcome.payload = "hello";
    done(std::move(outcome));
    return DeliveryId{1};
  }
  void Withdraw(DeliveryId, Withdrawal) override {}
  void DeliverOn(std::unique_ptr<Slot>, Event, OnOutcome) override {}
  std::unique_ptr<SlotWait> ReserveSlot(const std::string&, const std::string&, OnSlot) override {
    return nullptr;
  }
  void Submit(Event, OnAccepted) override {}

 private:
  Event event_;
  const Event blank_{};
};

// Where the answer goes: as the server formats it.
class Formatted final : public http::ResponseSink {
 public:
  void Send(http::Response response) override {
    out.clear();
    http::AppendHead(out, response, {}, date_);
    out += response.body;
  }
  void Begin(http::Response, std::optional<uint64_t>) override {}
  void Write(std::string) override {}
  void End() override {}
  void Abandon() override {}
  void OnClientGone(std::function<void()>) override {}
  void OnRoom(std::function<void()>) override {}
  bool client_gone() const override { return false; }
  uint64_t bytes_waiting() const override { return 0; }

  std::string out;

 private:
  const std::string date_ = "date: Mon, 30 Nov 2026 09:11:50 GMT\r\n";
};

}  // namespace

TEST_CASE("a request's head is parsed without the heap", "[allocations]") {
  const http::Limits limits;
  http::RequestParser parser(limits);
  CHECK(AllocationsOf([&] {
          CHECK_TRUE(parser.Feed(kRequest).step == http::RequestParser::Step::kHead);
          CHECK_TRUE(parser.request().headers.size() == 3);
          parser.Next();
          parser.request().Clear();
        }) == 0);
}

TEST_CASE("a function URL finds its route, makes an event and answers with six pieces of the heap",
          "[allocations]") {
  ManualExecutor executor;
  SeededRandom random(1);
  http::RouteTable routes;
  Echo sink;
  auto urls = UrlEndpoints::Create({}, routes, sink, executor.clock(), random).value();
  EndpointConfig config;
  config.function = "noop";
  config.url_id = "0123456789abcdef0123456789abcdef";
  urls->Set("noop", &config);
  const http::Limits limits;
  http::RequestParser parser(limits);
  http::RouteMatch match;
  auto answer = std::make_shared<Formatted>();
  const double each = AllocationsOf([&] {
    parser.Feed(kRequest);
    http::Request& request = parser.request();
    parser.Next();
    routes.Find(request.method, request.raw_path, match);
    match.route->handler(std::move(request), http::Responder(answer));
    request.Clear();  // NOLINT(bugprone-use-after-move): as the server does, for what the handler has left
  });
  CHECK(answer->out.starts_with("HTTP/1.1 200 OK\r\ncontent-type: text/plain\r\nx-amzn-requestid: "));
  CHECK(answer->out.ends_with("\r\n\r\nhello"));
  // What its answer will need, one; two ids in it; who hears the outcome; the answer's headers, two.
  CHECK(each == 6);
}

TEST_CASE_METHOD(RouterFixture, "an event goes through router and meter without the heap", "[allocations]") {
  Deploy("noop");
  Fire("noop");
  StartWorkers();
  Complete(0);
  Event event;
  SeededRandom random(3);
  const double each = AllocationsOf([&] {
    event.request_id = RequestId::Make(random);
    event.function = "noop";
    event.payload.assign(700, 'x');
    event.trace_id.assign(40, 'x');
    router_->Deliver(std::move(event), [](const Result<Outcome>&) {});
    launcher_.Complete(launcher_.running().front(), "ok");
  });
  // All of them the test's: the id, what the fake worker and the ledger in memory keep, an observer's copies. None is the
  // router's or the meter's.
  CHECK(each < 12.1);
}

TEST_CASE("START, END and REPORT are kept without a piece of the heap for each", "[allocations]") {
  LogStore::Options options;
  options.function_max = 64_KiB;
  options.start_line = [](std::string_view, std::string_view) { return std::string(); };
  options.end_line = [](const InvocationRecord&) { return std::string(); };
  options.report_line = [](const InvocationRecord&, std::string_view) { return std::string(); };
  LogStore log(options);
  InvocationRecord record;
  record.function = "noop";
  record.version = "$LATEST";
  record.request_id = "8f14e45f-ceea-467f-9c2d-3a1b5c6d7e8f";
  CHECK(AllocationsOf([&] {
          log.KeepStart(record.function, record.version, record.request_id, {});
          log.KeepEnd(record, 1, {});
        }) < 0.1);
}

}  // namespace hearth
