#include "runtime/control/hearth_queues.h"

#include <charconv>

#include "runtime/control/sqs_message_attributes.h"

namespace hearth {
namespace {

Json QueueJson(const QueueDescription& queue, const QueueStatistics& statistics) {
  return {{"name", queue.name},
          {"fifo", queue.settings.kind == QueueKind::kFifo},
          {"visible", statistics.visible},
          {"in_flight", statistics.in_flight},
          {"delayed", statistics.delayed},
          {"oldest_age_ms", statistics.oldest_age.count()},
          {"sent", statistics.sent},
          {"received", statistics.received},
          {"deleted", statistics.deleted},
          {"dead_lettered", statistics.dead_lettered},
          {"visibility_timeout_s", queue.settings.visibility_timeout.count()},
          {"dead_letter_queue", queue.settings.dead_letter_queue},
          {"receives_max", queue.settings.receives_max}};
}

Result<int64_t> PeekCount(const std::string& text) {
  if (text.empty()) return int64_t{1};
  int64_t count = 0;
  const auto [end, failed] = std::from_chars(text.data(), text.data() + text.size(), count);
  if (failed == std::errc() && end == text.data() + text.size() && count >= 1 &&
      count <= HearthQueues::kPeekMax)
    return count;
  return Error{ErrorCode::kInvalidArgument,
               "max must be a whole number from 1 to " + std::to_string(HearthQueues::kPeekMax)};
}

}  // namespace

struct HearthQueues::Listing {
  ApiCallPtr call;
  std::vector<QueueDescription> queues;
  std::optional<QueueFigures> before{};
  QueueFigures now{};
  Timer timer{};
};

void HearthQueues::TakeFigures(std::function<void(Result<QueueFigures>)> done) {
  queues_.AllStatistics([weak = weak_.Get(), done = std::move(done)](
                            Result<std::vector<std::pair<std::string, QueueStatistics>>> all) {
    if (!weak) return;
    if (!all.ok()) return done(all.error());
    done(QueueFigures{std::move(all).value(), weak->executor_.clock().Now()});
  });
}

void HearthQueues::List(const ApiCallPtr& call) {
  const bool rates = call->query("rates") == "1";
  queues_.List([weak = weak_.Get(), call, rates](Result<std::vector<QueueDescription>> queues) {
    if (!weak) return;
    if (!queues.ok()) return call->Fail(queues.error());
    auto listing = std::make_shared<Listing>(Listing{call, std::move(queues).value()});
    weak->TakeFigures([weak, listing, rates](Result<QueueFigures> figures) {
      if (!figures.ok()) return listing->call->Fail(figures.error());
      listing->now = std::move(figures).value();
      if (!rates || listing->queues.empty()) return Answer(*listing);
      weak->WithRates(listing);
    });
  });
}

void HearthQueues::WithRates(const std::shared_ptr<Listing>& listing) {
  const auto age = before_ ? listing->now.taken - before_->taken : std::chrono::nanoseconds(0);
  if (age >= kRateSpan && age <= kRateSpanMax) {
    listing->before = std::exchange(before_, listing->now);
    return Answer(*listing);
  }
  // The figures of a moment ago are kept, so that asking twice in a row waits once.
  if (!before_ || age > kRateSpanMax) before_ = listing->now;
  waiting_.insert(listing);
  listing->timer =
      executor_.After(kRateSpan, [weak = weak_.Get(), waiting = std::weak_ptr<Listing>(listing)] {
        const auto now = waiting.lock();
        if (!weak || !now) return;
        weak->waiting_.erase(now);
        now->before = std::move(now->now);
        weak->TakeFigures([now](Result<QueueFigures> figures) {
          if (!figures.ok()) return now->call->Fail(figures.error());
          now->now = std::move(figures).value();
          Answer(*now);
        });
      });
}

void HearthQueues::Answer(const Listing& listing) {
  Json out = Json::array();
  for (const QueueDescription& queue : listing.queues) {
    // One that was removed meanwhile is left out.
    const QueueStatistics* statistics = listing.now.Find(queue.name);
    if (!statistics) continue;
    Json one = QueueJson(queue, *statistics);
    if (listing.before) {
      const QueueRates rates = RatesBetween(*listing.before, listing.now, queue.name).value_or(QueueRates());
      one["sent_per_s"] = rates.sent_per_s;
      one["received_per_s"] = rates.received_per_s;
      one["deleted_per_s"] = rates.deleted_per_s;
    }
    out.push_back(std::move(one));
  }
  listing.call->AnswerJson(200, {{"queues", std::move(out)}});
}

void HearthQueues::Peek(const ApiCallPtr& call) {
  const auto count = PeekCount(call->query("max"));
  if (!count.ok()) return call->Fail(count.error());
  queues_.Peek(call->parameter("name"), static_cast<uint32_t>(*count),
               [call, identity = identity_](const Result<std::vector<QueueMessage>>& messages) {
                 if (!messages.ok()) return call->Fail(messages.error());
                 Json out = Json::array();
                 for (const QueueMessage& message : *messages) {
                   Json one = ReceivedMessageJson(identity, message, {{"All"}, {"All"}});
                   one.erase("ReceiptHandle");  // nothing is leased
                   out.push_back(std::move(one));
                 }
                 call->AnswerJson(200, {{"Messages", std::move(out)}});
               });
}

}  // namespace hearth
