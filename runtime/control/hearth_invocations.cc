#include "runtime/control/hearth_invocations.h"

#include <charconv>
#include <utility>

#include "runtime/base/json_depth.h"

namespace hearth {
namespace {

Error Unknown(const RequestId& id) {
  return {ErrorCode::kNotFound,
          "no asynchronous invocation " + id.text() + " is known: it never was, or ended too long ago"};
}

Result<int64_t> ReadNumber(std::string_view text, const char* name, int64_t least, int64_t most) {
  int64_t number = 0;
  const auto [end, failed] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (failed == std::errc() && end == text.data() + text.size() && number >= least && number <= most)
    return number;
  return Error{ErrorCode::kInvalidArgument, std::string(name) + " must be a whole number from " +
                                                std::to_string(least) + " to " + std::to_string(most)};
}

// "30s" or "30"
Result<seconds> ReadWait(std::string text) {
  if (text.empty()) return seconds(0);
  if (text.ends_with('s')) text.pop_back();
  HEARTH_ASSIGN(const int64_t longest,
                ReadNumber(text, "wait (seconds)", 0, HearthInvocations::kWaitMax.count()));
  return seconds(longest);
}

Result<std::optional<AsyncState>> ReadState(const std::string& text) {
  if (text.empty()) return std::optional<AsyncState>();
  std::string known;
  for (int number = 0; number <= static_cast<int>(AsyncState::kCancelled); ++number) {
    const auto state = static_cast<AsyncState>(number);
    if (text == NameOf(state)) return std::optional(state);
    known += (known.empty() ? "" : ", ") + std::string(NameOf(state));
  }
  return Error{ErrorCode::kInvalidArgument, "state \"" + text + "\" is none of " + known};
}

Json AttemptJson(const AsyncAttempt& attempt) {
  Json json = {
      {"attempt", attempt.number},          {"started", ToIso8601Millis(attempt.started)},
      {"outcome", NameOf(attempt.outcome)}, {"duration_ms", static_cast<double>(attempt.duration_us) / 1000},
      {"billed_ms", attempt.billed_ms},     {"version", attempt.version}};
  if (!attempt.error_type.empty()) json["error_type"] = attempt.error_type;
  if (!attempt.error_message.empty()) json["error_message"] = attempt.error_message;
  return json;
}

Json DeliveryJson(const AsyncDelivery& delivery) {
  Json json = {{"arn", delivery.arn},
               {"kind", delivery.kind == AsyncDelivery::Kind::kDeadLetter ? "dead_letter" : "destination"},
               {"state", delivery.sent              ? "sent"
                         : delivery.failure.empty() ? "waiting"
                                                    : "failed"}};
  if (!delivery.failure.empty()) json["failure"] = delivery.failure;
  return json;
}

Json InvocationJson(const AsyncInvocation& one) {
  Json json = {{"request_id", one.request_id.text()},
               {"function", one.function},
               {"qualifier", one.qualifier.empty() ? "$LATEST" : one.qualifier},
               {"trigger", NameOf(one.trigger)},
               {"state", NameOf(one.state)},
               {"accepted", ToIso8601Millis(one.accepted)},
               {"failures", one.failures},
               {"attempts", Json::array()}};
  for (const AsyncAttempt& attempt : one.attempts) json["attempts"].push_back(AttemptJson(attempt));
  for (const AsyncDelivery& delivery : one.deliveries) json["destinations"].push_back(DeliveryJson(delivery));
  if (one.state == AsyncState::kRetrying) json["next_attempt"] = ToIso8601Millis(one.next_attempt);
  if (one.state == AsyncState::kSettling || one.state == AsyncState::kSucceeded ||
      one.state == AsyncState::kFailed) {
    json["condition"] = ConditionOf(one.end);
    json["result_bytes"] = one.result_bytes;
  }
  if (HasEnded(one.state)) json["ended"] = ToIso8601Millis(one.settled);
  return json;
}

// As JSON where it is some that may be nested in ours, else as text.
Json ResultJson(const std::string& text) {
  if (NestsDeeperThan(text, kForeignJsonDepthMax)) return text;
  Json parsed = Json::parse(text, nullptr, /*allow_exceptions=*/false);
  return parsed.is_discarded() ? Json(text) : parsed;
}

RequestId IdOf(const ApiCall& call) { return RequestId(call.parameter("id")); }

}  // namespace

struct HearthInvocations::Waiter {
  ApiCallPtr call;
  RequestId id;
  InvocationBook::Wait wait;
  Timer longest;
};

HearthInvocations::HearthInvocations(InvocationBook& book, AsyncEvents& events, Executor& executor)
    : book_(book), events_(events), executor_(executor) {}

HearthInvocations::~HearthInvocations() = default;

void HearthInvocations::List(const ApiCallPtr& call) const {
  InvocationBook::Filter filter;
  filter.function = call->query("function");
  auto state = ReadState(call->query("state"));
  if (!state.ok()) return call->Fail(state.error());
  filter.state = *state;
  if (const std::string limit = call->query("limit"); !limit.empty()) {
    const auto count = ReadNumber(limit, "limit", 1, kListMax);
    if (!count.ok()) return call->Fail(count.error());
    filter.count_max = static_cast<size_t>(*count);
  }
  Json list = Json::array();
  for (const AsyncInvocation* one : book_.List(filter)) list.push_back(InvocationJson(*one));
  call->AnswerJson(200, {{"invocations", std::move(list)}});
}

void HearthInvocations::Get(const ApiCallPtr& call) {
  const RequestId id = IdOf(*call);
  const auto longest = ReadWait(call->query("wait"));
  if (!longest.ok()) return call->Fail(longest.error());
  const AsyncInvocation* one = book_.Find(id);
  if (one == nullptr) return call->Fail(Unknown(id));
  if (*longest == seconds(0) || HasEnded(one->state)) return Answer(call, id, 200);
  Wait(call, id, *longest);
}

void HearthInvocations::Answer(const ApiCallPtr& call, const RequestId& id, int status) const {
  const AsyncInvocation* one = book_.Find(id);
  if (one == nullptr) return call->Fail(Unknown(id));
  if (!one->result_kept) {
    Json json = InvocationJson(*one);
    if (one->result_bytes > 0)
      json["result_omitted"] = "over " + std::to_string(InvocationBook::kResultKeptMax) + " bytes";
    return call->AnswerJson(status, json);
  }
  book_.ReadResult(id, [call, status, json = InvocationJson(*one)](
                           const Result<std::optional<std::string>>& result) mutable {
    if (!result.ok()) return call->Fail(result.error());
    if (*result) json["result"] = ResultJson(**result);
    call->AnswerJson(status, json);
  });
}

void HearthInvocations::Wait(const ApiCallPtr& call, const RequestId& id, seconds longest) {
  if (waiters_.size() >= kWaitersMax) {
    return call->Fail(
        Error{ErrorCode::kUnavailable,
              std::to_string(kWaitersMax) + " clients wait for invocations already; ask without wait"});
  }
  const uint64_t number = next_++;
  auto& waiter = waiters_[number] = std::make_unique<Waiter>();
  waiter->call = call;
  waiter->id = id;
  waiter->wait = book_.WhenEnded(id, [weak = weak_.Get(), number] {
    if (weak) weak->EndWait(number);
  });
  waiter->longest = executor_.After(longest, [this, number] { EndWait(number); });
  call->responder().OnClientGone([weak = weak_.Get(), number] {
    if (weak) weak->waiters_.erase(number);
  });
}

void HearthInvocations::EndWait(uint64_t number) {
  const auto waiter = waiters_.extract(number);
  if (!waiter.empty()) Answer(waiter.mapped()->call, waiter.mapped()->id, 200);
}

void HearthInvocations::EndWaits() {
  while (!waiters_.empty()) EndWait(waiters_.begin()->first);
}

void HearthInvocations::Cancel(const ApiCallPtr& call) {
  const RequestId id = IdOf(*call);
  events_.Cancel(id, [weak = weak_.Get(), call, id](const Status& cancelled) {
    if (!weak) return;
    if (!cancelled.ok()) return call->Fail(cancelled.error());
    weak->Answer(call, id, 200);
  });
}

void HearthInvocations::Retry(const ApiCallPtr& call) {
  const RequestId id = IdOf(*call);
  events_.Retry(id, [weak = weak_.Get(), call, id](const Status& queued) {
    if (!weak) return;
    if (!queued.ok()) return call->Fail(queued.error());
    weak->Answer(call, id, 202);
  });
}

}  // namespace hearth
