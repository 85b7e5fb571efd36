#include "runtime/pool/snapshot_run.h"

#include <unistd.h>

#include <catch2/catch.hpp>

#include "tests/unit/runtime/pool/played_worker.h"

namespace hearth {
namespace {

// Plays the zygote: its ends of what it gets.
class SnapshotFixture : public PlayedWorkerFixture {
 protected:
  void Begin() {
    version_->version = "3";
    run_ = std::move(SnapshotRun::Create(context_, version_, [this](const Error& error) {
             broken_.push_back(error);
           })).value();
    const std::vector<int> passed = run_->passed();
    zygote_.Reset(::dup(passed.at(0)));
    stdout_.Reset(::dup(passed.at(1)));
    run_->ClosePassed();
  }
  void Say(const std::string& packet) {
    REQUIRE(SendPacket(zygote_.get(), packet).ok());
    RunSomeTurns();
  }
  // Until it is told to run init.
  void Start() {
    Begin();
    Say(EncodeStarted({}));
    const auto heard = ReceivePacket(zygote_.get(), FdPolicy::kRefuse);
    REQUIRE(heard.ok());
    std::string_view body;
    const auto header = TakeHeader(heard->packet.bytes, body);
    REQUIRE(header);
    CHECK(header->kind == static_cast<uint16_t>(WorkerFrameKind::kInit));
  }
  std::string LastLine() const { return logs_.lines.empty() ? "" : logs_.lines.back().message; }

  std::unique_ptr<SnapshotRun> run_;
  UniqueFd zygote_, stdout_;
  std::vector<Error> broken_;
};

std::string Log(const char* message) { return EncodeLog(0, LogFrame{kLogInfo, message, {}}); }

TEST_CASE_METHOD(SnapshotFixture, "an init that ends well: timed, with its lines in the log",
                 "[pool][snapshot]") {
  Start();
  CHECK_FALSE(run_->took());
  Say(Log("table is built"));
  REQUIRE(::write(stdout_.get(), "half a line", 11) == 11);
  Say(EncodeEmpty(WorkerFrameKind::kReady));
  run_->End(Ok());
  REQUIRE(run_->took());
  CHECK(*run_->took() > nanoseconds(0));
  CHECK(LinesOf(LogSource::kHandler) == std::vector<std::string>{"|table is built"});
  CHECK(LinesOf(LogSource::kStdout) == std::vector<std::string>{"|half a line"});
  CHECK(LastLine().starts_with("INIT_REPORT Init Duration: "));
  CHECK(LastLine().ends_with(" ms\tPhase: snapshot"));
  CHECK(broken_.empty());
}

TEST_CASE_METHOD(SnapshotFixture, "an init that fails: type, message and stack are in the log",
                 "[pool][snapshot]") {
  Start();
  Say(EncodeError(WorkerFrameKind::kInitFailed, 0, {"Shop.Closed", "no table", R"(["at a"])"}));
  run_->End(Ok());
  CHECK_FALSE(run_->took());
  CHECK(LastLine().find("\tStatus: error\tError Type: Shop.Closed\tError: no table\tStack: [\"at a\"]") !=
        std::string::npos);
  CHECK(broken_.empty());  // the launcher says so too
}

TEST_CASE_METHOD(SnapshotFixture, "what was said before the end is heard, however late", "[pool][snapshot]") {
  Start();
  REQUIRE(SendPacket(zygote_.get(), Log("last word")).ok());
  REQUIRE(SendPacket(zygote_.get(), EncodeEmpty(WorkerFrameKind::kReady)).ok());
  zygote_.Reset();
  run_->End(Ok());
  CHECK(run_->took());
  CHECK(LinesOf(LogSource::kHandler) == std::vector<std::string>{"|last word"});
}

TEST_CASE_METHOD(SnapshotFixture, "a zygote that ends without a word has no init", "[pool][snapshot]") {
  Start();
  zygote_.Reset();
  RunSomeTurns();
  run_->End(Error{ErrorCode::kBadArtefact, "run init: killed by signal 9"});
  CHECK_FALSE(run_->took());
  CHECK(LastLine().ends_with(
      "Phase: snapshot\tStatus: error\tError Type: Runtime.ExitError\tError: run init: killed by signal 9"));
}

TEST_CASE_METHOD(SnapshotFixture, "an init that does not end is broken off at the limit",
                 "[pool][snapshot]") {
  context_.init_limit = milliseconds(20);
  Start();
  RunUntil([this] { return !broken_.empty(); });
  CHECK(broken_[0].code == ErrorCode::kBadArtefact);
  CHECK(broken_[0].message ==
        "run init: Sandbox.Timedout: init and before_checkpoint had not ended after 20.00 ms");
  run_->End(Ok());
  CHECK_FALSE(run_->took());
  CHECK(LastLine().find("Init Duration: 20.00 ms\t") != std::string::npos);
  RunSomeTurns();
  CHECK(broken_.size() == 1);
}

TEST_CASE_METHOD(SnapshotFixture, "a frame out of turn ends it", "[pool][snapshot]") {
  const auto breaks = [this](const std::string& packet) {
    Say(packet);
    RunUntil([this] { return !broken_.empty(); });
    CHECK(broken_[0].message.find("out of turn") != std::string::npos);
    run_->End(Ok());
    CHECK_FALSE(run_->took());
  };
  SECTION("ready before it was told to begin") {
    Begin();
    breaks(EncodeEmpty(WorkerFrameKind::kReady));
  }
  SECTION("started twice") {
    Start();
    breaks(EncodeStarted({}));
  }
  SECTION("ready twice") {
    Start();
    Say(EncodeEmpty(WorkerFrameKind::kReady));
    breaks(EncodeEmpty(WorkerFrameKind::kReady));
  }
  SECTION("an answer, where there is no event") {
    Start();
    breaks(Player::ResponsePacket(1, "{}"));
  }
  SECTION("no frame at all") {
    Start();
    breaks("?");
  }
}

TEST_CASE_METHOD(SnapshotFixture, "no callback runs once it has gone", "[pool][snapshot]") {
  context_.init_limit = milliseconds(1);
  Start();
  run_.reset();
  RunSomeTurns();
  CHECK(broken_.empty());
}

}  // namespace
}  // namespace hearth
