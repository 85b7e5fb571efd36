#include "triggers/queue/queue_scout.h"

#include <algorithm>
#include <set>

namespace hearth {
namespace {

// What a record adds to its body in the payload, at least.
constexpr uint64_t kRecordBytes = 500;

}  // namespace

QueueScout::QueueScout(QueueServices& services, Hooks hooks)
    : services_(services), hooks_(std::move(hooks)) {}

void QueueScout::Watch(const QueueMapping& mapping, std::shared_ptr<const FilterCriteria> criteria) {
  Stop();
  watching_ = true;
  mapping_ = mapping;
  address_ = {services_.region, services_.account, mapping.queue};
  criteria_ = std::move(criteria);
}

void QueueScout::Stop() {
  ++watch_;
  watching_ = false;
  visible_ = false;
  ready_ = 0;
  window_over_ = false;
  window_timer_.Cancel();
  spacing_timer_.Cancel();
  peek_from_ = kMayFillPayload;
  peek_not_before_ = {};
}

void QueueScout::OnVisible() {
  ++belief_;
  if (!watching_) return;
  if (looks_first()) return Look();
  visible_ = true;
  hooks_.ready();
}

void QueueScout::Claim() {
  ++claimed_;
  if (ready_ > 0) --ready_;
}

void QueueScout::Unclaim() { --claimed_; }

void QueueScout::OnReceived(uint64_t belief, size_t messages, bool full) {
  --claimed_;
  receiving_allowed_ = full ? std::min<size_t>(receiving_allowed_ * 2, 1'000) : 1;
  if (full) {
    visible_ = true;
  } else if (belief == belief_) {
    visible_ = false;
  }
  if (messages == 0) ready_ = 0;
  window_over_ = false;
  window_timer_.Cancel();
  peek_from_ = kMayFillPayload;
  if (looks_first()) Look();
}

void QueueScout::Look() {
  look_wanted_ = true;
  LookIfDue();
}

// While lanes receive what was seen, a look would see the same again.
void QueueScout::LookIfDue() {
  if (!watching_ || looking_ || !look_wanted_) return;
  if (looks_first() && (ready_ > 0 || claimed_ > 0)) return;
  look_wanted_ = false;
  looking_ = true;
  services_.queues.Statistics(mapping_.queue, [weak = weak_.Get(), watch = watch_,
                                               belief = belief_](const Result<QueueStatistics>& statistics) {
    if (weak) weak->OnStatistics(watch, belief, statistics);
  });
}

void QueueScout::OnStatistics(uint64_t watch, uint64_t belief, const Result<QueueStatistics>& statistics) {
  looking_ = false;
  if (watch != watch_) return LookIfDue();
  if (!statistics.ok()) return hooks_.failed(statistics.error().message);
  const uint64_t visible = statistics->visible;
  if (looks_first() && visible > 0) return Consider(visible);
  if (visible > 0) {
    visible_ = true;
    hooks_.ready();
  } else {
    window_timer_.Cancel();
    window_over_ = false;
    if (belief == belief_) visible_ = false;
  }
  LookIfDue();
}

// A batch begins when it is full by count or bytes, or the window is over. Only the count comes for nothing.
void QueueScout::Consider(uint64_t visible) {
  const bool full = visible >= mapping_.batch_size;
  if (window_open()) {
    ArmWindow();
    if (!filters() && full) return BecomeReady(visible / mapping_.batch_size);
    if (visible < peek_from_ && !full) return LookIfDue();
    const MonotonicTime now = services_.executor.clock().Now();
    if (now < peek_not_before_) {
      if (!spacing_timer_.armed()) {
        spacing_timer_ = services_.executor.After(peek_not_before_ - now, [this] {
          spacing_timer_.Cancel();
          Look();
        });
      }
      return LookIfDue();
    }
  } else if (!filters() && !mapping_.fifo()) {
    return BecomeReady((visible + mapping_.batch_size - 1) / mapping_.batch_size);
  }
  Peek();
}

void QueueScout::ArmWindow() {
  if (window_timer_.armed()) return;
  window_timer_ = services_.executor.After(mapping_.window, [this] {
    window_over_ = true;
    Look();
  });
}

void QueueScout::Peek() {
  looking_ = true;
  ++peeks_;
  const uint32_t asked = std::clamp(mapping_.batch_size, kPeekMin, kReceiveBatchMax);
  services_.queues.Peek(
      mapping_.queue, asked,
      [weak = weak_.Get(), watch = watch_, asked](const Result<std::vector<QueueMessage>>& seen) {
        if (weak) weak->OnPeeked(watch, asked, seen);
      });
}

void QueueScout::OnPeeked(uint64_t watch, uint32_t asked, const Result<std::vector<QueueMessage>>& messages) {
  looking_ = false;
  if (watch != watch_) return LookIfDue();
  if (!messages.ok()) return hooks_.failed(messages.error().message);
  Seen seen;
  uint64_t bytes = 0;
  std::set<std::string_view> groups;
  std::vector<std::string> unwanted;
  for (const QueueMessage& message : *messages) {
    bytes += message.body.size();
    if (filters() && !criteria_->Wants(address_, message, FilterCriteria::Seen::kPeeked)) {
      unwanted.push_back(message.message_id);
      continue;
    }
    ++seen.wanted;
    seen.bytes += message.body.size() + kRecordBytes;
    groups.insert(message.group_id);
  }
  seen.groups = groups.size();
  seen.discarded = !unwanted.empty();
  // An answer near the store's bound says nothing of what is left.
  seen.more = messages->size() >= asked || bytes >= kReceiveBytesMax / 2;
  if (unwanted.empty()) return Decide(seen);
  looking_ = true;
  services_.queues.Discard(mapping_.queue, std::move(unwanted),
                           [weak = weak_.Get(), watch, seen](const Result<uint64_t>& discarded) {
                             if (weak) weak->OnDiscarded(watch, seen, discarded);
                           });
}

void QueueScout::OnDiscarded(uint64_t watch, const Seen& seen, const Result<uint64_t>& discarded) {
  looking_ = false;
  if (discarded.ok()) filtered_ += *discarded;
  if (watch != watch_) return LookIfDue();
  if (!discarded.ok()) return hooks_.failed(discarded.error().message);
  Decide(seen);
}

void QueueScout::Decide(const Seen& seen) {
  const uint64_t batch = mapping_.batch_size;
  const bool full = seen.wanted >= batch || seen.bytes >= services_.payload_bytes_max;
  if (seen.more && seen.discarded && !full) {
    look_wanted_ = true;  // what was deleted has made room for more in the next look
    return LookIfDue();
  }
  if (seen.wanted == 0) {
    window_timer_.Cancel();  // it begins with the first message that is wanted
    window_over_ = false;
    return LookIfDue();
  }
  if (full || !window_open()) {
    // What the look did not reach may be unwanted: it is for the next look.
    const uint64_t batches =
        seen.more || window_open() ? seen.wanted / batch : (seen.wanted + batch - 1) / batch;
    // No group is in two batches at once.
    return BecomeReady(std::max<uint64_t>(1, mapping_.fifo() ? std::min(batches, seen.groups) : batches));
  }
  // As many as fill the payload if they go on like this, but not far beyond what is known.
  const uint64_t fill = seen.wanted * services_.payload_bytes_max / seen.bytes + 1;
  peek_from_ = std::max(seen.wanted + 1, std::min(fill, seen.wanted + seen.wanted / 2));
  peek_not_before_ = services_.executor.clock().Now() + kPeekSpacing;
  LookIfDue();
}

void QueueScout::BecomeReady(uint64_t batches) {
  ready_ = batches;
  hooks_.ready();
  LookIfDue();
}

}  // namespace hearth
