#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <utility>

#include "runtime/pool/worker_process.h"

// Events that are sent to a worker before their turn, so that it need not sleep between two.

namespace hearth {

bool WorkerProcess::TakesAhead() {
  constexpr size_t kInChannelMax = 8;  // of the largest that are given ahead
  if (!behind_.empty() && !behind_.back().in_lane && behind_.size() >= kInChannelMax) return false;
  if (lent_ || state_ != WorkerState::kBusy || exit_ || held_up_ || keeps_others_ || paused_ ||
      running_->call != 0 || running_->event->stream) {
    return false;
  }
  if (take_backs_ == TakeBacks::kNotAsked)
    take_backs_ = TheirEnd().valid() ? TakeBacks::kPossible : TakeBacks::kImpossible;
  return take_backs_ == TakeBacks::kPossible;
}

void WorkerProcess::HandAhead(const Event& event, OnAttempt done) {
  CHECK_TRUE(TakesAhead());
  Ahead ahead{&event, std::move(done), ++last_sequence_, {}, {}, false};
  ahead.handed.Begin(context_.loop.clock());
  InvokeFrameView frame = FrameOf(event, ahead.handed);
  frame.ahead = true;
  std::string& packet = context_.frame_buffer;
  const BodyPlace place = EncodeInvoke(ahead.sequence, frame, event.payload, packet);
  ahead.in_lane = place == BodyPlace::kInline && PutInLane(ahead.sequence, packet);
  // In the channel it comes behind the head, which must be there by then.
  if (!ahead.in_lane && !unsent_.empty()) (void)Wake();
  const bool fits = place == BodyPlace::kInline && state_ == WorkerState::kBusy;
  const auto sent = ahead.in_lane ? Result<SendOutcome>(SendOutcome::kSent)
                    : fits        ? SendPacket(channel_.get(), packet)
                                  : Result<SendOutcome>(SendOutcome::kWouldBlock);
  if (sent.ok() && *sent == SendOutcome::kWouldBlock) {  // its channel is full
    --last_sequence_;  // the next one has this number: a worker asks its lane for them one after the other
    context_.loop.Post([weak = weak_.Get(), ahead = std::move(ahead)]() mutable {
      if (weak) TellTurnNeverCame(std::move(ahead));
    });
    return;
  }
  if (lane_ && !ahead.in_lane) lane_->RingForPacket();
  behind_.push_back(std::move(ahead));  // also if it has gone: its end is being told
  if (behind_.size() == 1) SetHoldUp();
}

void WorkerProcess::SetHoldUp() { hold_up_.Set(running_->phase.began() + context_.hold_up_max); }

// The head has been answered, at `not_before` at the latest: the next one is the head.
void WorkerProcess::BeginNext(MonotonicTime not_before) {
  Ahead next = std::move(behind_.front());
  behind_.erase(behind_.begin());
  running_.emplace();
  running_->event = next.event;
  running_->done = std::move(next.done);
  running_->phase = next.handed;
  running_->phase.NotBefore(not_before);
  running_->attempt.began = running_->phase.began();
  running_->attempt.prefetched = true;
  running_->in_lane = next.in_lane;
  running_->lane_known = lane_.has_value();
  running_->deadline = running_->phase.began() + version_->settings.timeout;
  sequence_ = next.sequence;
  window_given_ = false;  // it may have begun this one before the answer in the window was read
  log_.BeginAttempt(next.event->request_id.text());
  invoke_limit_.Set(running_->deadline);
  if (!behind_.empty()) SetHoldUp();
  if (!next.abort_why.empty()) EndWorker(std::move(next.abort_why), OutcomeKind::kAborted);
}

// The worker's own descriptor of its channel, if that is still there: it may have put anything else in its place.
UniqueFd WorkerProcess::TheirEnd() const {
  if (their_cookie_ == 0) return {};
  UniqueFd theirs(static_cast<int>(syscall(SYS_pidfd_getfd, pidfd_.get(), kWorkerChannel, 0)));
  if (!theirs.valid() || CookieOf(theirs.get()) != their_cookie_) return {};
  return theirs;
}

// Of the worker's own event, while that lies unread in its channel. If it were taken out and put back, the worker, which
// may read at any time, could come to what stands behind it first.
bool WorkerProcess::IsHeadUnread(int theirs) const {
  char start[sizeof(FrameHeader)];
  const ssize_t size = recv(theirs, start, sizeof start, MSG_PEEK | MSG_DONTWAIT);
  std::string_view body;
  const auto header = size > 0 ? TakeHeader({start, static_cast<size_t>(size)}, body) : std::nullopt;
  return header && header->kind == static_cast<uint16_t>(WorkerFrameKind::kInvoke) &&
         header->sequence == sequence_;
}

// What the worker has not read of what stands behind its event goes to other workers. Each packet is read once, by it
// or by us. The reply to its call may lie behind them: that is put back. While it has not even read its event, nothing
// is taken, and it is looked again later.
void WorkerProcess::TakeBack() {
  if (behind_.empty()) return;
  held_up_ = true;
  std::vector<Ahead> taken;
  for (auto ahead = behind_.begin(); ahead != behind_.end();) {
    if (!ahead->in_lane || !lane_->TakeBack(ahead->sequence)) {
      ++ahead;
      continue;
    }
    taken.push_back(std::move(*ahead));
    ahead = behind_.erase(ahead);
  }
  TakeBackFromChannel(taken);
  // Their numbers are given once more: a worker asks its lane for one after the other.
  last_sequence_ = behind_.empty() ? sequence_ : behind_.back().sequence;
  for (Ahead& ahead : taken) TellTurnNeverCame(std::move(ahead));
}

void WorkerProcess::TakeBackFromChannel(std::vector<Ahead>& taken) {
  if (behind_.empty() || behind_.back().in_lane) return;
  const UniqueFd theirs = TheirEnd();
  if (theirs.valid() && IsHeadUnread(theirs.get()))
    return hold_up_.Set(context_.loop.clock().Now() + context_.hold_up_max);
  std::vector<Packet> not_ours;
  while (theirs.valid()) {
    auto received = ReceivePacket(theirs.get(), FdPolicy::kAccept, Waiting::kNever);
    if (!received.ok() || received->kind != ReceivedPacket::Kind::kPacket) break;
    std::string_view body;
    const auto header = TakeHeader(received->packet.bytes, body);
    const auto found = std::find_if(behind_.begin(), behind_.end(), [&](const Ahead& ahead) {
      return header && ahead.sequence == header->sequence;
    });
    if (found == behind_.end()) {
      not_ours.push_back(std::move(received->packet));
    } else {
      taken.push_back(std::move(*found));
      behind_.erase(found);
    }
  }
  for (const Packet& packet : not_ours) {
    std::vector<int> fds;
    for (const UniqueFd& fd : packet.fds) fds.push_back(fd.get());
    if (TrySend(packet.bytes, fds) == Sent::kNotRead) break;  // its channel was empty: cannot be
  }
}

void WorkerProcess::TellTurnNeverCame(Ahead ahead) {
  Attempt attempt;
  attempt.its_turn_came = false;
  attempt.delivered = false;
  ahead.done(std::move(attempt));
}

}  // namespace hearth
