#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "runtime/base/pipe.h"
#include "runtime/base/result.h"
#include "runtime/base/unique_fd.h"

// Memory that hearthd and one worker share for events that are handed to it ahead of their turn, and for its answers. A
// packet for each of them costs two system calls and, mostly, two changes of who has the processor; a place in the lane
// costs neither, as long as both are awake.
//
// Each end has a bell, a pipe of which the other one writes. Who is about to sleep says so first, and then looks once more;
// who has put something there looks whether the other sleeps, and then rings. A pipe, since its two ends are two open
// descriptions: whatever a worker does to its own, hearthd never blocks on the other.
//
// hearthd trusts nothing of it: it reads each field once, copies an answer out and looks at the copy alone, and never reads
// again what it wrote but the state of an event. Sealed against SHRINK and GROW, so that every place of hearthd's mapping has
// a page, which is there once it is used, as those of its heap are. Of no worker but one.

namespace hearth {

// Of what is at a place, a frame with its header. What is larger goes through the channel.
inline constexpr size_t kLaneFrameBytesMax = 32'736;
// As many as a worker may have in hand, so that the place of an event is free when it comes.
inline constexpr size_t kLanePlaces = 16;
inline constexpr size_t kLaneFds = 3;

struct LaneMemory;

// hearthd's end.
// Limits: `left` lanes can be made, and one more for each that goes.
class EventLane final {
 public:
  // When an answer was there, by the worker's own clock (CLOCK_MONOTONIC): only believed between two looks of hearthd's, and
  // not long before it woke.
  struct Answer {
    std::string_view frame;  // in `out`
    int64_t ended_ns = 0;
    int64_t took_ns = 0;  // by that clock too, since it looked at the event: believed by nobody, a hint
  };

  // kThrottled: there are as many as there may be.
  static Result<EventLane> Make(uint32_t& left);
  EventLane(EventLane&& other) noexcept;
  EventLane& operator=(EventLane&&) = delete;
  // Its pages go back to the kernel, also those that the worker has mapped still.
  ~EventLane();

  int fd() const { return fd_.get(); }
  // What the worker is given, in this order.
  std::array<int, kLaneFds> fds() const {
    return {fd_.get(), worker_bell_.read.get(), our_bell_.write.get()};
  }
  // At most kLaneFrameBytesMax. What was there before has been answered, or taken back.
  void PutEvent(uint64_t sequence, std::string_view frame);
  // It was put there, and the worker has not taken it; nor will it.
  bool TakeBack(uint64_t sequence);
  bool HasAnswer(uint64_t sequence) const;
  // Empty: it is not there. kCorrupt: it is longer than its place.
  std::optional<Result<Answer>> TakeAnswer(uint64_t sequence, std::string& out);
  // It waits for its bell: what was put into the lane it may not see before.
  bool WorkerSleeps() const;
  // Once for all that was put there: it does not sleep any more.
  void RingForEvents();
  // Of a packet in its channel, where it does not look without this, asleep or not.
  void RingForPacket();
  // Readable when the worker has rung.
  int bell_fd() const { return our_bell_.read.get(); }
  void TakeRings();
  // hearthd is about to sleep, so that the worker has to ring from now on; look at the lane after that, not before.
  void WantBell();
  void WantNoBell();

 private:
  EventLane(UniqueFd fd, Pipe worker_bell, Pipe our_bell, LaneMemory* memory, uint32_t& left)
      : fd_(std::move(fd)),
        worker_bell_(std::move(worker_bell)),
        our_bell_(std::move(our_bell)),
        memory_(memory),
        left_(&left) {}
  UniqueFd fd_;
  Pipe worker_bell_, our_bell_;  // both ends: so that no worker's end is the last
  LaneMemory* memory_;
  uint32_t* left_;  // null: moved from
};

// The worker's end.
class MappedEventLane final {
 public:
  enum class Rung {
    kForEvents,
    kForPacket,  // there is one in the channel
    kGone,       // there will be no event here any more
  };
  MappedEventLane() = default;
  // kLaneFds of them.
  static Result<MappedEventLane> Map(std::span<UniqueFd> fds);
  MappedEventLane(MappedEventLane&& other) noexcept { *this = std::move(other); }
  MappedEventLane& operator=(MappedEventLane&& other) noexcept;
  ~MappedEventLane();

  bool mapped() const { return memory_ != nullptr; }
  // The frame of that event, which is this worker's from here on; empty: it is not there. To be read before it is answered.
  std::optional<std::string_view> TakeEvent(uint64_t sequence);
  bool HasEvent(uint64_t sequence) const;
  // At most kLaneFrameBytesMax.
  void PutAnswer(uint64_t sequence, std::string_view frame, int64_t ended_ns, int64_t took_ns);
  // hearthd sleeps, and does not know yet: the caller is the one who has to Ring().
  bool MustRing();
  void Ring();
  void BeginSleep();
  void EndSleep();
  // Sleeps until hearthd has rung.
  Rung AwaitRing();
  int bell_fd() const { return own_bell_.get(); }  // readable when hearthd has rung

 private:
  LaneMemory* memory_ = nullptr;
  UniqueFd own_bell_, hearthd_bell_;
};

}  // namespace hearth
