#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "runtime/base/clock.h"
#include "runtime/base/ids.h"
#include "runtime/base/units.h"
#include "runtime/model/plan.h"

namespace hearth {

// How one attempt of an invocation ended. What user code did is a value, never an Error. The numbers are in
// the ledger: append only.
enum class OutcomeKind : uint8_t {
  kSuccess = 0,
  kFunctionError = 1,  // the handler said so (threw, returned an error, answered with garbage)
  kTimeout = 2,        // the function's timeout fired; the worker was killed
  kOutOfMemory = 3,    // the worker's memory limit killed it
  kCrash = 4,          // the worker exited or was killed by a signal
  kInitError = 5,      // the handler's init failed or crashed
  kInitTimeout = 6,
  kThrottled = 7,      // never ran: no slot in time
  kCancelled = 8,      // never ran: withdrawn
  kPlatformFault = 9,  // ours: launcher gone, no memory for a worker
  kInterrupted = 10,   // open when the daemon died; recorded at the next start
  kAborted = 11,       // who waited for it went away and wanted it ended then; the worker was killed
};
std::string_view NameOf(OutcomeKind kind);

// AWS bills what ran, however it ended; what never ran or what we broke is not billed (billing
// reference 1.7).
bool IsBillable(OutcomeKind kind);

// All measured by hearthd, never by the worker.
struct Usage {
  nanoseconds init{0};      // init frame to ready frame; 0 unless this attempt was billed for a worker's init
  nanoseconds duration{0};  // invoke frame to complete answer, or to the end of the worker
  nanoseconds queued{0};    // accepted to invoke frame, without init: shown, never billed
  bool cold = false;        // a worker was made for this attempt
  uint64_t cpu_us = 0;      // cgroup, else rusage, else 0
  Bytes memory_peak{0};     // cgroup, else rusage, else 0
  uint64_t idle_cpu_us = 0;                 // used by the worker between its answer before and this attempt
  UsageSource source = UsageSource::kNone;  // of cpu_us and memory_peak
};

struct FunctionErrorDetail {
  std::string type;  // "std::runtime_error", "Runtime.ExitError", "Sandbox.Timedout"
  std::string message;
  std::string stack_json;  // JSON array of strings, or ""
};

struct Outcome {
  OutcomeKind kind = OutcomeKind::kPlatformFault;
  std::string executed_version;  // "$LATEST" or a number; "" when nothing ran
  std::string content_type;
  std::string payload;        // the answer, for kSuccess
  FunctionErrorDetail error;  // for everything else
  Usage usage;
  uint64_t billed_ms = 0;
  Bytes memory_limit{0};
  WallTime started{};    // when the attempt began to run, wall clock
  std::string log_tail;  // last 4 KiB of its log, if asked for

  bool ok() const { return kind == OutcomeKind::kSuccess; }
};

// The JSON body that Lambda answers for a failed invocation: errorType, errorMessage, requestId, stackTrace.
std::string FunctionErrorJson(const Outcome& outcome, const RequestId& request_id);

}  // namespace hearth
