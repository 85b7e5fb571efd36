#include "runtime/pool/busy_lanes.h"

#include <algorithm>

namespace hearth {
namespace {

// Workers that share a processor with hearthd have answered as soon as they have been woken. After so many times other
// work of the loop has its turn.
constexpr int kLooksPerTurn = 4;

}  // namespace

BusyLanes::BusyLanes(Loop& loop)
    : loop_(loop), turn_end_(TurnEnd::Create(loop, [this] { return EndTurn(); })) {}

void BusyLanes::Add(LaneUser& user) {
  if (std::find(users_.begin(), users_.end(), &user) == users_.end()) users_.push_back(&user);
}

void BusyLanes::Remove(LaneUser& user) {
  std::replace(users_.begin(), users_.end(), &user, static_cast<LaneUser*>(nullptr));
}

// By index: whatever an answer leads to may add users, and remove them.
bool BusyLanes::LookAtAll() {
  bool any = false;
  const MonotonicTime now = loop_.clock().Now();
  for (size_t i = 0; i < users_.size(); ++i) {
    if (users_[i] != nullptr && users_[i]->TakeAnswers(now)) any = true;
  }
  for (size_t i = 0; i < users_.size(); ++i) {
    if (users_[i] != nullptr && users_[i]->Wake()) any = true;
  }
  return any;
}

TurnEnd::Next BusyLanes::EndTurn() {
  std::erase(users_, nullptr);
  if (users_.empty()) return TurnEnd::Next::kMaySleep;
  for (LaneUser* user : users_) user->EndSleep();
  int looks = 0;
  while (looks < kLooksPerTurn && LookAtAll()) ++looks;
  // Where there was something there is more, mostly: it is not slept for before a turn in which there was nothing.
  if (looks > 0) return TurnEnd::Next::kAtOnce;
  bool may_sleep = true;
  for (LaneUser* user : users_) {
    if (user != nullptr && !user->BeginSleep()) may_sleep = false;
  }
  return may_sleep ? TurnEnd::Next::kMaySleep : TurnEnd::Next::kAtOnce;
}

}  // namespace hearth
