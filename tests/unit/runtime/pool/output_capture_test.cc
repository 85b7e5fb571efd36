#include "runtime/pool/output_capture.h"

#include <fcntl.h>
#include <unistd.h>

#include "runtime/base/files.h"
#include "tests/unit/runtime/loop/loop_fixture.h"

namespace hearth {
namespace {

class OutputFixture : public LoopFixture {
 protected:
  OutputFixture() {
    int fds[2];
    REQUIRE(::pipe2(fds, O_CLOEXEC | O_NONBLOCK) == 0);
    write_.Reset(fds[1]);
    auto capture = OutputCapture::Create(*loop, UniqueFd(fds[0]),
                                         [this](std::string_view line) { lines_.emplace_back(line); });
    capture_ = std::move(capture).value();
  }
  void Print(std::string_view text) { REQUIRE(WriteAll(write_.get(), text).ok()); }

  UniqueFd write_;
  std::vector<std::string> lines_;
  std::unique_ptr<OutputCapture> capture_;
};

using Lines = std::vector<std::string>;

TEST_CASE_METHOD(OutputFixture, "lines come by themselves, whole, in order, however they were written",
                 "[output]") {
  Print("one\ntw");
  RunUntil([this] { return lines_.size() == 1; });
  Print("o\n\nthr");
  RunUntil([this] { return lines_.size() == 3; });
  CHECK(lines_ == Lines{"one", "two", ""});
  capture_->Flush();
  CHECK(lines_.back() == "thr");
  capture_->Flush();
  CHECK(lines_.size() == 4);
}

TEST_CASE_METHOD(OutputFixture, "a line at the cap is whole; one byte past it is cut, and the cut is told",
                 "[output]") {
  const std::string cap(OutputCapture::kLineBytesMax, 'x');
  Print(cap + "\n" + cap + "y\n" + cap + std::string(20'000, 'z') + "\nnext\n");
  capture_->Drain();
  CHECK(lines_ == Lines{cap, cap + " [truncated 1 bytes]", cap + " [truncated 20000 bytes]", "next"});
}

TEST_CASE_METHOD(OutputFixture, "a line that never ends is told, cut, when it is flushed", "[output]") {
  const std::string half(OutputCapture::kLineBytesMax * 3 / 4, 'x');
  Print(half);
  capture_->Drain();
  Print(half);
  capture_->Drain();
  CHECK(lines_.empty());
  capture_->Flush();
  REQUIRE(lines_.size() == 1);
  CHECK(lines_[0].ends_with(" [truncated " + std::to_string(OutputCapture::kLineBytesMax / 2) + " bytes]"));
}

TEST_CASE_METHOD(OutputFixture, "after the end of the pipe there is peace", "[output]") {
  Print("last");
  write_.Reset();
  RunSomeTurns();
  capture_->Drain();
  CHECK(lines_.empty());
  capture_->Flush();
  CHECK(lines_ == Lines{"last"});
  RunSomeTurns();
  CHECK(lines_.size() == 1);
}

TEST_CASE_METHOD(OutputFixture, "any bytes may come: NUL, no UTF-8", "[output]") {
  const std::string bytes("a\0\xff\r", 4);
  Print(bytes + "\n");
  capture_->Drain();
  CHECK(lines_ == Lines{bytes});
}

}  // namespace
}  // namespace hearth
