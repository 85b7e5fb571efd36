#include <algorithm>
#include <utility>

#include "runtime/pool/worker_process.h"

// Memory shared with a busy worker, in place of packets.

namespace hearth {

// Once it has run some short events while it is awake.
void WorkerProcess::GiveLane(InvokeFrameView& frame) {
  if (!lane_ && short_events_ >= context_.short_events_worth_lane && context_.lanes != nullptr) {
    if (auto made = EventLane::Make(context_.lanes->left()); made.ok()) {
      lane_.emplace(std::move(made).value());
      frame.new_lane = true;
    }
  }
  running_->lane_known = frame.lane = lane_.has_value();
  if (lane_) context_.lanes->Add(*this);
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
  const bool slept = std::exchange(ring_, false) && unsent_.empty() && lane_->WorkerSleeps();
  if (!slept && unsent_.empty()) return false;
  lane_->WorkerWakes();
  if (slept) {
    running_->rung = true;
    // If the channel is full there is something to wake it, and if it has gone that is told elsewhere.
    (void)SendPacket(channel_.get(), EncodeEmpty(WorkerFrameKind::kBell));
    return true;
  }
  running_->phase.Begin(context_.loop.clock());
  running_->attempt.began = running_->phase.began();
  Send(unsent_);
  unsent_.clear();
  return true;
}

// An answer out of turn stays where it is.
bool WorkerProcess::LooksAtLane() const {
  return lane_ && state_ == WorkerState::kBusy && running_->call == 0 && !paused_;
}

bool WorkerProcess::BeginSleep() {
  if (!lane_) return true;
  lane_->WantBell();
  return !LooksAtLane() || !lane_->HasAnswer(sequence_);
}

void WorkerProcess::EndSleep() {
  if (lane_) lane_->WantNoBell();
}

bool WorkerProcess::TakeAnswers(MonotonicTime now) {
  const WeakPtr<WorkerProcess> self = weak_.Get();
  for (size_t taken = 0; taken < kLanePlaces; ++taken) {
    if (!self || !LooksAtLane()) return taken > 0;
    const auto answer = lane_->TakeAnswer(sequence_, context_.answer_buffer);
    if (!answer) {
      looked_at_ = now;
      return taken > 0;
    }
    if (taken == 0) usage_.reset();
    if (answer->ok()) {
      OnLaneAnswer(**answer);
    } else {
      EndWorker(answer->error().message);
    }
  }
  return true;
}

// When it was there the worker says. It is believed as far as hearthd knows nothing else: not before hearthd looked last
// and it was not, nor after now.
void WorkerProcess::OnLaneAnswer(const EventLane::Answer& answer) {
  std::string_view body;
  const auto header = TakeHeader(answer.frame, body);
  const bool right = header && header->kind == static_cast<uint16_t>(WorkerFrameKind::kResponse) &&
                     header->flags == 0 && header->sequence == sequence_;
  auto frame = right ? DecodeResponse(body, 0) : std::nullopt;
  if (!frame) return EndWorker("what it put into its lane is no answer to its event");
  const MonotonicTime ended =
      std::min(MonotonicTime(nanoseconds(answer.ended_ns)), context_.loop.clock().Now());
  const MonotonicTime began = running_->phase.began();
  running_->attempt.duration = std::max({ended, looked_at_, began}) - began;
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
  lane_.reset();
  short_events_ = 0;
  ring_ = false;
  unsent_.clear();
}

}  // namespace hearth
