#include <chrono>
#include <stdexcept>
#include <string>
#include <string_view>

#include <catch2/catch.hpp>
#include <hearth/hearth.h>
#include <hearth/testing.h>

// What people want to write, each through the C boundary that a worker uses.

using namespace std::chrono_literals;
using hearth::Context;
using hearth::HttpEvent;
using hearth::HttpResponse;
using hearth::InitContext;
using hearth::json;
using hearth::S3Event;
using hearth::ScheduledEvent;
using hearth::SnsEvent;
using hearth::SqsBatchResponse;
using hearth::SqsEvent;
using hearth::testing::FunctionOf;
using hearth::testing::Invoke;
using hearth::testing::InvokeOptions;
using hearth::testing::InvokeResult;
using hearth::testing::Runner;

namespace {

// The table that HEARTH_HANDLER(kHandler) would export.
template <auto kHandler>
const struct hearth_function* Exported() {
  return &decltype(hearth::internal::Bind<kHandler>())::kFunction;
}

json EchoJson(const json& event, Context&) { return event; }
std::string Reverse(std::string_view text, Context&) { return std::string(text.rbegin(), text.rend()); }
HttpResponse Page(const HttpEvent& event, Context&) { return HttpResponse::Text(event.raw_path, 201); }
void Ignore(const S3Event&, Context&) {}
SqsBatchResponse FailAll(const SqsEvent& event, Context&) {
  SqsBatchResponse response;
  for (const auto& message : event.records) response.Fail(message);
  return response;
}
json WhichTopic(const SnsEvent& event) { return event.records.at(0).sns.topic_arn; }
json WhichTick(ScheduledEvent event) { return event.time; }
json NoEvent(Context& context) { return context.request_id(); }
int Nothing() noexcept { return 7; }

struct Point {
  int x = 0;
  int y = 0;
};
void from_json(const json& in, Point& out) { out = {in.at("x"), in.at("y")}; }
void to_json(json& out, const Point& in) { out = {{"x", in.x}, {"y", in.y}}; }
Point Mirror(const Point& point) { return {point.y, point.x}; }

class Counter {
 public:
  explicit Counter(InitContext& context) : name_(context.function_name()) { context.Info("made"); }
  ~Counter() { ++destroyed; }
  json Handle(const json&) { return {{"name", name_}, {"count", ++count_}}; }

  static inline int destroyed = 0;

 private:
  std::string name_;
  int count_ = 0;
};

struct Callable {
  std::string operator()(std::string_view text) const { return "<" + std::string(text) + ">"; }
};

struct Restored {
  void BeforeCheckpoint() { steps += "checkpoint "; }
  void AfterRestore() { steps += "restore "; }
  std::string Handle() { return steps; }
  std::string steps;
};

struct CannotStart {
  CannotStart() { throw std::runtime_error("no database"); }
  void Handle() {}
};

}  // namespace

TEST_CASE("a function is called by its signature", "[sdk][handler]") {
  CHECK(Invoke(EchoJson, R"({"a":[1,2]})").response == R"({"a":[1,2]})");
  CHECK(Invoke(Reverse, "not json").response == "nosj ton");
  CHECK(Invoke(Ignore, hearth::testing::SampleS3Event("b", "k").dump()).response == "null");
  CHECK(Invoke(NoEvent, "anything", {.request_id = "r-1"}).response == "\"r-1\"");
  CHECK(Invoke(Nothing, "anything").response == "7");
  CHECK(Invoke(Mirror, R"({"x":1,"y":2})").response == R"({"x":2,"y":1})");
  CHECK(Invoke(Page, hearth::testing::SampleHttpEvent("GET", "/a/b").dump()).response_json().at("body") ==
        "/a/b");
  CHECK(Invoke(FailAll, hearth::testing::SampleSqsEvent({"one"}).dump()).response ==
        R"({"batchItemFailures":[{"itemIdentifier":"message-1"}]})");
}

TEST_CASE("exported tables do what direct calls do", "[sdk][handler]") {
  CHECK(Runner(Exported<EchoJson>()).Invoke("[1]").response == "[1]");
  CHECK(Runner(Exported<[](std::string text) { return text + "!"; }>()).Invoke("hi").response == "hi!");
  CHECK(Runner(FunctionOf<Callable>()).Invoke("x").response == "<x>");
  CHECK(Exported<EchoJson>()->abi_version == HEARTH_ABI_VERSION);
  CHECK(Exported<EchoJson>()->struct_size == sizeof(struct hearth_function));
}

TEST_CASE("a lambda with captures runs in a test", "[sdk][handler]") {
  int calls = 0;
  CHECK(Invoke([&](const json& event) { return calls += event.get<int>(); }, "5").response == "5");
  CHECK(calls == 5);
}

TEST_CASE("a class is made once per worker and destroyed with it", "[sdk][handler]") {
  Counter::destroyed = 0;
  {
    Runner worker(FunctionOf<Counter>());
    const InvokeResult init = worker.Init({.function_name = "orders"});
    REQUIRE(init.logs.size() == 1);
    CHECK(init.logs[0].message == "made");
    CHECK(worker.Invoke("{}").response_json() == json({{"name", "orders"}, {"count", 1}}));
    CHECK(worker.Invoke("{}").response_json().at("count") == 2);
    CHECK(Counter::destroyed == 0);
  }
  CHECK(Counter::destroyed == 1);
}

TEST_CASE("init throws", "[sdk][handler]") {
  Runner worker(FunctionOf<CannotStart>());
  REQUIRE_FALSE(worker.Init().ok());
  CHECK(worker.Invoke("{}").failure->type == "std::runtime_error");
  CHECK(worker.Invoke("{}").failure->message == "no database");
}

TEST_CASE("a snapshot class hears of checkpoint and restore", "[sdk][handler]") {
  CHECK(Runner(FunctionOf<Restored>()).Invoke("", {.snap_start = true}).response == "checkpoint restore ");
  CHECK(Runner(FunctionOf<Restored>()).Invoke("").response.empty());
}

TEST_CASE("the payload is not what the handler takes", "[sdk][handler]") {
  CHECK(Invoke(EchoJson, "{").failure->type == "hearth::EventError");
  CHECK(Invoke(EchoJson, "{").failure->message.find("the payload is not JSON") == 0);
  CHECK(Invoke(Ignore, "{}").failure->message == "$.Records: is missing");
  CHECK(Invoke(Mirror, "{}").failure->type.find("nlohmann") == 0);
}

TEST_CASE("no payload is an empty object", "[sdk][handler]") { CHECK(Invoke(EchoJson, "").response == "{}"); }

TEST_CASE("a result that is not UTF-8 cannot be JSON", "[sdk][handler]") {
  const InvokeResult result = Invoke([] { return json("\xff"); }, "");
  REQUIRE_FALSE(result.ok());
  CHECK(result.response.empty());
}

TEST_CASE("the context tells what the request says", "[sdk][handler]") {
  const InvokeOptions options{.request_id = "r-2",
                              .timeout = 5s,
                              .function_name = "f",
                              .function_version = "3",
                              .function_arn = "arn:f:3",
                              .trace_id = "Root=1",
                              .client_context = R"({"c":1})",
                              .memory_limit_bytes = 256u << 20,
                              .trigger = hearth::Trigger::kQueue,
                              .attempt = 2};
  const auto handler = [](Context& context) {
    CHECK(context.request_id() == "r-2");
    CHECK(context.function_name() == "f");
    CHECK(context.function_version() == "3");
    CHECK(context.invoked_function_arn() == "arn:f:3");
    CHECK(context.trace_id() == "Root=1");
    CHECK(context.client_context() == R"({"c":1})");
    CHECK(context.memory_limit() == 256u << 20);
    CHECK(context.trigger() == hearth::Trigger::kQueue);
    CHECK(context.attempt() == 2);
    CHECK(context.cold_start());
    CHECK(context.remaining_time() > 0s);
    CHECK(context.remaining_time() <= 5s);
    CHECK(context.deadline() > std::chrono::system_clock::now());
    context.set_response_content_type("image/png");
  };
  const InvokeResult result = Invoke(handler, "", options);
  REQUIRE(result.ok());
  CHECK(result.content_type == "image/png");
}

TEST_CASE("log lines keep level and fields", "[sdk][handler]") {
  const auto handler = [](Context& context) {
    context.log(hearth::LogLevel::kDebug, "plain");
    context.Warn("odd bytes", {{"text", "\xff"}, {"n", 3}, {"list", {1, 2}}});
  };
  const InvokeResult result = Invoke(handler, "");
  REQUIRE(result.logs.size() == 2);
  CHECK(result.logs[0].level == hearth::LogLevel::kDebug);
  CHECK(result.logs[0].fields.is_null());
  CHECK(result.logs[1].level == hearth::LogLevel::kWarn);
  CHECK(result.logs[1].fields == json({{"text", "\xEF\xBF\xBD"}, {"n", 3}, {"list", {1, 2}}}));
}

TEST_CASE("topics and ticks are decoded", "[sdk][handler]") {
  const json topic = {{"Records",
                       {{{"EventVersion", "1.0"},
                         {"EventSource", "aws:sns"},
                         {"EventSubscriptionArn", "arn:s"},
                         {"Sns",
                          {{"Type", "Notification"},
                           {"MessageId", "m"},
                           {"TopicArn", "arn:t"},
                           {"Message", "hi"},
                           {"Timestamp", "t"}}}}}}};
  CHECK(Invoke(WhichTopic, topic.dump()).response == "\"arn:t\"");
  const json tick = {{"id", "1"},
                     {"detail-type", "Scheduled Event"},
                     {"source", "aws.events"},
                     {"time", "2026-11-23T12:00:00Z"},
                     {"detail", json::object()}};
  CHECK(Invoke(WhichTick, tick.dump()).response == "\"2026-11-23T12:00:00Z\"");
}
