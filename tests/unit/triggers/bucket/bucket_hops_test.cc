#include <unistd.h>

#include "tests/unit/triggers/bucket/bucket_fixture.h"

// What is known of an object beside its content: how many functions led to it, and what became of it.

namespace hearth {
namespace {

struct HopsFixture : BucketTriggerFixture {
  // As OutputFile does it: renamed first, closed then.
  UniqueFd RenameIn(const std::string& temporary, const std::string& key) {
    UniqueFd fd(::open((photos / temporary).c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0644));
    REQUIRE(fd.valid());
    REQUIRE(WriteAll(fd.get(), "output").ok());
    fs::rename(photos / temporary, photos / key);
    return fd;
  }
  uint32_t HopsOf(const std::string& key) {
    for (const Event& event : sink.delivered()) {
      if (RecordOf(event).key() == key) return event.hops;
    }
    FAIL("no event of " << key);
    return 0;
  }
  json Outcomes(const std::string& request = "{}") { return json::parse(*Command("outcomes", request)); }
};

TEST_CASE("names that say how many functions led to a file", "[bucket]") {
  CHECK(HopsOfName(".part-h1-0badcafe") == 1);
  CHECK(HopsOfName(".part-h16-x") == 16);
  for (const char* name : {".part-0badcafe", ".part-h-x", ".part-h1", ".part-hx-1", "part-h1-x",
                           ".part-h99999999999-x", ".part-h-1-x", ""}) {
    INFO(name);
    CHECK(HopsOfName(name) == 0);
  }
}

TEST_CASE_METHOD(HopsFixture, "an output is known to be one by its temporary name", "[bucket]") {
  MakeBucket();
  RenameIn(".part-h3-1", "a").Reset();
  AwaitReceipts(1);
  CHECK(HopsOf("a") == 3);
}

TEST_CASE_METHOD(HopsFixture, "an output that is closed long after its rename keeps its hops", "[bucket]") {
  MakeBucket();
  UniqueFd writer = RenameIn(".part-h3-1", "a");
  RunUntil([&] { return StatusOf()["Waiting"] == 1; });
  for (int turns = 0; turns < 20; ++turns) RunSomeTurns();
  CHECK(sink.delivered().empty());
  writer.Reset();
  AwaitReceipts(1);
  CHECK(HopsOf("a") == 3);
}

TEST_CASE_METHOD(HopsFixture, "what others drop meanwhile has none", "[bucket]") {
  MakeBucket();
  RenameIn(".part-h3-1", "a").Reset();
  WriteWhole(photos / "b", "written");
  RenameIn("half.part", "c").Reset();
  RenameIn(".part-h5-2", "d").Reset();
  AwaitReceipts(4);
  CHECK(HopsOf("a") == 3);
  CHECK(HopsOf("b") == 0);
  CHECK(HopsOf("c") == 0);
  CHECK(HopsOf("d") == 5);
}

TEST_CASE_METHOD(HopsFixture, "what only a scan finds counts as the deepest of late, and runs", "[bucket]") {
  MakeBucket();
  RenameIn(".part-h16-1", "past").Reset();
  AwaitReceipts(1);
  CHECK(sink.delivered().empty());
  fs::create_directory(scratch.path() / "aside");
  // The kernel does not tell of a file in a folder that is not watched yet: the scan of it finds the file.
  WriteWhole(scratch.path() / "aside/a", "missed");
  fs::rename(scratch.path() / "aside", photos / "aside");
  AwaitEvents(1);
  CHECK(HopsOf("aside/a") == kHopsMax - 1);
}

TEST_CASE_METHOD(HopsFixture, "an event has its object open", "[bucket]") {
  MakeBucket();
  WriteWhole(photos / "a", "content");
  AwaitEvents(1);
  const auto object = sink.delivered()[0].object;
  REQUIRE(object);
  REQUIRE(object->fd.valid());
  char text[20];
  REQUIRE(::read(object->fd.get(), text, sizeof text) == 7);
  CHECK(std::string(text, 7) == "content");
}

TEST_CASE_METHOD(HopsFixture, "outcomes are told by number, from where one asks", "[bucket]") {
  MakeBucket();
  CHECK(Outcomes() == json::parse(R"({"Outcomes":[],"Next":0,"Missed":0})"));
  WriteWhole(photos / "a", "1");
  AwaitReceipts(1);
  sink.AnswerAtOnce([](const Event&) { return Failed(); });
  WriteWhole(photos / "b", "2");
  AwaitReceipts(2);
  const json all = Outcomes();
  REQUIRE(all["Outcomes"].size() == 4);
  CHECK(all["Next"] == 4);
  CHECK(all["Outcomes"][0]["Result"] == "Succeeded");
  CHECK(all["Outcomes"][0]["Key"] == "a");
  CHECK(all["Outcomes"][0]["FunctionName"] == "resize");
  CHECK(all["Outcomes"][1]["Result"] == "Retried");
  CHECK(all["Outcomes"][3]["Result"] == "Failed");
  CHECK(all["Outcomes"][3]["Attempt"] == 3);
  CHECK(all["Outcomes"][3]["Error"] == "std::runtime_error: it did not work");
  const json rest = Outcomes(R"({"After":3})");
  REQUIRE(rest["Outcomes"].size() == 1);
  CHECK(rest["Outcomes"][0]["Number"] == 4);
  CHECK(Outcomes(R"({"After":4})")["Outcomes"].empty());
  CHECK(Outcomes(R"({"After":99})")["Outcomes"].size() == 4);  // of another life
  CHECK(Command("outcomes", R"({"WaitMs":20000})").ok());
  CHECK_FALSE(Command("outcomes", R"({"WaitMs":20001})").ok());
  CHECK_FALSE(Command("outcomes", R"({"After":-1})").ok());
  CHECK_FALSE(Command("outcomes", R"({"Before":1})").ok());
}

TEST_CASE_METHOD(HopsFixture, "who waits for outcomes is told of the next, and when the bucket goes",
                 "[bucket]") {
  MakeBucket();
  std::vector<json> told;
  const auto wait = [&](int after) {
    trigger->Command("photos", "outcomes", R"({"WaitMs":20000,"After":)" + std::to_string(after) + "}",
                     [&](Result<std::string> reply) { told.push_back(json::parse(*reply)); });
  };
  wait(0);
  RunSomeTurns();
  CHECK(told.empty());
  WriteWhole(photos / "a", "1");
  RunUntil([&] { return told.size() == 1; });
  CHECK(told[0]["Outcomes"][0]["Key"] == "a");
  wait(1);
  RunSomeTurns();
  CHECK(told.size() == 1);
  bool removed = false;
  trigger->Remove("photos", [&](const Status&) { removed = true; });
  RunUntil([&] { return removed && told.size() == 2; });
  CHECK(told[1]["Outcomes"].empty());
}

TEST_CASE("outcomes at their limit and one past it", "[bucket]") {
  OutcomeLog log;
  for (size_t n = 0; n < OutcomeLog::kKept; ++n) log.Add({}, {});
  CHECK(json::parse(log.After(0))["Missed"] == 0);
  log.Add({}, {});
  const json told = json::parse(log.After(0));
  CHECK(told["Missed"] == 1);
  CHECK(told["Outcomes"].size() == OutcomeLog::kKept);
  CHECK(told["Outcomes"][0]["Number"] == 2);
}

}  // namespace
}  // namespace hearth
