#include <signal.h>

#include <catch2/catch.hpp>

#include "tests/unit/runtime/pool/played_worker.h"

// A crash report holds up nobody's answer for long.

namespace hearth {
namespace {

std::string ReportOf(int signal_number, const std::string& text) {
  CrashFrameHead head{.version = kWireVersion,
                      .kind = static_cast<uint16_t>(WorkerFrameKind::kCrash),
                      .flags = 0,
                      .sequence = 0,
                      .signal = signal_number,
                      .code = 1,
                      .address = 0x10,
                      .text_bytes = static_cast<uint32_t>(text.size())};
  return std::string(reinterpret_cast<const char*>(&head), sizeof head) + text;
}

class ReportFixture : public PlayedWorkerFixture {
 protected:
  ReportFixture() {
    context_.crash_report_wait = milliseconds(20);
    context_.exit_status_wait = std::chrono::hours(1);
    version_->settings.timeout = seconds(900);
  }
  bool Told(const std::string& text) const {
    for (const auto& line : logs_.lines) {
      if (line.source == LogSource::kPlatform && line.message == text) return true;
    }
    return false;
  }
};

TEST_CASE_METHOD(ReportFixture, "report that hangs is cut: what there is of it is told, and the worker ends",
                 "[crash]") {
  PlayUntilStarted([](Player& worker) {
    worker.BecomeBusy();
    worker.Say(ReportOf(SIGSEGV, ""));
    worker.Say(ReportOf(SIGSEGV, "#0 Resize()"));
    worker.Wait();
  });
  Run();
  const Attempt attempt = Ended();
  CHECK(attempt.kind == OutcomeKind::kCrash);
  CHECK(attempt.error.type == "Runtime.ExitError");
  CHECK(attempt.error.message ==
        "RequestId: request-1 Error: Runtime exited with error: signal: segmentation fault at address 0x10");
  CHECK(attempt.error.stack_json == R"j(["#0 Resize()"])j");
  CHECK(Told("a worker's crash report was cut after 20 ms"));
  CHECK(LinesOf(LogSource::kStderr) == std::vector<std::string>{"request-1|crash: #0 Resize()"});
  CHECK(Reap().signal == SIGKILL);
  worker_->OnExited({{-1, SIGKILL}, {}}, 2048);  // init's word comes later, and changes nothing
  RunSomeTurns();
  CHECK(attempts_.empty());
}

TEST_CASE_METHOD(ReportFixture, "report that ends in time is told whole, and nothing is cut", "[crash]") {
  context_.crash_report_wait = std::chrono::hours(1);
  PlayUntilStarted([](Player& worker) {
    worker.BecomeBusy();
    worker.Say(ReportOf(SIGBUS, "#0 Resize()"));
    worker.Print("last words\n");
    ::_exit(128 + SIGBUS);
  });
  Run();
  RunUntil([this] { return LinesOf(LogSource::kStdout).size() == 1; });
  ReapAndTell();
  const Attempt attempt = Ended();
  CHECK(attempt.kind == OutcomeKind::kCrash);
  CHECK(attempt.error.stack_json == R"j(["#0 Resize()"])j");
  CHECK_FALSE(Told("a worker's crash report was cut after 20 ms"));
}

TEST_CASE_METHOD(ReportFixture, "idle worker that hangs in its report is ended too", "[crash]") {
  PlayUntilStarted([](Player& worker) {
    worker.Started();
    worker.Say(ReportOf(SIGSEGV, ""));
    worker.Wait();
  });
  RunUntil([this] { return idle_deaths_ == 1; });
  CHECK_FALSE(worker_->usable());
  CHECK(Reap().signal == SIGKILL);
}

}  // namespace
}  // namespace hearth
