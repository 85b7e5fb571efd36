#include <nlohmann/json.hpp>

#include "runtime/model/async_invocation.h"

namespace hearth {
namespace {

using nlohmann::json;

constexpr int kVersion = 1;

int64_t Us(WallTime time) { return time.time_since_epoch().count(); }
WallTime At(const json& document, const char* member) {
  return WallTime(microseconds(document.value(member, int64_t{0})));
}

json AttemptJson(const AsyncAttempt& attempt) {
  return {{"number", attempt.number},
          {"started_us", Us(attempt.started)},
          {"outcome", static_cast<int>(attempt.outcome)},
          {"duration_us", attempt.duration_us},
          {"billed_ms", attempt.billed_ms},
          {"version", attempt.version},
          {"error_type", attempt.error_type},
          {"error_message", attempt.error_message}};
}

AsyncAttempt AttemptOf(const json& document) {
  AsyncAttempt attempt;
  attempt.number = document.value("number", 0U);
  attempt.started = At(document, "started_us");
  attempt.outcome = static_cast<OutcomeKind>(document.value("outcome", 0));
  attempt.duration_us = document.value("duration_us", int64_t{0});
  attempt.billed_ms = document.value("billed_ms", uint64_t{0});
  attempt.version = document.value("version", "");
  attempt.error_type = document.value("error_type", "");
  attempt.error_message = document.value("error_message", "");
  return attempt;
}

json DeliveryJson(const AsyncDelivery& delivery) {
  return {{"kind", static_cast<int>(delivery.kind)},
          {"arn", delivery.arn},
          {"sent", delivery.sent},
          {"failure", delivery.failure}};
}

AsyncDelivery DeliveryOf(const json& document) {
  AsyncDelivery delivery;
  delivery.kind = static_cast<AsyncDelivery::Kind>(document.value("kind", 0));
  delivery.arn = document.value("arn", "");
  delivery.sent = document.value("sent", false);
  delivery.failure = document.value("failure", "");
  return delivery;
}

}  // namespace

std::string EncodeAsyncInvocationJson(const AsyncInvocation& one) {
  json document = {{"v", kVersion},
                   {"id", one.request_id.text()},
                   {"function", one.function},
                   {"qualifier", one.qualifier},
                   {"trigger", static_cast<int>(one.trigger)},
                   {"state", static_cast<int>(one.state)},
                   {"accepted_us", Us(one.accepted)},
                   {"queued_us", Us(one.queued)},
                   {"settled_us", Us(one.settled)},
                   {"next_attempt_us", Us(one.next_attempt)},
                   {"end", static_cast<int>(one.end)},
                   {"failures", one.failures},
                   {"attempt_base", one.attempt_base},
                   {"attempt_last", one.attempt_last},
                   {"key_hash", one.key_hash},
                   {"result_bytes", one.result_bytes},
                   {"result_kept", one.result_kept},
                   {"event_kept", one.event_kept},
                   {"attempts", json::array()},
                   {"deliveries", json::array()}};
  for (const AsyncAttempt& attempt : one.attempts) document["attempts"].push_back(AttemptJson(attempt));
  for (const AsyncDelivery& delivery : one.deliveries)
    document["deliveries"].push_back(DeliveryJson(delivery));
  return document.dump(-1, ' ', false, json::error_handler_t::replace);
}

Result<AsyncInvocation> DecodeAsyncInvocationJson(std::string_view text) {
  try {
    const json document = json::parse(text);
    if (const int version = document.at("v"); version != kVersion) {
      return Error{ErrorCode::kUnsupported, "stored invocation has version " + std::to_string(version) +
                                                "; this hearthd reads " + std::to_string(kVersion)};
    }
    AsyncInvocation one;
    one.request_id = RequestId(document.at("id").get<std::string>());
    one.function = document.at("function");
    one.qualifier = document.value("qualifier", "");
    one.trigger = static_cast<TriggerKind>(document.value("trigger", 0));
    one.state = static_cast<AsyncState>(document.value("state", 0));
    one.accepted = At(document, "accepted_us");
    one.queued = At(document, "queued_us");
    one.settled = At(document, "settled_us");
    one.next_attempt = At(document, "next_attempt_us");
    one.end = static_cast<EventEnd>(document.value("end", 0));
    one.failures = document.value("failures", 0U);
    one.attempt_base = document.value("attempt_base", 0U);
    one.attempt_last = document.value("attempt_last", 0U);
    one.key_hash = document.value("key_hash", "");
    one.result_bytes = document.value("result_bytes", uint64_t{0});
    one.result_kept = document.value("result_kept", false);
    one.event_kept = document.value("event_kept", false);
    for (const json& attempt : document.value("attempts", json::array()))
      one.attempts.push_back(AttemptOf(attempt));
    for (const json& delivery : document.value("deliveries", json::array()))
      one.deliveries.push_back(DeliveryOf(delivery));
    return one;
  } catch (const json::exception& e) {
    return Error{ErrorCode::kCorrupt, std::string("stored invocation: ") + e.what()};
  }
}

}  // namespace hearth
