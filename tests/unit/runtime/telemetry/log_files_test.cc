#include "runtime/telemetry/log_files.h"

#include <sys/stat.h>

#include <filesystem>
#include <fstream>
#include <optional>

#include <catch2/catch.hpp>

#include "tests/unit/runtime/store/ledger_fixture.h"

namespace hearth {
namespace {

using Texts = std::vector<std::string>;
namespace fs = std::filesystem;

class LogFilesFixture {
 public:
  void Open() {
    files.reset();
    options.folder = folder.path() + "/logs";
    auto opened = LogFiles::Open(options, executor);
    REQUIRE(opened.ok());
    files = std::move(opened).value();
    number = files->first_free_number();
  }
  void Say(std::string_view function, std::string_view message, std::string_view request_id = "r1") {
    HandlerLogLine line;
    line.function = function;
    line.version = "$LATEST";
    line.request_id = request_id;
    line.time = executor.clock().WallNow();
    line.message = message;
    line.fields_json = fields;
    files->Append(number++, line);
  }
  LogFiles::Page Read(LogFiles::Query query) {
    std::optional<LogFiles::Page> page;
    files->Read(std::move(query), [&](LogFiles::Page read) { page = std::move(read); });
    executor.WaitFor([&] { return page.has_value(); });
    return *page;
  }
  Texts Messages(LogFiles::Query query) {
    Texts messages;
    for (const StoredLogLine& line : Read(std::move(query)).lines) messages.push_back(line.message);
    return messages;
  }
  // What is pending is on the disk.
  void Written() { (void)Read({.function = "nobody"}); }
  std::vector<fs::path> Segments(const std::string& function) const {
    std::vector<fs::path> paths;
    for (const auto& entry : fs::directory_iterator(options.folder + "/" + function)) {
      if (entry.path().extension() == ".log") paths.push_back(entry.path());
    }
    std::sort(paths.begin(), paths.end());
    return paths;
  }
  uint64_t BytesOf(const std::string& function) const {
    uint64_t bytes = 0;
    for (const fs::path& path : Segments(function)) bytes += fs::file_size(path);
    return bytes;
  }

  TemporaryFolder folder;
  PostingExecutor executor;
  LogFiles::Options options;
  std::unique_ptr<LogFiles> files;
  uint64_t number = 0;
  std::string_view fields = "";
};

const std::string kHundred(100, '.');

}  // namespace

TEST_CASE_METHOD(LogFilesFixture, "what was logged is there in the next life", "[logs]") {
  Open();
  fields = "{\"w\":1}";
  Say("resize", "one");
  Say("hello", "else");
  fields = "";
  Say("resize", "two", "r2");
  const uint64_t last = number;
  Open();
  CHECK(number > last);
  Say("resize", "three");
  const auto page = Read({.function = "resize"});
  REQUIRE(page.lines.size() == 3);
  CHECK(page.lines[0].message == "one");
  CHECK(page.lines[0].fields_json == "{\"w\":1}");
  CHECK(page.lines[0].version == "$LATEST");
  CHECK(page.lines[1].request_id == "r2");
  CHECK(page.lines[2].message == "three");
  CHECK(page.lines[2].number > page.lines[1].number);
  CHECK_FALSE(page.more);
  CHECK(Messages({.function = "unknown"}).empty());
}

TEST_CASE_METHOD(LogFilesFixture, "numbers grow from life to life, though the wall clock is set back",
                 "[logs]") {
  Open();
  Say("resize", "one");
  const uint64_t last = number;
  executor.manual_clock().SetWall(executor.clock().WallNow() - std::chrono::days(400));
  Open();
  CHECK(number > last);
}

TEST_CASE_METHOD(LogFilesFixture, "lines by number, time and request; the newest of them", "[logs]") {
  Open();
  const uint64_t first = number;
  Say("resize", "a");
  executor.Advance(std::chrono::seconds(10));
  const WallTime later = executor.clock().WallNow();
  Say("resize", "b", "r2");
  Say("resize", "c");
  CHECK(Messages({.function = "resize", .before = first + 2}) == Texts{"a", "b"});
  CHECK(Messages({.function = "resize", .since = later}) == Texts{"b", "c"});
  CHECK(Messages({.function = "resize", .request_id = "r1"}) == Texts{"a", "c"});
  CHECK(Messages({.function = "resize", .lines_max = 2}) == Texts{"b", "c"});
  CHECK(Read({.function = "resize", .lines_max = 2}).more);
  CHECK_FALSE(Read({.function = "resize", .lines_max = 3}).more);
  CHECK(Read({.function = "resize", .bytes_max = 400_B}).more);
}

TEST_CASE_METHOD(LogFilesFixture, "a function over its size: the oldest segments go, and are counted",
                 "[logs]") {
  options.segment = 1_KiB;
  options.function_max = 8_KiB;
  Open();
  for (int i = 0; i < 200; ++i) Say("resize", "line " + std::to_string(i) + kHundred);
  Written();
  CHECK(BytesOf("resize") <= 8 * 1024 + 1024);
  const auto page = Read({.function = "resize"});
  REQUIRE(page.lines.size() > 10);
  CHECK(page.lines.back().message.starts_with("line 199"));
  CHECK(page.dropped == 200 - page.lines.size());
  Open();
  CHECK(Read({.function = "resize"}).dropped == page.dropped);
}

TEST_CASE_METHOD(LogFilesFixture, "all functions over the size: the oldest segment of any goes", "[logs]") {
  options.segment = 1_KiB;
  options.function_max = 64_KiB;
  options.total_max = 16_KiB;
  Open();
  Say("quiet", "old" + kHundred);
  Written();
  for (int i = 0; i < 300; ++i) Say("busy", "new" + kHundred);
  Written();
  CHECK(BytesOf("busy") <= 16 * 1024);
  CHECK(Messages({.function = "quiet"}).empty());
  CHECK(Read({.function = "quiet"}).dropped == 1);
}

TEST_CASE_METHOD(LogFilesFixture, "lines go when they were kept long enough, not before", "[logs]") {
  options.age_max = std::chrono::hours(48);
  Open();
  Say("resize", "old");
  Written();
  executor.Advance(std::chrono::hours(48));
  CHECK(Messages({.function = "resize"}) == Texts{"old"});
  executor.Advance(std::chrono::hours(1));
  CHECK(Messages({.function = "resize"}).empty());
  Say("resize", "new");
  CHECK(Messages({.function = "resize"}) == Texts{"new"});
}

TEST_CASE_METHOD(LogFilesFixture, "a function has a bounded number of segments", "[logs]") {
  options.segment = 16_B;
  Open();
  for (size_t i = 0; i < LogFiles::kSegmentsMax + 1; ++i) Say("resize", std::to_string(i));
  Written();
  CHECK(Segments("resize").size() == LogFiles::kSegmentsMax);
  CHECK(Read({.function = "resize", .lines_max = 10'000}).dropped == 1);
}

TEST_CASE_METHOD(LogFilesFixture, "a segment cut short or damaged loses what follows in it, nothing else",
                 "[logs]") {
  Open();
  Say("resize", "one");
  Say("resize", "two");
  Open();
  Say("resize", "three");
  Open();
  const auto segments = Segments("resize");
  REQUIRE(segments.size() == 2);
  SECTION("cut at any byte") {
    const auto whole = fs::file_size(segments[0]);
    for (uintmax_t size = whole; size-- > 0;) {
      fs::resize_file(segments[0], size);
      const Texts read = Messages({.function = "resize"});
      INFO(size);
      CHECK(read == (size >= whole / 2 ? Texts{"one", "three"} : Texts{"three"}));
    }
  }
  SECTION("a byte flipped anywhere") {
    const std::string bytes = ReadFile(segments[0].string()).value();
    for (size_t at = 0; at < bytes.size(); ++at) {
      std::string damaged = bytes;
      damaged[at] = static_cast<char>(damaged[at] ^ 0x41);
      std::ofstream(segments[0], std::ios::binary) << damaged;
      INFO(at);
      CHECK(Messages({.function = "resize"}) ==
            (at >= bytes.size() / 2 ? Texts{"one", "three"} : Texts{"three"}));
    }
  }
}

TEST_CASE_METHOD(LogFilesFixture, "a function that is forgotten has no lines, and says since when",
                 "[logs]") {
  Open();
  Say("resize", "written");
  Written();
  Say("resize", "pending");
  files->Forget("resize");
  CHECK(Messages({.function = "resize"}).empty());
  CHECK(Read({.function = "resize"}).forgotten == executor.clock().WallNow());
  Say("resize", "again");
  Open();
  CHECK(Messages({.function = "resize"}) == Texts{"again"});
  CHECK(Read({.function = "resize"}).forgotten == executor.clock().WallNow());
}

TEST_CASE_METHOD(LogFilesFixture, "a disk that takes nothing loses lines, and says how many", "[logs]") {
  Open();
  Say("resize", "before");
  Written();
  {
    const FileSizeLimit full(BytesOf("resize"));
    Say("resize", "lost");
    Say("resize", "lost too");
    Written();
  }
  CHECK(files->lost() == 2);
  Say("resize", "after");
  CHECK(Messages({.function = "resize"}) ==
        Texts{"before", "[2 lines are missing here: the disk did not take them]", "after"});
}

TEST_CASE_METHOD(LogFilesFixture, "what waits for a slow disk is bounded", "[logs]") {
  options.pending_max = 1_KiB;
  Open();
  Say("resize", std::string(1024 - 51, 'x'));  // with its frame, one byte short of the limit
  CHECK(files->lost() == 0);
  Say("resize", "the last that is taken");
  CHECK(files->lost() == 0);
  Say("resize", "lost");
  CHECK(files->lost() == 1);
  Written();
  Say("resize", "after");
  CHECK(Messages({.function = "resize"}).back() == "after");
  CHECK(Messages({.function = "resize"}).size() == 4);
}

}  // namespace hearth
