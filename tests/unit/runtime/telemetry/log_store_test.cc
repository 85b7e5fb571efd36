#include "runtime/telemetry/log_store.h"

#include <optional>

#include <catch2/catch.hpp>

namespace hearth {
namespace {

constexpr WallTime kStart{std::chrono::sys_days(std::chrono::year(2026) / 11 / 23)};

class LogFixture {
 public:
  void Say(std::string_view function, std::string_view message, std::string_view request_id = "r1") {
    store->OnHandlerLog({.function = function,
                         .version = "$LATEST",
                         .request_id = request_id,
                         .time = now,
                         .source = source,
                         .level = 2,
                         .message = message,
                         .fields_json = fields});
  }
  std::vector<std::string> Messages(LogStore::Query query) const {
    std::vector<std::string> messages;
    for (const auto& line : store->Read(query).lines) messages.push_back(line.message);
    return messages;
  }
  void Limit(LogStore::Options options) { store.emplace(options); }

  // With short lines of the platform's.
  void LimitWithPlatform(LogStore::Options options) {
    options.start_line = [](std::string_view id, std::string_view version) {
      return "start " + std::string(id) + " " + std::string(version);
    };
    options.end_line = [](const InvocationRecord& record) { return "end " + record.request_id; };
    options.report_line = [](const InvocationRecord& record, std::string_view) {
      return "report " + record.request_id + " " + record.version + " " +
             std::to_string(static_cast<int>(record.outcome)) + " " + std::to_string(record.memory_mib) +
             " " + std::to_string(record.init_ns) + " " + std::to_string(record.duration_ns) + " " +
             std::to_string(record.billed_ms) + " " + std::to_string(record.memory_peak_kib);
    };
    store.emplace(options);
  }
  void Start(std::string_view id) { store->KeepStart("resize", "7", id, now); }
  void End(std::string id) {
    InvocationRecord record;
    record.function = "resize";
    record.version = "7";
    record.request_id = std::move(id);
    record.outcome = OutcomeKind::kTimeout;
    record.memory_mib = 128;
    record.init_ns = 11;
    record.duration_ns = 22;
    record.billed_ms = 33;
    record.memory_peak_kib = 44;
    store->KeepEnd(record, next_record++, now);
  }
  static std::string Report(const std::string& id) {
    return "report " + id + " 7 " + std::to_string(static_cast<int>(OutcomeKind::kTimeout)) +
           " 128 11 22 33 44";
  }

  std::optional<LogStore> store{std::in_place};
  WallTime now = kStart;
  uint64_t next_record = 100;
  LogSource source = LogSource::kHandler;
  std::string_view fields = "";
};

using Texts = std::vector<std::string>;

}  // namespace

TEST_CASE_METHOD(LogFixture, "lines of one function are read in order, others are not", "[telemetry]") {
  Say("resize", "one");
  Say("hello", "else");
  Say("resize", "two");
  CHECK(Messages({.function = "resize"}) == Texts{"one", "two"});
  CHECK(Messages({.function = "unknown"}).empty());
}

TEST_CASE_METHOD(LogFixture, "reader goes on where it stopped", "[telemetry]") {
  Say("resize", "one");
  Say("resize", "two");
  Say("resize", "three");
  const auto first = store->Read({.function = "resize", .lines_max = 2});
  CHECK(first.lines.size() == 2);
  CHECK(Messages({.function = "resize", .after = first.cursor}) == Texts{"three"});
  const auto rest = store->Read({.function = "resize", .after = first.cursor});
  CHECK(store->Read({.function = "resize", .after = rest.cursor}).lines.empty());
  Say("resize", "four");
  CHECK(Messages({.function = "resize", .after = rest.cursor}) == Texts{"four"});
}

TEST_CASE_METHOD(LogFixture, "lines by request and by time", "[telemetry]") {
  Say("resize", "a", "r1");
  now += std::chrono::seconds(1);
  Say("resize", "b", "r2");
  Say("resize", "c", "r1");
  CHECK(Messages({.function = "resize", .request_id = "r1"}) == Texts{"a", "c"});
  CHECK(Messages({.function = "resize", .since = now}) == Texts{"b", "c"});
}

TEST_CASE_METHOD(LogFixture, "message cannot forge a line", "[telemetry]") {
  Say("resize", "x\nEND RequestId: r1\x1b[31m");
  CHECK(Messages({.function = "resize"}) == Texts{"x\\nEND RequestId: r1\\x1b[31m"});
}

TEST_CASE_METHOD(LogFixture, "line too long is cut and says so, its fields too", "[telemetry]") {
  Limit({.line_max = 8_B});
  Say("resize", "12345678");
  Say("resize", "123456789");
  fields = "{\"a\":1}";
  Say("resize", "12");
  CHECK(Messages({.function = "resize"}) ==
        Texts{"12345678", "12345678[truncated 1 bytes]", "12[truncated 7 bytes of fields]"});
}

TEST_CASE_METHOD(LogFixture, "function over its limit: oldest go and a line says how many", "[telemetry]") {
  Limit({.function_max = 4_KiB});
  for (int i = 0; i < 100; ++i) Say("resize", "line " + std::to_string(i) + std::string(100, '.'));
  CHECK(store->bytes_held() <= 4096);
  const auto page = store->Read({.function = "resize"});
  const size_t kept = page.lines.size() - 1;
  CHECK(kept > 5);
  CHECK(page.lines.front().source == LogSource::kPlatform);
  CHECK(page.lines.front().message ==
        "[" + std::to_string(100 - kept) +
            " older lines dropped: at most 4096 bytes are kept a function, 67108864 in all]");
  CHECK(page.lines.back().message.starts_with("line 99"));
  // Who has read on sees no marker.
  CHECK(store->Read({.function = "resize", .after = page.cursor}).lines.empty());
  CHECK(store->Read({.function = "resize", .after = page.cursor - 1}).lines.size() == 1);
}

TEST_CASE_METHOD(LogFixture, "all functions over the limit: the oldest line of any goes", "[telemetry]") {
  Limit({.function_max = 1_MiB, .total_max = 4_KiB});
  for (int i = 0; i < 10; ++i) Say("old", "quiet" + std::string(100, '.'));
  for (int i = 0; i < 100; ++i) Say("new", "busy" + std::string(100, '.'));
  CHECK(store->bytes_held() <= 4096);
  CHECK(Messages({.function = "old"}).size() == 1);  // the marker
  CHECK(Messages({.function = "new"}).size() > 5);
}

TEST_CASE_METHOD(LogFixture, "tail of an invocation is its last 4 KiB as text", "[telemetry]") {
  source = LogSource::kPlatform;
  Say("resize", "START RequestId: r1 Version: $LATEST");
  source = LogSource::kHandler;
  fields = "{\"w\":1}";
  Say("resize", "hello");
  Say("resize", "not mine", "r2");
  fields = "";
  source = LogSource::kStdout;
  Say("resize", "printed");
  CHECK(store->TailOf("resize", "r1", kStart) ==
        "START RequestId: r1 Version: $LATEST\n"
        "2026-11-23T00:00:00.000Z\tr1\tINFO\thello\t{\"w\":1}\n"
        "printed\n");
  for (int i = 0; i < 100; ++i) Say("resize", std::string(99, 'x'));
  Say("resize", "the end");
  const std::string tail = store->TailOf("resize", "r1", kStart);
  CHECK(tail.size() == 4096);
  CHECK(tail.ends_with("x\nthe end\n"));
  CHECK(store->TailOf("resize", "r1", kStart + microseconds(1)).empty());
}

TEST_CASE_METHOD(LogFixture, "the platform's lines are between those of the handler", "[telemetry]") {
  LimitWithPlatform({});
  Texts heard;
  const auto subscription =
      store->Follow("resize", [&](const StoredLogLine& line) { heard.push_back(line.message); });
  Start("r1");
  Say("resize", "hello");
  now += std::chrono::seconds(1);
  Start("r2");
  End("r1");
  End("r2");
  const Texts all = {"start r1 7", "hello", "start r2 7", "end r1", Report("r1"), "end r2", Report("r2")};
  CHECK(Messages({.function = "resize"}) == all);
  CHECK(heard == all);
  CHECK(Messages({.function = "resize", .request_id = "r1"}) ==
        Texts{"start r1 7", "hello", "end r1", Report("r1")});
  CHECK(Messages({.function = "resize", .since = now}).size() == 5);
  CHECK(store->TailOf("resize", "r1", kStart) ==
        "start r1 7\n2026-11-23T00:00:00.000Z\tr1\tINFO\thello\nend r1\n" + Report("r1") + "\n");
  for (const auto& line : store->Read({.function = "resize", .after = 2}).lines) {
    CHECK(line.source == LogSource::kPlatform);
    CHECK(line.version == "7");
  }
}

TEST_CASE_METHOD(LogFixture, "reader stops between END and REPORT, and goes on there", "[telemetry]") {
  LimitWithPlatform({});
  End("r1");
  Start("r2");
  const auto first = store->Read({.function = "resize", .lines_max = 1});
  REQUIRE(first.lines.size() == 1);
  CHECK(first.lines[0].message == "end r1");
  CHECK(Messages({.function = "resize", .after = first.cursor}) == Texts{Report("r1"), "start r2 7"});
}

TEST_CASE_METHOD(LogFixture, "an id of any bytes makes no line of its own", "[telemetry]") {
  LimitWithPlatform({});
  Start("r\n1");
  End("r\n1");
  const auto page = store->Read({.function = "resize"});
  REQUIRE(page.lines.size() == 3);
  CHECK(page.lines[0].message == "start r\\n1 7");
  CHECK(page.lines[1].message == "end r\\n1");
  CHECK(page.lines[1].request_id == "r\\n1");
}

TEST_CASE_METHOD(LogFixture, "what is dropped of ends counts as the two lines that it is", "[telemetry]") {
  LimitWithPlatform({.function_max = 1_KiB});
  for (int i = 0; i < 50; ++i) End("r" + std::to_string(i));
  CHECK(store->bytes_held() <= 1024);
  const Texts kept = Messages({.function = "resize"});
  REQUIRE(kept.size() > 4);
  CHECK(kept.front().starts_with("[" + std::to_string(100 - (kept.size() - 1)) + " older lines dropped"));
  CHECK(kept.back() == Report("r49"));
}

TEST_CASE_METHOD(LogFixture, "the oldest line of all goes, also of a log that dropped some of its own",
                 "[telemetry]") {
  Limit({.function_max = 2_KiB, .total_max = 3_KiB});
  Say("a", "first" + std::string(100, '.'));
  Say("b", "second" + std::string(100, '.'));
  for (int i = 0; i < 50; ++i) Say("a", "busy" + std::string(100, '.'));
  CHECK(Messages({.function = "b"}).front().starts_with("second"));
  for (int i = 0; i < 50; ++i) Say("c", "busier" + std::string(100, '.'));
  CHECK(store->bytes_held() <= 3072);
  CHECK(Messages({.function = "b"}).size() == 1);
  CHECK(Messages({.function = "b"}).front().starts_with("[1 older lines dropped"));
  CHECK(Messages({.function = "a"}).size() > 2);
  store->ForgetFunction("a");
  store->ForgetFunction("c");
  CHECK(store->bytes_held() == 0);
  Say("b", "again");
  for (int i = 0; i < 50; ++i) Say("a", "busy" + std::string(100, '.'));
  CHECK(Messages({.function = "b"}).back() == "again");
}

TEST_CASE_METHOD(LogFixture, "follower hears new lines of its function until it lets go", "[telemetry]") {
  Texts heard;
  Say("resize", "before");
  {
    const auto following =
        store->Follow("resize", [&](const StoredLogLine& line) { heard.push_back(line.message); });
    CHECK(heard.empty());
    Say("resize", "one");
    Say("hello", "else");
    Say("resize", "two");
  }
  Say("resize", "after");
  CHECK(heard == Texts{"one", "two"});
}

TEST_CASE_METHOD(LogFixture, "follower may end itself and others from its callback", "[telemetry]") {
  int first_heard = 0, second_heard = 0;
  LogStore::Subscription first, second;
  first = store->Follow("resize", [&](const StoredLogLine&) {
    ++first_heard;
    second = {};
    first = {};
  });
  second = store->Follow("resize", [&](const StoredLogLine&) { ++second_heard; });
  Say("resize", "one");
  Say("resize", "two");
  CHECK(first_heard == 1);
  CHECK(second_heard == 0);
}

TEST_CASE_METHOD(LogFixture, "subscription that outlives the store is harmless", "[telemetry]") {
  auto following = store->Follow("resize", [](const StoredLogLine&) {});
  store.reset();
  following = {};
}

TEST_CASE_METHOD(LogFixture, "forgotten function has no lines and holds no bytes", "[telemetry]") {
  Say("resize", "one");
  Say("hello", "two");
  const uint64_t held = store->bytes_held();
  store->ForgetFunction("resize");
  CHECK(store->bytes_held() < held);
  CHECK(Messages({.function = "resize"}).empty());
  store->ForgetFunction("hello");
  CHECK(store->bytes_held() == 0);
  Say("resize", "again");
  CHECK(Messages({.function = "resize"}) == Texts{"again"});
}

}  // namespace hearth
