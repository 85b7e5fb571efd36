#include "runtime/control/log_history.h"

#include <optional>

#include <catch2/catch.hpp>

#include "runtime/control/platform_log.h"
#include "tests/unit/runtime/meter/meter_fixture.h"
#include "tests/unit/runtime/store/ledger_fixture.h"

namespace hearth {
namespace {

using Texts = std::vector<std::string>;

class HistoryFixture {
 public:
  HistoryFixture() { Begin({}); }

  // A life of the daemon: memory is empty, files and ledger have what they had.
  void Begin(LogStore::Options options) {
    options.settings_of = [this](std::string_view, std::string_view) { return settings; };
    history.reset();
    files.reset();
    files = std::move(LogFiles::Open({.folder = folder.path() + "/logs"}, executor)).value();
    logs.emplace(PlatformLog::WithPlatformLines(options));
    logs->SetFiles(*files);
    platform.emplace(
        *logs, [this] { return ledger.size() - 1; }, executor.clock());
    meter = std::move(Meter::Open(ledger)->meter);
    meter->AddObserver(*platform);
    history.emplace(*files, *meter, executor, offload);
  }
  void Start(const std::string& id, const std::string& trace_id = "") {
    FunctionVersion version;
    version.function = "resize";
    version.version = "7";
    Event event;
    event.request_id = RequestId(id);
    event.trace_id = trace_id;
    starts[id] = executor.clock().WallNow();
    platform->OnInvocationStarted(version, event);
  }
  void Say(const std::string& id, const std::string& message) {
    HandlerLogLine line;
    line.function = "resize";
    line.version = "7";
    line.request_id = id;
    line.time = executor.clock().WallNow();
    line.source = LogSource::kStdout;
    line.message = message;
    logs->OnHandlerLog(line);
  }
  void End(const std::string& id, const std::string& function = "resize") {
    InvocationRecord record = SomeRecord();
    record.request_id = id;
    record.function = function;
    record.version = "7";
    record.started = starts[id];
    record.init_ns = 0;
    record.duration_ns =
        static_cast<uint64_t>(nanoseconds(executor.clock().WallNow() - record.started).count());
    REQUIRE(meter->Record(Billed(record)).ok());
  }
  void Later() { executor.Advance(milliseconds(10)); }
  LogHistory::Page Read(LogHistory::Query query) {
    query.function = "resize";
    query.before = logs->ReachOf("resize");
    std::optional<LogHistory::Page> page;
    history->Read(std::move(query), [&](LogHistory::Page read) { page = std::move(read); });
    executor.WaitFor([&] { return page.has_value(); });
    return *page;
  }
  // "start r1", "r1 text", "end r1", "report r1"
  static Texts Short(const std::vector<StoredLogLine>& lines) {
    Texts texts;
    for (const StoredLogLine& line : lines) {
      std::string text = line.message;
      for (const char* name : {"START", "END", "REPORT"}) {
        if (line.source == LogSource::kPlatform && text.starts_with(name)) text = name;
      }
      texts.push_back(line.request_id + " " + text);
    }
    return texts;
  }
  Texts Lines(LogHistory::Query query = {}) { return Short(Read(std::move(query)).lines); }

  TemporaryFolder folder;
  PostingExecutor executor;
  WorkThread offload{executor, "test"};
  FakeLedger ledger;
  std::unique_ptr<LogFiles> files;
  std::optional<LogStore> logs;
  std::optional<PlatformLog> platform;
  std::unique_ptr<Meter> meter;
  std::optional<LogHistory> history;
  std::map<std::string, WallTime> starts;
  LogSettings settings;
};

const Texts kTwo = {"r1 START", "r1 one",    "r2 START", "r2 two",   "r1 three",
                    "r1 END",   "r1 REPORT", "r2 END",   "r2 REPORT"};

void PlayTwo(HistoryFixture& play) {
  play.Start("r1");
  play.Later();
  play.Say("r1", "one");
  play.Later();
  play.Start("r2");
  play.Say("r2", "two");
  play.Later();
  play.Say("r1", "three");
  play.End("r1");
  play.Later();
  play.End("r2");
  play.Later();
}

}  // namespace

TEST_CASE_METHOD(HistoryFixture, "a log is in the next life what it was in memory", "[control][logs]") {
  PlayTwo(*this);
  const auto before = logs->Read({.function = "resize"}).lines;
  CHECK(Short(before) == kTwo);
  CHECK(Lines().empty());  // memory has it
  Begin({});
  const auto after = Read({}).lines;
  CHECK(Short(after) == kTwo);
  REQUIRE(after.size() == before.size());
  for (size_t i = 0; i < after.size(); ++i) {
    CHECK(after[i].message == before[i].message);
    CHECK(after[i].time == before[i].time);
  }
}

TEST_CASE_METHOD(HistoryFixture, "so is one in the JSON format, and the trace of a sampled request",
                 "[control][logs]") {
  settings = {LogFormat::kJson, kLogTrace, kLogDebug};
  constexpr const char* kTrace = "Root=1-5e1b4151-5ac6c58f3a2f5a7e4d2b1c0d;Sampled=1";
  const auto play = [&](const std::string& id, const std::string& trace_id) {
    Start(id, trace_id);
    Later();
    Say(id, "says");
    Later();
    End(id);
    Later();
  };
  play("r1", kTrace);
  play("r2", "Root=1-5e1b4151-5ac6c58f3a2f5a7e4d2b1c0d;Sampled=0");
  const auto as_texts = [](const std::vector<StoredLogLine>& lines) {
    Texts texts;
    for (const StoredLogLine& line : lines) texts.push_back(ToText(line));
    return texts;
  };
  const auto everything = [&] {
    auto page = Read({});
    logs->ApplySettings("resize", page.lines);
    return as_texts(page.lines);
  };
  const Texts before = as_texts(logs->Read({.function = "resize"}).lines);
  REQUIRE(before.size() == 8);
  for (const size_t traced : {0, 2, 3}) CHECK(before[traced].find(kTrace) != std::string::npos);
  for (const size_t plain : {1, 4, 5, 6, 7}) CHECK(before[plain].find("Root=") == std::string::npos);
  Begin({});
  CHECK(everything() == before);
  settings = {};
  const Texts text = everything();
  REQUIRE(text.size() == 8);
  CHECK(text[3].find("\tXRAY TraceId: 1-5e1b4151-5ac6c58f3a2f5a7e4d2b1c0d\tSampled: true\t") !=
        std::string::npos);
  CHECK(text[7].find("XRAY") == std::string::npos);
  settings = {LogFormat::kJson, kLogTrace, kLogWarn};
  CHECK(everything().size() == 2);  // what was printed
}

TEST_CASE_METHOD(HistoryFixture, "what memory dropped is before what it has, each line once",
                 "[control][logs]") {
  const size_t limit = GENERATE(range(300, 3000, 100));
  Begin({.function_max = Bytes{limit}});
  Texts all;
  for (int i = 0; i < 6; ++i) {
    const std::string id = "r" + std::to_string(i);
    Start(id);
    Later();
    Say(id, "says");
    Later();
    End(id);
    Later();
    for (const char* what : {" START", " says", " END", " REPORT"}) all.push_back(id + what);
  }
  const auto reach = logs->ReachOf("resize");
  const auto kept = logs->Read({.function = "resize", .after = reach.number - 1}).lines;
  LogHistory::Query query;
  for (const StoredLogLine& line : kept) {
    if (line.message.starts_with("START ")) query.started.push_back(line.request_id);
  }
  Texts lines = Lines(query);
  const Texts in_memory = Short(kept);
  lines.insert(lines.end(), in_memory.begin(), in_memory.end());
  CHECK(lines == all);
}

TEST_CASE_METHOD(HistoryFixture, "lines by request and time, the newest of them", "[control][logs]") {
  PlayTwo(*this);
  Begin({});
  CHECK(Lines({.request_id = "r2"}) == Texts{"r2 START", "r2 two", "r2 END", "r2 REPORT"});
  CHECK(Lines({.since = starts["r2"]}) ==
        Texts{"r2 START", "r2 two", "r1 three", "r2 END", "r2 REPORT"});  // r1 began before
  const auto page = Read({.lines_max = 4});
  CHECK(Short(page.lines) == Texts{"r1 END", "r1 REPORT", "r2 END", "r2 REPORT"});
  CHECK(page.more);
  CHECK_FALSE(Read({.lines_max = 9}).more);
}

TEST_CASE_METHOD(HistoryFixture, "an END is behind its handler's last line, however late that was read",
                 "[control][logs]") {
  Start("r1");
  Later();
  End("r1");
  Later();
  Say("r1", "late");
  Begin({});
  CHECK(Lines() == Texts{"r1 START", "r1 late", "r1 END", "r1 REPORT"});
}

TEST_CASE_METHOD(HistoryFixture, "a function made anew begins with an empty log", "[control][logs]") {
  PlayTwo(*this);
  logs->ForgetFunction("resize");
  Later();
  CHECK(Lines().empty());
  Start("r3");
  Later();
  End("r3");
  Begin({});
  CHECK(Lines() == Texts{"r3 START", "r3 END", "r3 REPORT"});
}

TEST_CASE_METHOD(HistoryFixture, "records of others and of what never ran are no lines", "[control][logs]") {
  starts["x"] = executor.clock().WallNow();
  End("x", "other");
  InvocationRecord throttled = SomeRecord();
  throttled.function = "resize";
  throttled.outcome = OutcomeKind::kThrottled;
  throttled.started = executor.clock().WallNow();
  REQUIRE(meter->Record(Billed(throttled)).ok());
  Begin({});
  CHECK(Lines().empty());
  // Between two of its own.
  for (const char* id : {"r1", "x2", "r2"}) {
    Start(id);
    Later();
    End(id, id[0] == 'x' ? "other" : "resize");
  }
  logs->ForgetFunction("other");
  Begin({});
  CHECK(Lines() == Texts{"r1 START", "r1 END", "r1 REPORT", "r2 START", "r2 END", "r2 REPORT"});
}

}  // namespace hearth
