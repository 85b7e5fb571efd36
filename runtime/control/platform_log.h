#pragma once

#include <functional>
#include <string>
#include <unordered_map>
#include <utility>

#include "runtime/base/clock.h"
#include "runtime/model/observers.h"
#include "runtime/telemetry/log_store.h"

namespace hearth {

// Puts the platform's own lines - START, END and REPORT - between what handlers log, so that a function's log reads
// as Lambda's does.
//
// Borrows: the log, the clock - both outlive it. Owned by the daemon, which adds it to the meter's observers
//          and gives it to the router.
// Thread:  loop thread.
// Limits:  a trace id for each attempt that is under way.
class PlatformLog final : public InvocationObserver {
 public:
  // The number in the ledger of the record that was appended last.
  using LastNumber = std::function<uint64_t()>;

  PlatformLog(LogStore& log, LastNumber last_number, const Clock& clock)
      : log_(log), last_number_(std::move(last_number)), clock_(clock) {}

  // What the lines are, for the log that is given to it.
  static LogStore::Options WithPlatformLines(LogStore::Options options = {});

  void OnInvocationStarted(const FunctionVersion& version, const Event& event) override;
  void OnInvocationSettled(const InvocationRecord& record) override;
  void OnThrottled(std::string_view function, std::string_view reason) override;

 private:
  LogStore& log_;
  const LastNumber last_number_;
  const Clock& clock_;
  // X-Amzn-Trace-Id of what is under way and sampled, by request id.
  std::unordered_map<std::string, std::string> traces_;
};

}  // namespace hearth
