#include "runtime/pool/busy_lanes.h"

#include <algorithm>
#include <utility>

#include "runtime/loop/run_queue_wait.h"

namespace hearth {
namespace {

// Workers that share a processor with hearthd have answered as soon as they have been woken. After so many times other
// work of the loop has its turn.
constexpr int kLooksPerTurn = 4;

}  // namespace

BusyLanes::BusyLanes(Loop& loop, std::function<nanoseconds()> waited)
    : loop_(loop),
      waited_(std::move(waited)),
      turn_end_(TurnEnd::Create(loop, [this] { return EndTurn(); })) {}

std::function<nanoseconds()> BusyLanes::RunQueueWaitOfLoop() {
  // Opened when it is asked for the first time: by the loop's thread.
  return [wait = std::shared_ptr<RunQueueWait>()]() mutable {
    if (!wait) wait = std::make_shared<RunQueueWait>();
    return wait->Total();
  };
}

void BusyLanes::NoteWaited() {
  if (looked_at_ - waited_noted_at_ < kWaitedKnownFor) return;
  waited_noted_at_ = looked_at_;
  waited_before_ = waited_();
}

void BusyLanes::Add(LaneUser& user) {
  if (std::find(users_.begin(), users_.end(), &user) == users_.end()) users_.push_back(&user);
}

void BusyLanes::Remove(LaneUser& user) {
  std::replace(users_.begin(), users_.end(), &user, static_cast<LaneUser*>(nullptr));
}

// By index: whatever an answer leads to may add users, and remove them.
bool BusyLanes::LookAtAll(size_t& answers) {
  const size_t answers_before = answers;
  bool woken = false;
  const MonotonicTime now = looked_at_ = loop_.clock().Now();
  for (size_t i = 0; i < users_.size(); ++i) {
    if (users_[i] != nullptr) answers += users_[i]->TakeAnswers(now);
  }
  for (size_t i = 0; i < users_.size(); ++i) {
    if (users_[i] != nullptr && users_[i]->Wake()) woken = true;
  }
  return woken || answers > answers_before;
}

TurnEnd::Next BusyLanes::EndTurn() {
  std::erase(users_, nullptr);
  if (users_.empty()) return TurnEnd::Next::kMaySleep;
  for (LaneUser* user : users_) user->EndSleep();
  size_t answers = 0;
  for (int looks = 0; looks < kLooksPerTurn && LookAtAll(answers); ++looks) {
  }
  NoteWaited();
  // Where several came together there are more, mostly: it is not slept for before a turn without.
  if (answers > 1) return TurnEnd::Next::kAtOnce;
  bool may_sleep = true;
  for (LaneUser* user : users_) {
    if (user != nullptr && !user->BeginSleep()) may_sleep = false;
  }
  return may_sleep ? TurnEnd::Next::kMaySleep : TurnEnd::Next::kAtOnce;
}

}  // namespace hearth
