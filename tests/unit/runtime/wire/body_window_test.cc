#include "runtime/wire/body_window.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>

#include <catch2/catch.hpp>

namespace hearth {
namespace {

uint64_t PagesOf(int fd) {
  struct stat info {};
  REQUIRE(fstat(fd, &info) == 0);
  return static_cast<uint64_t>(info.st_blocks) * 512 / 4096;
}

struct Ends {
  uint32_t left = 1;
  BodyWindow ours = std::move(BodyWindow::Make(left)).value();
  MappedBodyWindow theirs = std::move(MappedBodyWindow::Map(UniqueFd(dup(ours.fd())))).value();
};

TEST_CASE("a body goes through a window whole, in both directions, up to a half", "[wire]") {
  Ends ends;
  for (const size_t size : {size_t{1}, size_t{70'000}, kWindowBodyBytesMax}) {
    std::string body(size, 'b');
    body.back() = 'e';
    REQUIRE(ends.ours.PutEvent(body).ok());
    CHECK(ends.theirs.event().substr(0, size) == body);
    std::reverse(body.begin(), body.end());
    std::copy(body.begin(), body.end(), ends.theirs.answer().data());
    CHECK(ends.ours.TakeAnswer(size).value() == body);
  }
  const auto over = ends.ours.TakeAnswer(kWindowBodyBytesMax + 1);
  REQUIRE_FALSE(over.ok());
  CHECK(over.error().code == ErrorCode::kCorrupt);
}

TEST_CASE("what has been taken out of a window stays as it was taken", "[wire]") {
  Ends ends;
  std::copy_n("first", 5, ends.theirs.answer().data());
  const std::string taken = ends.ours.TakeAnswer(5).value();
  std::copy_n("later", 5, ends.theirs.answer().data());
  CHECK(taken == "first");
}

TEST_CASE("neither end can cut or grow a window", "[wire]") {
  Ends ends;
  for (const size_t size : {size_t{0}, kWindowBodyBytesMax, 4 * kWindowBodyBytesMax})
    CHECK(ftruncate(ends.ours.fd(), static_cast<off_t>(size)) != 0);
  CHECK(fcntl(ends.ours.fd(), F_ADD_SEALS, F_SEAL_WRITE) != 0);
  REQUIRE(fallocate(ends.ours.fd(), FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, kWindowBodyBytesMax, 4096) ==
          0);
  CHECK(ends.ours.TakeAnswer(4096).value() == std::string(4096, '\0'));
}

TEST_CASE("the pages of a window that goes are the kernel's again, though the worker has it mapped",
          "[wire]") {
  uint32_t left = 1;
  UniqueFd watched;
  MappedBodyWindow theirs;
  {
    auto window = std::move(BodyWindow::Make(left)).value();
    watched.Reset(dup(window.fd()));
    theirs = std::move(MappedBodyWindow::Map(UniqueFd(dup(window.fd())))).value();
    REQUIRE(window.PutEvent(std::string(300'000, 'x')).ok());
    std::fill_n(theirs.answer().data(), 300'000, 'y');
    CHECK(PagesOf(watched.get()) >= 2 * 300'000 / 4096);
  }
  CHECK(PagesOf(watched.get()) == 0);
}

TEST_CASE("there are as many windows as may be, and one more when one goes", "[wire]") {
  uint32_t left = 2;
  auto first = BodyWindow::Make(left);
  {
    auto second = BodyWindow::Make(left);
    REQUIRE((first.ok() && second.ok()));
    const BodyWindow moved = std::move(second).value();
    CHECK(left == 0);
    const auto third = BodyWindow::Make(left);
    REQUIRE_FALSE(third.ok());
    CHECK(third.error().code == ErrorCode::kThrottled);
  }
  CHECK(left == 1);
  CHECK(BodyWindow::Make(left).ok());
}

}  // namespace
}  // namespace hearth
