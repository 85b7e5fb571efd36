#include "runtime/telemetry/log_json.h"

#include <catch2/catch.hpp>

namespace hearth {
namespace {

constexpr WallTime kTime{std::chrono::sys_days(std::chrono::year(2026) / 11 / 23)};

StoredLogLine Line(LogSource source, std::string message, std::string fields = "") {
  StoredLogLine line{.number = 1, .time = kTime, .source = source, .level = 3, .request_id = "r1"};
  line.message = std::move(message);
  line.fields_json = std::move(fields);
  line.format = LogFormat::kJson;
  return line;
}
StoredLogLine Logged(std::string message, std::string fields = "") {
  return Line(LogSource::kHandler, std::move(message), std::move(fields));
}

const std::string kHead = R"({"timestamp":"2026-11-23T00:00:00.000Z","level":"WARN","requestId":"r1",)";

}  // namespace

TEST_CASE("what a handler logs is an object as Lambda's runtimes write it", "[telemetry]") {
  CHECK(LogEntryJson(Logged("said \"so\"\\x1b")) == kHead + R"("message":"said \"so\"\\x1b"})");
  StoredLogLine init = Logged("begins");
  init.request_id = "";
  CHECK(LogEntryJson(init) ==
        R"({"timestamp":"2026-11-23T00:00:00.000Z","level":"WARN","message":"begins"})");
  CHECK(ToText(Logged("m")) == LogEntryJson(Logged("m")));
}

TEST_CASE("fields stand beside our members, or together where one has the name of ours", "[telemetry]") {
  CHECK(LogEntryJson(Logged("m", R"({ "n":1,"in":{"level":2} })")) ==
        kHead + R"("message":"m","n":1,"in":{"level":2}})");
  CHECK(LogEntryJson(Logged("m", "{}")) == kHead + R"("message":"m"})");
  for (const char* const own : {R"({"level":"INFO","n":1})", R"({"timestamp":0})", R"({"requestId":"r2"})",
                                R"({"message":""})", R"({"messag\u0065":1})"})
    CHECK(LogEntryJson(Logged("m", own)) == kHead + R"("message":"m","fields":)" + own + "}");
}

TEST_CASE("fields that are no object are a text, whatever a worker sends", "[telemetry]") {
  for (const char* const bad : {"{", "}", "[1]", "1}, \"level\":\"FATAL\"", "{\"a\":1}}"}) {
    const std::string entry = LogEntryJson(Logged("m", bad));
    CHECK(entry.starts_with(kHead + R"("message":"m","fields":")"));
    CHECK(IsJsonLine(entry));
  }
}

TEST_CASE("a printed object stays what it is; other output is wrapped", "[telemetry]") {
  const std::string own = R"({"level":"error","msg":"m","big":12345678901234567890123})";
  CHECK(LogEntryJson(Line(LogSource::kStdout, own)) == own);
  CHECK(LogEntryJson(Line(LogSource::kStderr, own)) == own);
  CHECK(LogEntryJson(Line(LogSource::kStderr, "plain")) == kHead + R"("message":"plain"})");
  CHECK(LogEntryJson(Line(LogSource::kStdout, "[1]")) == kHead + R"("message":"[1]"})");
}

TEST_CASE("a logged object is the message, as an object", "[telemetry]") {
  CHECK(LogEntryJson(Logged(R"({"a":1})")) == kHead + R"("message":{"a":1}})");
  CHECK(LogEntryJson(Logged(R"({"a":1})", R"({"b":2})")) == kHead + R"("message":"{\"a\":1}","b":2})");
}

TEST_CASE("the platform's lines are their events, with the time", "[telemetry]") {
  CHECK(LogEntryJson(Line(LogSource::kPlatform, "START", R"({"type":"platform.start","record":{}})")) ==
        R"({"time":"2026-11-23T00:00:00.000Z","type":"platform.start","record":{}})");
  CHECK(
      LogEntryJson(Line(LogSource::kPlatform, "a worker crashed")) ==
      R"({"time":"2026-11-23T00:00:00.000Z","type":"hearth.notice","record":{"requestId":"r1","message":"a worker crashed"}})");
}

}  // namespace hearth
