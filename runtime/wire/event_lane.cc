#include "runtime/wire/event_lane.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <cstring>
#include <utility>

namespace hearth {
namespace {

constexpr size_t kCacheLine = 64, kPage = 4'096, kPlace = 32'768;

enum PlaceState : uint32_t { kEmpty = 0, kReady = 1, kTaken = 2 };

constexpr char kForEvents = 'e', kForPacket = 'p';
constexpr size_t kRingsTaken = 256;

}  // namespace

// All zeros: nothing is there. The times count in answers alone.
struct alignas(kPage) LanePlace {
  std::atomic<uint32_t> state;
  std::atomic<uint32_t> size;
  std::atomic<uint64_t> sequence;
  std::atomic<int64_t> ended_ns;
  std::atomic<int64_t> took_ns;
  char frame[kLaneFrameBytesMax];
};
static_assert(sizeof(LanePlace) == kPlace);

struct LaneMemory {
  alignas(kCacheLine) std::atomic<uint32_t> bell_wanted;    // by hearthd
  alignas(kCacheLine) std::atomic<uint32_t> worker_sleeps;  // or is about to
  LanePlace events[kLanePlaces];
  LanePlace answers[kLanePlaces];

  LanePlace& event(uint64_t sequence) { return events[sequence % kLanePlaces]; }
  LanePlace& answer(uint64_t sequence) { return answers[sequence % kLanePlaces]; }
};
static_assert(sizeof(LaneMemory) == kPage + 2 * kLanePlaces * kPlace);
static_assert(std::atomic<uint64_t>::is_always_lock_free && std::atomic<uint32_t>::is_always_lock_free);

namespace {

Result<LaneMemory*> MapLane(int fd) {
  void* const memory = mmap(nullptr, sizeof(LaneMemory), PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
  if (memory == MAP_FAILED) return ErrnoError("map a lane for events");
  return static_cast<LaneMemory*>(memory);
}

// What says that something is there, and what says that somebody sleeps, are in one order for both ends (the default of
// std::atomic): each looks at the other's after it has written its own, so that one of them sees.
void Put(LanePlace& place, uint64_t sequence, std::string_view frame) {
  std::memcpy(place.frame, frame.data(), frame.size());
  place.size.store(static_cast<uint32_t>(frame.size()), std::memory_order_relaxed);
  place.sequence.store(sequence, std::memory_order_relaxed);
  place.state.store(kReady);
}

bool Has(const LanePlace& place, uint64_t sequence) {
  return place.state.load() == kReady && place.sequence.load(std::memory_order_relaxed) == sequence;
}

// A bell that is full has been heard by nobody yet: one ring more says nothing.
void Write(int bell, char ring) { (void)!write(bell, &ring, 1); }

// One of the two who may take an event has it.
bool Claim(LanePlace& place, uint64_t sequence, PlaceState as) {
  uint32_t ready = kReady;
  return Has(place, sequence) && place.state.compare_exchange_strong(ready, as, std::memory_order_acquire);
}

}  // namespace

Result<EventLane> EventLane::Make(uint32_t& left) {
  if (left == 0) return Error{ErrorCode::kThrottled, "no lane for events is left"};
  UniqueFd fd(memfd_create("hearth-lane", MFD_CLOEXEC | MFD_ALLOW_SEALING));
  if (!fd.valid()) return ErrnoError("memfd_create");
  if (ftruncate(fd.get(), sizeof(LaneMemory)) != 0) return ErrnoError("size a lane for events");
  if (fcntl(fd.get(), F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL) != 0)
    return ErrnoError("seal a lane for events");
  HEARTH_ASSIGN(Pipe worker_bell, MakePipe(PipeEnd::kWrite));
  HEARTH_ASSIGN(Pipe our_bell, MakePipe(PipeEnd::kRead));
  HEARTH_ASSIGN(LaneMemory* const memory, MapLane(fd.get()));
  --left;
  return EventLane(std::move(fd), std::move(worker_bell), std::move(our_bell), memory, left);
}

EventLane::EventLane(EventLane&& other) noexcept
    : fd_(std::move(other.fd_)),
      worker_bell_(std::move(other.worker_bell_)),
      our_bell_(std::move(other.our_bell_)),
      memory_(std::exchange(other.memory_, nullptr)),
      left_(std::exchange(other.left_, nullptr)) {}

EventLane::~EventLane() {
  if (left_ == nullptr) return;
  ++*left_;
  munmap(memory_, sizeof(LaneMemory));
  (void)fallocate(fd_.get(), FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, 0, sizeof(LaneMemory));
}

void EventLane::PutEvent(uint64_t sequence, std::string_view frame) {
  CHECK_TRUE(frame.size() <= kLaneFrameBytesMax);
  Put(memory_->event(sequence), sequence, frame);
}

bool EventLane::TakeBack(uint64_t sequence) { return Claim(memory_->event(sequence), sequence, kEmpty); }

bool EventLane::HasAnswer(uint64_t sequence) const { return Has(memory_->answer(sequence), sequence); }

std::optional<Result<EventLane::Answer>> EventLane::TakeAnswer(uint64_t sequence, std::string& out) {
  LanePlace& place = memory_->answer(sequence);
  if (!Has(place, sequence)) return std::nullopt;
  const uint32_t size = place.size.load(std::memory_order_relaxed);
  const int64_t ended_ns = place.ended_ns.load(std::memory_order_relaxed);
  const int64_t took_ns = place.took_ns.load(std::memory_order_relaxed);
  if (size > kLaneFrameBytesMax)
    return Error{ErrorCode::kCorrupt,
                 "an answer of " + std::to_string(size) + " bytes is larger than its place"};
  out.assign(place.frame, size);
  place.state.store(kEmpty, std::memory_order_relaxed);
  return Answer{out, ended_ns, took_ns};
}

bool EventLane::WorkerSleeps() const { return memory_->worker_sleeps.load() != 0; }

void EventLane::RingForEvents() {
  memory_->worker_sleeps.store(0, std::memory_order_relaxed);
  Write(worker_bell_.write.get(), kForEvents);
}

void EventLane::RingForPacket() { Write(worker_bell_.write.get(), kForPacket); }

// A worker that rings all the time is not read without end.
void EventLane::TakeRings() {
  char rings[kRingsTaken];
  (void)!read(our_bell_.read.get(), rings, sizeof rings);
}

void EventLane::WantBell() { memory_->bell_wanted.store(1); }

void EventLane::WantNoBell() { memory_->bell_wanted.store(0, std::memory_order_relaxed); }

Result<MappedEventLane> MappedEventLane::Map(std::span<UniqueFd> fds) {
  MappedEventLane lane;
  HEARTH_ASSIGN(lane.memory_, MapLane(fds[0].get()));
  lane.own_bell_ = std::move(fds[1]);
  lane.hearthd_bell_ = std::move(fds[2]);
  return lane;
}

MappedEventLane& MappedEventLane::operator=(MappedEventLane&& other) noexcept {
  std::swap(memory_, other.memory_);
  std::swap(own_bell_, other.own_bell_);
  std::swap(hearthd_bell_, other.hearthd_bell_);
  return *this;
}

MappedEventLane::~MappedEventLane() {
  if (memory_ != nullptr) munmap(memory_, sizeof(LaneMemory));
}

std::optional<std::string_view> MappedEventLane::TakeEvent(uint64_t sequence) {
  LanePlace& place = memory_->event(sequence);
  if (!Claim(place, sequence, kTaken)) return std::nullopt;
  return std::string_view(place.frame, place.size.load(std::memory_order_relaxed));
}

bool MappedEventLane::HasEvent(uint64_t sequence) const { return Has(memory_->event(sequence), sequence); }

void MappedEventLane::PutAnswer(uint64_t sequence, std::string_view frame, int64_t ended_ns,
                                int64_t took_ns) {
  LanePlace& place = memory_->answer(sequence);
  place.ended_ns.store(ended_ns, std::memory_order_relaxed);
  place.took_ns.store(took_ns, std::memory_order_relaxed);
  Put(place, sequence, frame);
}

bool MappedEventLane::MustRing() {
  return memory_->bell_wanted.load() != 0 && memory_->bell_wanted.exchange(0) != 0;
}

void MappedEventLane::Ring() { Write(hearthd_bell_.get(), kForEvents); }

void MappedEventLane::BeginSleep() { memory_->worker_sleeps.store(1); }

void MappedEventLane::EndSleep() { memory_->worker_sleeps.store(0, std::memory_order_relaxed); }

MappedEventLane::Rung MappedEventLane::AwaitRing() {
  char rings[kRingsTaken];
  ssize_t count;
  do {
    count = read(own_bell_.get(), rings, sizeof rings);
  } while (count < 0 && errno == EINTR);
  if (count <= 0) return Rung::kGone;
  return std::memchr(rings, kForPacket, static_cast<size_t>(count)) != nullptr ? Rung::kForPacket
                                                                               : Rung::kForEvents;
}

}  // namespace hearth
