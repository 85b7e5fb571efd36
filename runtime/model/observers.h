#pragma once

#include <string_view>

#include "runtime/base/ids.h"
#include "runtime/model/event.h"
#include "runtime/model/function.h"
#include "runtime/model/invocation_record.h"

namespace hearth {

// Metrics and logs watch through these; nothing that money or correctness hangs on does. All on the loop's
// thread; an observer does not call back into what it observes.

// kFrozen: idle, and none of its threads can run until its next event.
enum class WorkerState : uint8_t { kForking, kInitialising, kIdle, kBusy, kDying, kFrozen, kGone };
std::string_view NameOf(WorkerState state);

// How a worker died under an attempt, its init included. What a time limit ended is no crash.
enum class CrashCause : uint8_t { kSignal, kExit, kOutOfMemory, kProtocol };
inline constexpr size_t kCrashCauses = static_cast<size_t>(CrashCause::kProtocol) + 1;
std::string_view NameOf(CrashCause cause);

class PoolObserver {
 public:
  virtual ~PoolObserver() = default;
  virtual void OnWorkerState(const FunctionVersion& version, WorkerId worker, WorkerState from,
                             WorkerState to) = 0;
  virtual void OnWorkerStarted(const FunctionVersion& version, nanoseconds request_to_started) = 0;
  // What the worker used of the processor although it had no event: told with its next event, and at its end.
  // Each microsecond is told once, or not at all: what is used within a millisecond of an answer, before the next
  // event, is in that event's record.
  virtual void OnIdleCpu(const FunctionVersion& version, WorkerId worker, uint64_t cpu_us) = 0;
  virtual void OnWorkerCrashed(const FunctionVersion& version, CrashCause cause) {
    (void)version, (void)cause;
  }
  // Of what it printed and logged in one attempt, this was over what is kept of one.
  virtual void OnOutputCut(const FunctionVersion& version, uint64_t bytes) { (void)version, (void)bytes; }
};

// What a handler wrote, line by line: levels 0 trace .. 5 fatal; kStdout and kStderr for raw output.
enum class LogSource : uint8_t { kHandler, kStdout, kStderr, kPlatform };

struct HandlerLogLine {
  std::string_view function;
  std::string_view version;
  std::string_view request_id;  // "" outside an invocation (init)
  WallTime time{};
  LogSource source = LogSource::kHandler;
  uint8_t level = 2;
  std::string_view message;
  std::string_view fields_json;  // a JSON object, or ""
};

class HandlerLogObserver {
 public:
  virtual ~HandlerLogObserver() = default;
  virtual void OnHandlerLog(const HandlerLogLine& line) = 0;
};

class InvocationObserver {
 public:
  virtual ~InvocationObserver() = default;
  virtual void OnInvocationStarted(const FunctionVersion& version, const Event& event) = 0;
  // After the record is in the ledger.
  virtual void OnInvocationSettled(const InvocationRecord& record) = 0;
  virtual void OnThrottled(std::string_view function, std::string_view reason) = 0;
  // What of an attempt's time was ours: from accepted to told, without the wait for a worker, init and handler.
  virtual void OnOverhead(std::string_view function, nanoseconds overhead) { (void)function, (void)overhead; }
  // An event of a function with reserved workers ran on demand: they were all busy.
  virtual void OnReservedSpillover(const FunctionVersion& version) { (void)version; }
};

}  // namespace hearth
