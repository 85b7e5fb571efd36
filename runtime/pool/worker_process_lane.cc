#include <algorithm>
#include <utility>

#include "runtime/pool/worker_process.h"

// Memory shared with a busy worker, in place of packets.

namespace hearth {
namespace {

// From a worker's ring until hearthd runs, when nothing else wants its processor.
constexpr microseconds kWakingTakes{100};

}  // namespace

// Once it has run some short events while it is awake.
void WorkerProcess::GiveLane(InvokeFrameView& frame) {
  const bool worth_it = short_events_ >= context_.short_events_worth_lane && context_.lanes != nullptr;
  if (!lane_ && worth_it && MakeLane().ok()) frame.new_lane = true;
  running_->lane_known = frame.lane = lane_.has_value();
  if (lane_) context_.lanes->Add(*this);
}

// What it rings for is taken at the end of the turn.
Status WorkerProcess::MakeLane() {
  HEARTH_ASSIGN(EventLane lane, EventLane::Make(context_.lanes->left()));
  HEARTH_ASSIGN(bell_watch_, FdWatch::Create(context_.loop, lane.bell_fd(), FdEvents::kReadable,
                                             [this](FdEvents) { lane_->TakeRings(); }));
  lane_.emplace(std::move(lane));
  return Ok();
}

// Only while nothing stands behind the head in the channel: the worker looks there last.
bool WorkerProcess::PutInLane(uint64_t sequence, std::string_view frame) {
  const bool in_order = behind_.empty() || behind_.back().in_lane;
  if (!running_->lane_known || !in_order || frame.size() > kLaneFrameBytesMax) return false;
  lane_->PutEvent(sequence, frame);
  ring_ = true;
  return true;
}

bool WorkerProcess::Wake() {
  if (state_ != WorkerState::kBusy) return false;
  const bool begins = !unsent_.empty();
  if (begins) BeginUnsent();
  if (!std::exchange(ring_, false) || !lane_ || !lane_->WorkerSleeps()) return begins;
  lane_->RingForEvents();
  return true;
}

void WorkerProcess::BeginUnsent() {
  running_->phase.Begin(context_.loop.clock());
  running_->attempt.began = running_->phase.began();
  if (unsent_.size() <= kLaneFrameBytesMax) {
    lane_->PutEvent(sequence_, unsent_);
    running_->in_lane = ring_ = true;
  } else if (Send(unsent_)) {
    lane_->RingForPacket();
  }
  unsent_.clear();
}

// An answer out of turn stays where it is.
bool WorkerProcess::LooksAtLane() const {
  return lane_ && state_ == WorkerState::kBusy && running_->call == 0 && !paused_;
}

bool WorkerProcess::BeginSleep() {
  if (!lane_) return true;
  slept_ = true;
  lane_->WantBell();
  return !LooksAtLane() || !lane_->HasAnswer(sequence_);
}

void WorkerProcess::EndSleep() {
  if (lane_) lane_->WantNoBell();
}

size_t WorkerProcess::TakeAnswers(MonotonicTime now) {
  const WeakPtr<WorkerProcess> self = weak_.Get();
  size_t taken = 0;
  for (; taken < kLanePlaces; ++taken) {
    if (!self || !LooksAtLane()) return taken;
    const auto answer = lane_->TakeAnswer(sequence_, context_.answer_buffer);
    if (!answer) {
      looked_at_ = now;
      slept_ = false;
      return taken;
    }
    if (answer->ok()) {
      OnLaneAnswer(**answer, now);
    } else {
      EndWorker(answer->error().message);
    }
  }
  return taken;
}

// When it was there the worker says. It is believed as far as hearthd knows nothing else: not before hearthd looked last
// and it was not, nor after now; and where hearthd slept since, no longer before it woke than waking it takes.
void WorkerProcess::OnLaneAnswer(const EventLane::Answer& answer, MonotonicTime now) {
  std::string_view body;
  const auto header = TakeHeader(answer.frame, body);
  const bool right = header && header->kind == static_cast<uint16_t>(WorkerFrameKind::kResponse) &&
                     header->flags == 0 && header->sequence == sequence_;
  auto frame = right ? DecodeResponse(body, 0) : std::nullopt;
  if (!frame) return EndWorker("what it put into its lane is no answer to its event");
  const MonotonicTime said(nanoseconds(answer.ended_ns));
  const MonotonicTime began = running_->phase.began();
  MonotonicTime ended = std::max({said, looked_at_, began});
  if (ended > now) ended = std::min(ended, context_.loop.clock().Now());  // put there during the look
  if (const MonotonicTime woken = context_.loop.TurnBegan() - kWakingTakes; slept_ && ended < woken)
    ended = std::max(ended, woken - context_.lanes->KeptWaiting());
  running_->attempt.duration = ended - began;
  running_->attempt.occupied =
      std::clamp(nanoseconds(answer.took_ns), nanoseconds(0), running_->attempt.duration);
  running_->heard = running_->answered_in_lane = true;
  output_lies_ = false;
  Packet nothing_else;
  Answer(*header, std::move(*frame), nothing_else);
}

// True: the worker has not begun its event, nor will it.
bool WorkerProcess::TakeBackHead() {
  if (!unsent_.empty()) return true;
  return running_ && running_->in_lane && lane_ && lane_->TakeBack(sequence_);
}

void WorkerProcess::DropLane() {
  if (lane_) context_.lanes->Remove(*this);
  bell_watch_.reset();
  lane_.reset();
  slept_ = false;
  short_events_ = 0;
  ring_ = false;
  unsent_.clear();
}

}  // namespace hearth
