#include "runtime/wire/event_lane.h"

#include <fcntl.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <atomic>
#include <thread>
#include <vector>

#include <catch2/catch.hpp>

namespace hearth {
namespace {

std::vector<UniqueFd> Given(const EventLane& lane) {
  std::vector<UniqueFd> fds;
  for (const int fd : lane.fds()) fds.emplace_back(dup(fd));
  return fds;
}

MappedEventLane Mapped(const EventLane& lane) {
  auto fds = Given(lane);
  return std::move(MappedEventLane::Map(fds)).value();
}

int Unread(int fd) {
  int bytes = -1;
  REQUIRE(ioctl(fd, FIONREAD, &bytes) == 0);
  return bytes;
}

struct Ends {
  uint32_t left = 1;
  EventLane ours = std::move(EventLane::Make(left)).value();
  MappedEventLane theirs = Mapped(ours);
  std::string out;
};

TEST_CASE("a lane: an event comes once, whole, to who asks for its number", "[wire][lane]") {
  Ends ends;
  CHECK_FALSE(ends.theirs.TakeEvent(7));
  const std::string longest(kLaneFrameBytesMax, 'e');
  ends.ours.PutEvent(7, longest);
  CHECK_FALSE(ends.theirs.TakeEvent(6));
  CHECK_FALSE(ends.theirs.TakeEvent(7 + kLanePlaces));  // the same place
  CHECK(ends.theirs.TakeEvent(7) == longest);
  CHECK_FALSE(ends.theirs.TakeEvent(7));
  CHECK_FALSE(ends.ours.TakeBack(7));
}

TEST_CASE("a lane: what was taken back does not come", "[wire][lane]") {
  Ends ends;
  ends.ours.PutEvent(7, "seven");
  CHECK_FALSE(ends.ours.TakeBack(8));
  CHECK(ends.ours.TakeBack(7));
  CHECK_FALSE(ends.ours.TakeBack(7));
  CHECK_FALSE(ends.theirs.TakeEvent(7));
  ends.ours.PutEvent(7 + kLanePlaces, "later");  // into the place that is free again
  CHECK(ends.theirs.TakeEvent(7 + kLanePlaces) == "later");
}

// Goal: an event runs once, whoever is quicker.
TEST_CASE("a lane: each event is either taken or taken back, never both, never neither", "[wire][lane]") {
  constexpr uint64_t kEvents = 20'000;
  Ends ends;
  std::atomic<uint64_t> turn{0}, done{0};
  std::vector<bool> theirs(kEvents + 1);
  std::thread worker([&] {
    for (uint64_t n = 1; n <= kEvents; ++n) {
      while (turn < n) {
      }
      theirs[n] = ends.theirs.TakeEvent(n).has_value();
      done = n;
    }
  });
  uint64_t wrong = 0;
  for (uint64_t n = 1; n <= kEvents; ++n) {
    ends.ours.PutEvent(n, "event");
    turn = n;
    const bool ours = ends.ours.TakeBack(n);  // while they are at it
    while (done < n) {
    }
    if (ours == theirs[n]) ++wrong;
  }
  worker.join();
  CHECK(wrong == 0);
}

TEST_CASE("a lane: an answer is taken once, by its number, with its times", "[wire][lane]") {
  Ends ends;
  CHECK_FALSE(ends.ours.TakeAnswer(7, ends.out));
  const std::string longest(kLaneFrameBytesMax, 'a');
  ends.theirs.PutAnswer(7, longest, 1'000, 30);
  CHECK_FALSE(ends.ours.HasAnswer(8));
  CHECK_FALSE(ends.ours.TakeAnswer(7 + kLanePlaces, ends.out));
  CHECK(ends.ours.HasAnswer(7));
  const auto answer = ends.ours.TakeAnswer(7, ends.out);
  REQUIRE((answer && answer->ok()));
  CHECK((*answer)->frame == longest);
  CHECK((*answer)->ended_ns == 1'000);
  CHECK((*answer)->took_ns == 30);
  CHECK_FALSE(ends.ours.HasAnswer(7));
  CHECK_FALSE(ends.ours.TakeAnswer(7, ends.out));
}

TEST_CASE("a lane: what has been taken out of it stays as it was taken", "[wire][lane]") {
  Ends ends;
  ends.theirs.PutAnswer(7, "first", 0, 0);
  const auto answer = ends.ours.TakeAnswer(7, ends.out);
  ends.theirs.PutAnswer(7, "later", 0, 0);
  CHECK((*answer)->frame == "first");
}

// The answers' first place, and in it the size, as docs/wire.md gives them.
TEST_CASE("a lane: an answer that claims more bytes than its place has is refused", "[wire][lane]") {
  constexpr size_t kAnswers = 4'096 + kLanePlaces * 32'768;
  Ends ends;
  const auto claim = [&](uint32_t size) {
    ends.theirs.PutAnswer(kLanePlaces, "answer", 0, 0);
    REQUIRE(pwrite(ends.ours.fd(), &size, sizeof size, kAnswers + 4) == sizeof size);
    return ends.ours.TakeAnswer(kLanePlaces, ends.out);
  };
  REQUIRE(claim(3)->ok());
  CHECK(ends.out == "ans");
  CHECK(claim(kLaneFrameBytesMax)->ok());
  for (const uint32_t size : {static_cast<uint32_t>(kLaneFrameBytesMax) + 1, UINT32_MAX}) {
    const auto refused = claim(size);
    REQUIRE_FALSE(refused->ok());
    CHECK(refused->error().code == ErrorCode::kCorrupt);
  }
}

TEST_CASE("a lane: who sleeps is seen by the other end, and rung for once", "[wire][lane]") {
  Ends ends;
  CHECK_FALSE(ends.ours.WorkerSleeps());
  ends.theirs.BeginSleep();
  CHECK(ends.ours.WorkerSleeps());
  ends.ours.RingForEvents();
  CHECK_FALSE(ends.ours.WorkerSleeps());
  CHECK(ends.theirs.AwaitRing() == MappedEventLane::Rung::kForEvents);
  ends.theirs.BeginSleep();
  ends.theirs.EndSleep();
  CHECK_FALSE(ends.ours.WorkerSleeps());

  CHECK_FALSE(ends.theirs.MustRing());
  ends.ours.WantBell();
  CHECK(ends.theirs.MustRing());
  CHECK_FALSE(ends.theirs.MustRing());
  ends.ours.WantBell();
  ends.ours.WantNoBell();
  CHECK_FALSE(ends.theirs.MustRing());
}

TEST_CASE("a lane: a bell is heard with all its rings at once, and what they are for", "[wire][lane]") {
  Ends ends;
  ends.ours.RingForEvents();
  ends.ours.RingForPacket();
  ends.ours.RingForEvents();
  CHECK(ends.theirs.AwaitRing() == MappedEventLane::Rung::kForPacket);
  ends.ours.RingForEvents();
  CHECK(ends.theirs.AwaitRing() == MappedEventLane::Rung::kForEvents);
  CHECK(Unread(ends.theirs.bell_fd()) == 0);
  ends.theirs.Ring();
  ends.theirs.Ring();
  CHECK(Unread(ends.ours.bell_fd()) == 2);
  ends.ours.TakeRings();
  CHECK(Unread(ends.ours.bell_fd()) == 0);
}

TEST_CASE("a lane: a worker that waits for its bell hears when the lane goes", "[wire][lane]") {
  uint32_t left = 1;
  std::optional<EventLane> ours = std::move(EventLane::Make(left)).value();
  MappedEventLane theirs = Mapped(*ours);
  ours.reset();
  CHECK(theirs.AwaitRing() == MappedEventLane::Rung::kGone);
}

// Goal: no worker holds up hearthd.
TEST_CASE("a lane: whatever a worker does to its ends of the bells, hearthd does not block on its own",
          "[wire][lane]") {
  Ends ends;
  const auto fds = Given(ends.ours);
  for (const UniqueFd& fd : fds) REQUIRE(fcntl(fd.get(), F_SETFL, 0) == 0);
  ends.ours.TakeRings();  // nobody has rung
  const int size = fcntl(fds[1].get(), F_GETPIPE_SZ);
  for (int n = 0; n < size + 10; ++n) ends.ours.RingForEvents();  // and nobody hears
  CHECK(Unread(fds[1].get()) == size);
}

TEST_CASE("a lane: neither end can cut or grow it, and a page that is punched out does hearthd no harm",
          "[wire][lane]") {
  Ends ends;
  struct stat info {};
  REQUIRE(fstat(ends.ours.fd(), &info) == 0);
  CHECK(info.st_blocks == 0);
  ends.ours.PutEvent(1, "short");
  REQUIRE(fstat(ends.ours.fd(), &info) == 0);
  CHECK(info.st_blocks * 512 == 4'096);  // what is used
  for (const off_t size : {off_t{0}, off_t{4'096}, 4 * info.st_size})
    CHECK(ftruncate(ends.ours.fd(), size) != 0);
  CHECK(fcntl(ends.ours.fd(), F_ADD_SEALS, F_SEAL_WRITE) != 0);
  ends.theirs.PutAnswer(7, "answer", 0, 0);
  REQUIRE(fallocate(ends.ours.fd(), FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, 0, info.st_size) == 0);
  CHECK_FALSE(ends.ours.TakeAnswer(7, ends.out));
  ends.ours.PutEvent(8, "eight");
  CHECK(ends.theirs.TakeEvent(8) == "eight");
}

TEST_CASE("a lane that goes leaves its pages to the kernel, and one more can be made", "[wire][lane]") {
  uint32_t left = 1;
  UniqueFd watched;
  MappedEventLane theirs;
  {
    auto lane = std::move(EventLane::Make(left)).value();
    const auto second = EventLane::Make(left);
    REQUIRE_FALSE(second.ok());
    CHECK(second.error().code == ErrorCode::kThrottled);
    watched.Reset(dup(lane.fd()));
    theirs = Mapped(lane);
    const EventLane moved = std::move(lane);
    CHECK(left == 0);
  }
  struct stat info {};
  REQUIRE(fstat(watched.get(), &info) == 0);
  CHECK(info.st_blocks == 0);
  CHECK(left == 1);
  CHECK(EventLane::Make(left).ok());
}

TEST_CASE("a lane: what is no lane is not mapped", "[wire][lane]") {
  std::vector<UniqueFd> none(kLaneFds);
  CHECK_FALSE(MappedEventLane::Map(none).ok());
}

}  // namespace
}  // namespace hearth
