#include "runtime/http/deadline_lists.h"

#include <algorithm>

namespace hearth::http {

DeadlineLists::Entry::Entry(DeadlineLists& lists, std::function<void(Waiting)> on_overdue)
    : lists_(lists), on_overdue_(std::move(on_overdue)) {
  auto& list = lists_.ListOf(kind_);
  place_ = list.insert(list.end(), this);
}

DeadlineLists::Entry::~Entry() { lists_.ListOf(kind_).erase(place_); }

void DeadlineLists::Entry::Enter(Waiting kind) {
  auto& list = lists_.ListOf(kind);
  list.splice(list.end(), lists_.ListOf(kind_), place_);
  kind_ = kind;
  // now_ may be an interval old.
  deadline_ = lists_.now_ + lists_.interval_ + lists_.limits_[static_cast<size_t>(kind)];
}

DeadlineLists::DeadlineLists(const Limits& limits, const Clock& clock)
    : clock_(clock),
      limits_{std::chrono::nanoseconds(0), limits.idle_timeout, limits.head_timeout, limits.body_timeout,
              limits.send_timeout},
      now_(clock.Now()) {
  const auto shortest = *std::min_element(limits_.begin() + 1, limits_.end());
  interval_ = std::clamp(std::chrono::duration_cast<std::chrono::milliseconds>(shortest / 4),
                         std::chrono::milliseconds(1), std::chrono::milliseconds(250));
}

void DeadlineLists::Sweep() {
  now_ = clock_.Now();
  for (size_t kind = 1; kind < kWaitings; ++kind) {
    auto& list = lists_[kind];
    while (!list.empty() && list.front()->deadline_ <= now_) {
      Entry& overdue = *list.front();
      overdue.Enter(Waiting::kNothing);
      overdue.on_overdue_(static_cast<Waiting>(kind));
    }
  }
}

bool DeadlineLists::empty() const {
  return std::all_of(lists_.begin(), lists_.end(), [](const auto& list) { return list.empty(); });
}

}  // namespace hearth::http
