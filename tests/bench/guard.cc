// What ./dev bench guard counts instructions of: `bench_guard SCENARIO COUNT` does the same thing COUNT times, and each time the
// same way, without a system call and without a clock or random number of its own. Between two counts lies one time.

#include <charconv>
#include <cstdio>
#include <cstring>
#include <functional>
#include <map>
#include <string>

#include "runtime/base/check.h"
#include "runtime/base/clock.h"
#include "runtime/http/request_parser.h"
#include "runtime/http/response_head.h"
#include "runtime/http/route_table.h"
#include "runtime/loop/manual_executor.h"
#include "runtime/meter/meter.h"
#include "runtime/pool/warm_pool.h"
#include "runtime/wire/worker_frames.h"
#include "tests/unit/runtime/pool/fake_launcher.h"
#include "tests/unit/runtime/router/memory_ledger.h"
#include "triggers/http/http_answer.h"
#include "triggers/http/http_event_json.h"

namespace hearth {
namespace {

constexpr std::string_view kRequest =
    "GET /_url/resize/thumbs?width=128&format=webp HTTP/1.1\r\n"
    "Host: 4f2a.lambda-url.us-east-1.localhost:8080\r\nUser-Agent: curl/7.88.1\r\nAccept: */*\r\n"
    "Authorization: Bearer 0123456789abcdef\r\nCookie: session=8a7c; theme=dark\r\n\r\n";
constexpr const char* kRequestId = "8f14e45f-ceea-467f-9c2d-3a1b5c6d7e8f";
constexpr const char* kTraceId = "Root=1-5759e988-bd862e3fe1be46a994272793";

// The head of a request, the route that it takes, and an answer's head.
std::function<void()> Http() {
  auto routes = std::make_shared<http::RouteTable>();
  auto lease = std::make_shared<http::RouteLease>(
      routes->AddPrefix("/_url", [](http::Request, http::Responder) {}).value());
  auto parser = std::make_shared<http::RequestParser>(http::Limits{});
  return [routes, lease, parser] {
    const auto fed = parser->Feed(kRequest);
    CHECK_TRUE(fed.step == http::RequestParser::Step::kHead);
    CHECK_TRUE(routes->Find(parser->request().method, parser->request().raw_path).route != nullptr);
    parser->Next();
    http::Response response = http::Response::Text(200, "hello");
    response.headers.Set("x-amzn-requestid", kRequestId);
    response.headers.Set("x-amzn-trace-id", kTraceId);
    CHECK_TRUE(!http::FormatHead(response, {}, "date: Mon, 30 Nov 2026 09:11:50 GMT\r\n").empty());
  };
}

// A request as the event that its handler sees, and the handler's answer as a response.
std::function<void()> EventJson() {
  return [] {
    HttpEventParts parts;
    parts.method = "GET";
    parts.raw_path = "/thumbs";
    parts.raw_query = "width=128&format=webp";
    parts.headers = {{"host", "4f2a.lambda-url.us-east-1.localhost:8080"},
                     {"user-agent", "curl/7.88.1"},
                     {"accept", "*/*"},
                     {"cookie", "session=8a7c; theme=dark"},
                     {"x-forwarded-for", "127.0.0.1"},
                     {"x-forwarded-proto", "http"},
                     {"x-amzn-trace-id", kTraceId}};
    parts.source_ip = "127.0.0.1";
    parts.request_id = kRequestId;
    parts.received = WallTime(std::chrono::microseconds(1'764'000'000'000'000));
    CHECK_TRUE(!HttpEventJson(parts).empty());
    CHECK_TRUE(AnswerFromPayload(R"({"width":128,"bytes":4711,"tags":["a","b"]})", "application/json").ok());
  };
}

// The answer of a handler that says status, headers and cookies itself.
std::function<void()> Answer() {
  return [] {
    CHECK_TRUE(AnswerFromPayload(R"({"statusCode":200,"headers":{"Content-Type":"text/html; charset=utf-8",)"
                                 R"("Cache-Control":"max-age=60"},"cookies":["session=8a7c; HttpOnly"],)"
                                 R"("isBase64Encoded":false,"body":"<p class=\"a\">hello</p>\n"})",
                                 "application/json")
                   .ok());
  };
}

// An event to a worker and its answer back, as the two sides write and read them.
std::function<void()> Frames() {
  auto packet = std::make_shared<std::string>();
  return [packet] {
    InvokeFrameView frame;
    frame.request_id = kRequestId;
    frame.trace_id = kTraceId;
    frame.content_type = "application/json";
    frame.function_arn = "arn:aws:lambda:us-east-1:000000000000:function:resize";
    EncodeInvoke(7, frame, std::string_view(kRequest), *packet);
    std::string_view body;
    auto header = TakeHeader(*packet, body);
    CHECK_TRUE(DecodeInvoke(body, header->flags).has_value());
    EncodeResponse(7, "text/plain", "hello", *packet);
    header = TakeHeader(*packet, body);
    CHECK_TRUE(DecodeResponse(body, header->flags).has_value());
  };
}

// A record in the ledger.
std::function<void()> Metering() {
  auto ledger = std::make_shared<MemoryLedger>();
  auto meter = std::shared_ptr<Meter>(std::move(Meter::Open(*ledger)->meter));
  auto random = std::make_shared<SeededRandom>(1);
  return [ledger, meter, random] {
    InvocationRecord record;
    record.request_id = MakeUuid(*random);
    record.function = "resize";
    record.version = "$LATEST";
    record.started = WallTime(std::chrono::microseconds(1'764'000'000'000'000));
    record.duration_ns = 1'234'567;
    record.billed_ms = 2;
    record.memory_mib = 128;
    record.worker = 17;
    CHECK_TRUE(meter->Record(record).ok());
  };
}

// A warm worker lent, and given back.
std::function<void()> Pool() {
  struct Parts {
    ManualExecutor executor;
    FakeLauncher launcher{executor};
    MemoryBudget memory{1_GiB};
    std::shared_ptr<FunctionVersion> version = std::make_shared<FunctionVersion>();
    std::unique_ptr<WarmPool> pool;
    WorkerLease first;
    WarmPool::Wait wait;
  };
  auto parts = std::make_shared<Parts>();
  parts->pool = std::make_unique<WarmPool>(
      parts->version, PoolLimits{}, parts->launcher, parts->memory, [] { return false; }, parts->executor);
  parts->wait = parts->pool->Acquire(
      seconds(1), [raw = parts.get()](Result<WorkerLease> lease) { raw->first = std::move(lease).value(); });
  parts->launcher.LetAllStart();
  parts->executor.RunPosted();
  parts->first = {};
  return [parts] {
    WorkerLease lease = parts->pool->TryAcquire(WarmPool::Needs::kTurn);
    CHECK_TRUE(static_cast<bool>(lease));
    Attempt attempt;
    attempt.duration = microseconds(20);
    lease.Ran(attempt);
  };
}

}  // namespace
}  // namespace hearth

int main(int argc, char** argv) {
  using namespace hearth;
  const std::map<std::string, std::function<std::function<void()>()>> scenarios = {
      {"http", Http},     {"event", EventJson}, {"answer", Answer},
      {"frames", Frames}, {"meter", Metering},  {"pool", Pool}};
  const auto found = scenarios.find(argc == 3 ? argv[1] : "");
  if (found == scenarios.end()) {
    for (const auto& [name, make] : scenarios) std::printf("%s\n", name.c_str());
    return argc == 1 ? 0 : 2;
  }
  const std::function<void()> once = found->second();
  uint64_t count = 0;
  std::from_chars(argv[2], argv[2] + std::strlen(argv[2]), count);
  for (; count > 0; --count) once();
  return 0;
}
