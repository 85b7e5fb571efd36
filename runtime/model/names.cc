#include "runtime/model/event.h"
#include "runtime/model/observers.h"
#include "runtime/model/outcome.h"
#include "runtime/model/plan.h"

namespace hearth {

std::string_view NameOf(TriggerKind kind) {
  switch (kind) {
    case TriggerKind::kDirect:
      return "direct";
    case TriggerKind::kHttp:
      return "http";
    case TriggerKind::kQueue:
      return "queue";
    case TriggerKind::kBucket:
      return "bucket";
    case TriggerKind::kSchedule:
      return "schedule";
    case TriggerKind::kTopic:
      return "topic";
  }
  return "unknown";
}

std::string_view NameOf(OutcomeKind kind) {
  switch (kind) {
    case OutcomeKind::kSuccess:
      return "success";
    case OutcomeKind::kFunctionError:
      return "function_error";
    case OutcomeKind::kTimeout:
      return "timeout";
    case OutcomeKind::kOutOfMemory:
      return "out_of_memory";
    case OutcomeKind::kCrash:
      return "crash";
    case OutcomeKind::kInitError:
      return "init_error";
    case OutcomeKind::kInitTimeout:
      return "init_timeout";
    case OutcomeKind::kThrottled:
      return "throttled";
    case OutcomeKind::kCancelled:
      return "cancelled";
    case OutcomeKind::kPlatformFault:
      return "platform_fault";
    case OutcomeKind::kInterrupted:
      return "interrupted";
    case OutcomeKind::kAborted:
      return "aborted";
  }
  return "unknown";
}

std::string_view NameOf(WorkerState state) {
  switch (state) {
    case WorkerState::kForking:
      return "forking";
    case WorkerState::kInitialising:
      return "initialising";
    case WorkerState::kIdle:
      return "idle";
    case WorkerState::kBusy:
      return "busy";
    case WorkerState::kDying:
      return "dying";
    case WorkerState::kFrozen:
      return "frozen";
    case WorkerState::kGone:
      return "gone";
  }
  return "unknown";
}

std::string_view NameOf(Plan plan) {
  switch (plan) {
    case Plan::kOnDemand:
      return "on-demand";
    case Plan::kReserved:
      return "reserved";
    case Plan::kSpot:
      return "spot";
    case Plan::kDedicated:
      return "dedicated";
  }
  return "unknown";
}

std::string_view NameOf(UsageSource source) {
  switch (source) {
    case UsageSource::kNone:
      return "none";
    case UsageSource::kCgroup:
      return "cgroup";
    case UsageSource::kRusage:
      return "rusage";
  }
  return "unknown";
}

std::string_view NameOf(InitKind kind) {
  switch (kind) {
    case InitKind::kInit:
      return "init";
    case InitKind::kRestore:
      return "restore";
    case InitKind::kSnapshot:
      return "snapshot";
  }
  return "unknown";
}

std::string_view NameOf(CrashCause cause) {
  switch (cause) {
    case CrashCause::kSignal:
      return "signal";
    case CrashCause::kExit:
      return "exit";
    case CrashCause::kOutOfMemory:
      return "out_of_memory";
    case CrashCause::kProtocol:
      return "protocol";
  }
  return "unknown";
}

bool IsBillable(OutcomeKind kind) {
  switch (kind) {
    case OutcomeKind::kSuccess:
    case OutcomeKind::kFunctionError:
    case OutcomeKind::kTimeout:
    case OutcomeKind::kOutOfMemory:
    case OutcomeKind::kCrash:
    case OutcomeKind::kInitError:
    case OutcomeKind::kInitTimeout:
    case OutcomeKind::kAborted:
      return true;
    case OutcomeKind::kThrottled:
    case OutcomeKind::kCancelled:
    case OutcomeKind::kPlatformFault:
    case OutcomeKind::kInterrupted:
      return false;
  }
  return false;
}

}  // namespace hearth
