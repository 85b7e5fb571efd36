#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "runtime/base/clock.h"
#include "runtime/base/ids.h"
#include "runtime/base/result.h"
#include "runtime/model/event.h"
#include "runtime/model/outcome.h"

namespace hearth {

// Of what is kept of one: older attempts and longer messages are left out.
inline constexpr size_t kAttemptsShownMax = 10;
inline constexpr size_t kAttemptMessageBytesMax = 1024;

//               +---------------- attempt failed -----------------+
//               v                                                 |
// accepted -> kQueued ------> kRunning --+--> kSettling --> kSucceeded | kFailed
//               |  ^             ^       +--> kRetrying -> kRunning
//               |  +-- retried --|------------ kFailed, kCancelled
//               +--> kCancelled <+-- kRetrying
enum class AsyncState : uint8_t {
  kQueued = 0,
  kRunning = 1,   // in memory only: a restart finds it queued or waiting to be retried
  kRetrying = 2,  // failed, and waits for its next attempt
  kSettling = 3,  // has ended, and its destinations have not all heard of it
  kSucceeded = 4,
  kFailed = 5,
  kCancelled = 6,
};
std::string_view NameOf(AsyncState state);
inline bool HasEnded(AsyncState state) { return state >= AsyncState::kSucceeded; }

// Why an event will not be tried (again).
enum class EventEnd : uint8_t {
  kSuccess = 0,
  kRetriesExhausted = 1,
  kEventAgeExceeded = 2,
  kFunctionOff = 3,  // reserved concurrency 0
  kVersionGone = 4,  // what it was sent to has been deleted
};
// Lambda's word in a destination's document: "Success", "RetriesExhausted", "EventAgeExceeded".
std::string_view ConditionOf(EventEnd end);

struct AsyncAttempt {
  uint32_t number = 0;  // as in the ledger
  WallTime started{};
  OutcomeKind outcome = OutcomeKind::kPlatformFault;
  int64_t duration_us = 0;
  uint64_t billed_ms = 0;
  std::string version{};
  std::string error_type{};
  std::string error_message{};
};

// Somebody who is to hear how an event ended.
struct AsyncDelivery {
  enum class Kind : uint8_t { kDestination = 0, kDeadLetter = 1 };
  Kind kind = Kind::kDestination;
  std::string arn{};
  bool sent = false;
  std::string failure{};  // why it never will be
};

// What is known of one asynchronous invocation, while it lasts and for a time after.
struct AsyncInvocation {
  RequestId request_id{};
  std::string function{};
  std::string qualifier{};
  TriggerKind trigger = TriggerKind::kDirect;
  AsyncState state = AsyncState::kQueued;
  WallTime accepted{};
  WallTime queued{};                     // accepted, or sent to be tried again: its age counts from here
  WallTime settled{};                    // when it ended
  WallTime next_attempt{};               // not before; while it waits to be retried
  EventEnd end = EventEnd::kSuccess;     // once it has ended or settles
  uint32_t failures = 0;                 // attempts that failed by the function's doing, since it was queued
  uint32_t attempt_base = 0;             // attempts before it was queued the last time
  uint32_t attempt_last = 0;             // the highest number that is known to have ended
  std::vector<AsyncAttempt> attempts{};  // the last kAttemptsShownMax
  std::vector<AsyncDelivery> deliveries{};
  std::string key_hash{};     // of its idempotency key
  uint64_t result_bytes = 0;  // of the answer, or of the error's JSON
  bool result_kept = false;   // it was not too large, and no crash took it
  bool event_kept = false;    // it can be tried again
};

void AddAttempt(AsyncInvocation& invocation, uint32_t number, const Outcome& outcome);

// Stored form, version 1. Unknown keys are kept out, missing ones take their default.
std::string EncodeAsyncInvocationJson(const AsyncInvocation& invocation);
Result<AsyncInvocation> DecodeAsyncInvocationJson(std::string_view json);

}  // namespace hearth
