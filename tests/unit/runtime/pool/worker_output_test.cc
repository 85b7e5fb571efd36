#include <catch2/catch.hpp>

#include "tests/unit/runtime/pool/played_worker.h"

// What is kept of what a worker prints and logs, and what is not.

namespace hearth {
namespace {

using Verdict = OutputBudget::Verdict;
using Lines = std::vector<std::string>;

TEST_CASE("whole lines up to the limit, then none", "[output]") {
  OutputBudget budget(10);
  CHECK(budget.Take(4) == Verdict::kKeep);
  SECTION("at the limit") {
    CHECK(budget.Take(4) == Verdict::kKeep);
    CHECK(budget.lines_cut() == 0);
    CHECK(budget.Take(0) == Verdict::kFirstCut);  // an empty line is one, too
  }
  SECTION("one past it") {
    CHECK(budget.Take(5) == Verdict::kFirstCut);
    CHECK(budget.Take(1) == Verdict::kCut);  // though it would fit: what is kept has no holes
    CHECK(budget.lines_cut() == 2);
    CHECK(budget.bytes_cut() == 6);
  }
  SECTION("a line longer than all") {
    CHECK(budget.Take(~uint64_t{0} - 1) == Verdict::kFirstCut);
    CHECK(budget.lines_cut() == 1);
  }
  SECTION("told once, and no more is kept of that attempt") {
    CHECK(budget.Take(100) == Verdict::kFirstCut);
    budget.EndCut();
    CHECK(budget.Take(1) == Verdict::kCut);
    CHECK(budget.bytes_cut() == 1);
  }
  budget.Begin();
  CHECK(budget.lines_cut() == 0);
  CHECK(budget.Take(9) == Verdict::kKeep);
}

class FloodFixture : public PlayedWorkerFixture {
 protected:
  FloodFixture() { context_.output_bytes_max = 2048; }
  Lines Told() const {
    Lines told;
    for (const auto& line : logs_.lines) {
      if (line.source == LogSource::kPlatform) told.push_back(line.request_id + "|" + line.message);
    }
    return told;
  }
};

const std::string kLine(1023, 'x');  // with its end two of them are all that is kept

TEST_CASE_METHOD(FloodFixture, "an attempt's output at the limit is all there", "[output]") {
  PlayUntilStarted([](Player& worker) {
    worker.BecomeBusy();
    worker.Print(kLine + "\n" + kLine + "\n");
    worker.Answer("1");
    worker.Wait();
  });
  Run();
  Ended();
  CHECK(LinesOf(LogSource::kStdout).size() == 2);
  CHECK(Told().empty());
  CHECK(states_.output_cut == 0);
}

TEST_CASE_METHOD(FloodFixture, "past it is cut, marked, counted, and the next attempt's is kept again",
                 "[output]") {
  PlayUntilStarted([](Player& worker) {
    worker.BecomeBusy();
    worker.Print(kLine + "\n" + kLine + "\nover\n");
    worker.AwaitGo();  // pipes and channel are read in no order
    worker.Complain("either stream\n");
    worker.Say(
        EncodeLog(worker.sequence(), {.level = 2, .message = "or a logged line", .fields_json = "{}"}));
    worker.Answer("1");
    worker.HearInvoke();
    worker.Print("again\n");
    worker.Answer("2");
    worker.Wait();
  });
  Run();
  RunUntil([this] { return Told().size() == 1; });
  Go();
  CHECK(Ended().kind == OutcomeKind::kSuccess);
  Run();
  CHECK(Ended().kind == OutcomeKind::kSuccess);
  CHECK(LinesOf(LogSource::kStdout) == Lines{"request-1|" + kLine, "request-1|" + kLine, "request-2|again"});
  CHECK(LinesOf(LogSource::kStderr).empty());
  CHECK(LinesOf(LogSource::kHandler).empty());
  REQUIRE(Told().size() == 2);
  CHECK(Told()[0] ==
        "request-1|[output is cut here: an attempt has logged and printed 2 KiB, which is what is "
        "kept of one (log_invocation_kib)]");
  CHECK(Told()[1] == "request-1|[3 lines of 35 bytes were cut]");
  CHECK(states_.output_cut == 35);
}

TEST_CASE_METHOD(FloodFixture, "what ended a worker is told however much it had said", "[output]") {
  PlayUntilStarted([](Player& worker) {
    worker.BecomeBusy();
    for (int i = 0; i < 4; ++i) worker.Print(kLine + "\n");
    ::_exit(3);
  });
  Run();
  RunUntil([this] { return Told().size() == 1; });
  ReapAndTell();
  const Attempt attempt = Ended();
  CHECK(attempt.kind == OutcomeKind::kCrash);
  CHECK(LinesOf(LogSource::kStdout).size() == 2);
  REQUIRE(Told().size() == 2);
  CHECK(Told()[1] == "request-1|[2 lines of " + std::to_string(2 * kLine.size()) + " bytes were cut]");
}

TEST_CASE_METHOD(FloodFixture, "a flood after the answer is on that attempt's account", "[output]") {
  PlayUntilStarted([](Player& worker) {
    worker.BecomeBusy();
    worker.Answer("1");
    worker.AwaitGo();
    worker.Print(kLine + "\n" + kLine + "\nlate\n");
    worker.HearInvoke();
    worker.Print("mine\n");
    worker.Answer("2");
    worker.Wait();
  });
  Run();
  Ended();
  Go();
  RunUntil([this] { return Told().size() == 1; });
  Run();
  Ended();
  CHECK(LinesOf(LogSource::kStdout) == Lines{"|" + kLine, "|" + kLine, "request-2|mine"});
  CHECK(states_.output_cut == 4);
}

class LevelFixture : public FloodFixture {
 protected:
  LevelFixture() { version_->settings.log = {LogFormat::kJson, kLogWarn, kLogInfo}; }
  void Log(Player& worker, uint8_t level, const std::string& message) {
    worker.Say(EncodeLog(worker.sequence(), {.level = level, .message = message, .fields_json = ""}));
  }
};

TEST_CASE_METHOD(LevelFixture, "what is logged below the level is not kept, at the level it is", "[output]") {
  PlayUntilStarted([this](Player& worker) {
    worker.BecomeBusy();
    Log(worker, kLogInfo, "below");
    Log(worker, kLogWarn, "at");
    Log(worker, kLogFatal, "above");
    worker.Answer("1");
    worker.Wait();
  });
  Run();
  Ended();
  CHECK(LinesOf(LogSource::kHandler) == Lines{"request-1|at", "request-1|above"});
}

TEST_CASE_METHOD(LevelFixture, "what is printed has the level that its object says, INFO without",
                 "[output]") {
  const std::string wanted = R"({"level":"error","n":1})";
  PlayUntilStarted([&](Player& worker) {
    worker.BecomeBusy();
    worker.Print("plain\n{\"level\":\"debug\"}\n" + wanted + "\n");
    worker.Answer("1");
    worker.Wait();
  });
  Run();
  Ended();
  CHECK(LinesOf(LogSource::kStdout) == Lines{"request-1|" + wanted});
}

TEST_CASE_METHOD(LevelFixture, "what a level leaves out is no output: it takes nobody's room", "[output]") {
  PlayUntilStarted([this](Player& worker) {
    worker.BecomeBusy();
    for (int i = 0; i < 4; ++i) worker.Print(kLine + "\n");
    for (int i = 0; i < 4; ++i) Log(worker, kLogTrace, kLine);
    Log(worker, kLogError, kLine);
    worker.Answer("1");
    worker.Wait();
  });
  Run();
  Ended();
  CHECK(LinesOf(LogSource::kHandler) == Lines{"request-1|" + kLine});
  CHECK(Told().empty());
  CHECK(states_.output_cut == 0);
}

TEST_CASE_METHOD(FloodFixture, "the text format knows no levels", "[output]") {
  PlayUntilStarted([](Player& worker) {
    worker.BecomeBusy();
    worker.Say(EncodeLog(worker.sequence(), {.level = kLogTrace, .message = "m", .fields_json = ""}));
    worker.Print("{\"level\":\"trace\"}\n");
    worker.AwaitGo();
    worker.Answer("1");
    worker.Wait();
  });
  Run();
  RunUntil([this] { return LinesOf(LogSource::kStdout).size() == 1; });
  Go();
  Ended();
  CHECK(LinesOf(LogSource::kHandler).size() == 1);
}

}  // namespace
}  // namespace hearth
