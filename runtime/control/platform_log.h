#pragma once

#include "runtime/model/observers.h"

namespace hearth {

// Writes the platform's own lines - START, END and REPORT - between what handlers log, so that a function's
// log reads as Lambda's does.
//
// Borrows: the log, the clock - both outlive it. Owned by the daemon, which adds it to the meter's observers
//          and gives it to the router.
// Thread:  loop thread.
class PlatformLog final : public InvocationObserver {
 public:
  PlatformLog(HandlerLogObserver& log, const Clock& clock) : log_(log), clock_(clock) {}

  void OnInvocationStarted(const FunctionVersion& version, const Event& event) override;
  void OnInvocationSettled(const InvocationRecord& record) override;
  void OnThrottled(std::string_view function, std::string_view reason) override;

 private:
  void Write(std::string_view function, std::string_view version, std::string_view request_id,
             std::string_view line);

  HandlerLogObserver& log_;
  const Clock& clock_;
};

}  // namespace hearth
