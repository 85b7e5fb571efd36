#include "runtime/pool/blank_keeper.h"

#include <algorithm>
#include <utility>

namespace hearth {

uint32_t BlanksWanted(bool used_by_some_function, uint32_t lately, uint32_t most) {
  if (!used_by_some_function) return 0;
  return std::min(most, lately < most ? lately + 1 : most);
}

BlankKeeper::BlankKeeper(uint32_t most, Executor& executor, Log& log, Keep keep)
    : most_(std::min(most, kBlanksMax)), executor_(executor), log_(log), keep_(std::move(keep)) {}

void BlankKeeper::OnLauncher() {
  launcher_ = true;
  given_up_ = false;
  wanted_ = 0;
  Review();
}

void BlankKeeper::OnLauncherDeath() {
  launcher_ = false;
  ready_ = 0;
  wanted_ = room_ ? room_(0) : 0;
}

void BlankKeeper::OnStart(bool was_blank) {
  ++(was_blank ? from_blanks_ : without_);
  (void)Lately();
  ++now_;
  Adjust();
}

void BlankKeeper::OnBlanks(uint32_t ready, const std::string& problem) {
  ready_ = ready;
  if (problem.empty()) return;
  log_.Warn("no sandbox can be made ahead; workers with a sandbox of their own start slower",
            {{"why", problem}});
  GiveUp();
}

void BlankKeeper::OnRoomTaken() {
  if (launcher_) keep_(0);
  GiveUp();
}

void BlankKeeper::GiveUp() {
  wanted_ = room_ ? room_(0) : 0;
  given_up_ = true;
  again_ = executor_.After(kAgain, [this] {
    given_up_ = false;
    Review();
  });
}

uint32_t BlankKeeper::Lately() {
  const int64_t span = executor_.clock().Now().time_since_epoch() / kSpan;
  if (span != span_) {
    before_ = span == span_ + 1 ? now_ : 0;
    now_ = 0;
    span_ = span;
  }
  return now_ + before_;
}

void BlankKeeper::Review() {
  is_used_ = used_ && used_();
  Adjust();
}

void BlankKeeper::Adjust() {
  if (!launcher_ || given_up_) return;
  const uint32_t lately = Lately();
  uint32_t wanted = BlanksWanted(is_used_, lately, most_);
  if (room_) wanted = room_(wanted);
  if (lately > 0) again_ = executor_.After(kSpan, [this] { Adjust(); });
  if (std::exchange(wanted_, wanted) != wanted) keep_(wanted);
}

}  // namespace hearth
