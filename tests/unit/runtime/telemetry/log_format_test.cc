#include <map>
#include <optional>

#include <catch2/catch.hpp>

#include "runtime/telemetry/log_store.h"

namespace hearth {
namespace {

constexpr WallTime kStart{std::chrono::sys_days(std::chrono::year(2026) / 11 / 23)};
constexpr std::string_view kTrace = "Root=1-5e1b4151-5ac6c58f3a2f5a7e4d2b1c0d;Sampled=1";

// A log whose versions have formats.
class FormatFixture {
 public:
  FormatFixture() { Begin({}); }

  void Begin(LogStore::Options options) {
    options.start_line = [](std::string_view id, std::string_view) { return "START " + std::string(id); };
    options.end_line = [](const InvocationRecord& record) { return "END " + record.request_id; };
    options.report_line = [](const InvocationRecord& record, std::string_view trace_id) {
      return "REPORT " + record.request_id + " " + std::string(trace_id);
    };
    options.settings_of = [this](std::string_view, std::string_view version) {
      return settings[std::string(version)];
    };
    store.emplace(options);
  }
  void Play(const std::string& version, const std::string& id, OutcomeKind outcome = OutcomeKind::kSuccess,
            std::string_view trace_id = {}) {
    store->KeepStart("resize", version, id, kStart, trace_id);
    store->OnHandlerLog({.function = "resize",
                         .version = version,
                         .request_id = id,
                         .time = kStart,
                         .message = "m",
                         .fields_json = {}});
    InvocationRecord record;
    record.function = "resize";
    record.version = version;
    record.request_id = id;
    record.outcome = outcome;
    store->KeepEnd(record, 1, kStart, trace_id);
  }
  // What each line begins with, by its kind.
  std::vector<std::string> Kinds(const std::vector<StoredLogLine>& lines) const {
    std::vector<std::string> kinds;
    for (const StoredLogLine& line : lines) {
      const std::string text = ToText(line);
      const size_t type = text.find("\"type\":\"");
      kinds.push_back(text[0] != '{'              ? text.substr(0, text.find(' '))
                      : type != std::string::npos ? text.substr(type + 8, text.find('"', type + 8) - type - 8)
                                                  : "object");
    }
    return kinds;
  }
  std::vector<std::string> Kinds() const { return Kinds(store->Read({.function = "resize"}).lines); }

  std::map<std::string, LogSettings> settings;
  std::optional<LogStore> store;
};

using Texts = std::vector<std::string>;

}  // namespace

TEST_CASE_METHOD(FormatFixture, "a version's log is read as it is set, each version by itself",
                 "[telemetry]") {
  settings["2"] = {LogFormat::kJson, kLogInfo, kLogDebug};
  Play("1", "r1");
  Play("2", "r2");
  const auto lines = Kinds();
  REQUIRE(lines.size() == 8);
  CHECK(lines[0] == "START");
  CHECK(Texts(lines.begin() + 2, lines.begin() + 4) == Texts{"END", "REPORT"});
  CHECK(Texts(lines.begin() + 4, lines.end()) ==
        Texts{"platform.start", "object", "platform.runtimeDone", "platform.report"});
  settings["2"] = {};
  CHECK(Kinds()[4] == "START");
}

TEST_CASE_METHOD(FormatFixture,
                 "the system level leaves lines of the platform out, and none of the handler's",
                 "[telemetry]") {
  settings["1"] = kJsonLogDefault;
  Play("1", "r1");
  CHECK(Kinds() == Texts{"platform.start", "object", "platform.report"});
  settings["1"].system_level = kLogWarn;
  CHECK(Kinds() == Texts{"object"});
  Play("1", "r2", OutcomeKind::kCrash);
  CHECK(Kinds() == Texts{"object", "object", "platform.runtimeDone", "platform.report"});
}

TEST_CASE_METHOD(FormatFixture, "a reader who goes on misses nothing where lines are left out",
                 "[telemetry]") {
  settings["1"] = {LogFormat::kJson, kLogInfo, kLogInfo};
  for (const char* id : {"r1", "r2", "r3"}) Play("1", id);
  LogStore::Query query{.function = "resize", .lines_max = 2};
  Texts kinds;
  for (;;) {
    const auto page = store->Read(query);
    for (const auto& kind : Kinds(page.lines)) kinds.push_back(kind);
    if (page.lines.size() < query.lines_max) break;
    query.after = page.cursor;
  }
  CHECK(kinds == Texts{"platform.start", "object", "platform.report", "platform.start", "object",
                       "platform.report", "platform.start", "object", "platform.report"});
}

TEST_CASE_METHOD(FormatFixture, "who follows a log and who asks for its tail see it in its format",
                 "[telemetry]") {
  settings["1"] = kJsonLogDefault;
  std::vector<StoredLogLine> seen;
  const auto following = store->Follow("resize", [&](const StoredLogLine& line) { seen.push_back(line); });
  Play("1", "r1");
  CHECK(Kinds(seen) == Texts{"platform.start", "object", "platform.report"});
  std::string tail;
  for (const StoredLogLine& line : seen) tail += ToText(line) + "\n";
  CHECK(store->TailOf("resize", "r1", kStart) == tail);
}

TEST_CASE_METHOD(FormatFixture, "a sampled request's trace stands in its lines of both formats",
                 "[telemetry]") {
  settings["2"] = kJsonLogDefault;
  Play("1", "r1", OutcomeKind::kSuccess, kTrace);
  Play("2", "r2", OutcomeKind::kSuccess, kTrace);
  Play("2", "r3");
  const auto lines = store->Read({.function = "resize"}).lines;
  const auto traced = [&](size_t line) { return ToText(lines.at(line)).find(kTrace) != std::string::npos; };
  REQUIRE(lines.size() == 10);
  CHECK(traced(3));        // REPORT
  CHECK_FALSE(traced(0));  // START has no place for it
  CHECK(traced(4));
  CHECK(traced(6));
  CHECK_FALSE(traced(7));
  CHECK_FALSE(traced(9));
}

TEST_CASE_METHOD(FormatFixture, "lines that memory dropped are told as an event", "[telemetry]") {
  Begin({.function_max = Bytes{600}});
  settings["$LATEST"] = kJsonLogDefault;
  for (int i = 0; i < 20; ++i) Play("$LATEST", "r" + std::to_string(i));
  const auto first = store->Read({.function = "resize"}).lines.at(0);
  CHECK(Kinds({first}) == Texts{"platform.logsDropped"});
  CHECK(ToText(first).find("\"droppedRecords\":") != std::string::npos);
}

TEST_CASE_METHOD(FormatFixture, "lines from elsewhere are put into their version's format", "[telemetry]") {
  settings["1"] = {LogFormat::kJson, kLogInfo, kLogWarn};
  std::vector<StoredLogLine> lines(4);
  for (StoredLogLine& line : lines) line.source = LogSource::kPlatform;
  lines[0].version = lines[1].version = lines[2].version = "1";
  lines[0].level = kLogInfo;
  lines[1].level = kLogWarn;
  lines[2].source = LogSource::kHandler;
  lines[2].level = kLogTrace;  // it was kept: that was another day's level
  lines[3].level = kLogDebug;
  store->ApplySettings("resize", lines);
  REQUIRE(lines.size() == 3);
  CHECK(lines[0].level == kLogWarn);
  CHECK(lines[0].format == LogFormat::kJson);
  CHECK(lines[1].source == LogSource::kHandler);
  CHECK(lines[2].format == LogFormat::kText);
}

}  // namespace hearth
