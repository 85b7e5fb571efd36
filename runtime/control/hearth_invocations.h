#pragma once

#include <map>
#include <memory>
#include <string>

#include "runtime/base/weak_ptr.h"
#include "runtime/control/api_call.h"
#include "runtime/loop/executor.h"
#include "runtime/router/async_events.h"
#include "runtime/router/invocation_book.h"

namespace hearth {

// Asynchronous invocations by request id, which Lambda does not have:
//   GET    /_hearth/v1/invocations?function=&state=&limit=   newest first, without results
//   GET    /_hearth/v1/invocations/{id}?wait=30s             with its result; `wait`: not before it has ended, or then
//   DELETE /_hearth/v1/invocations/{id}                      it will not be tried (again)
//   POST   /_hearth/v1/invocations/{id}/retry                one that failed or was cancelled is queued again
//
// Owns:    the answers that wait.
// Borrows: everything; all outlive it. Thread: loop thread.
// Limits:  wait kWaitMax; kWaitersMax at once; a list kListMax.
class HearthInvocations final {
 public:
  static constexpr seconds kWaitMax{60};
  static constexpr size_t kWaitersMax = 1'000;
  static constexpr int64_t kListMax = 1'000;

  HearthInvocations(InvocationBook& book, AsyncEvents& events, Executor& executor);
  ~HearthInvocations();

  void List(const ApiCallPtr& call) const;
  void Get(const ApiCallPtr& call);
  void Cancel(const ApiCallPtr& call);
  void Retry(const ApiCallPtr& call);
  // Whoever waits is answered now: for a drain.
  void EndWaits();

 private:
  struct Waiter;

  void Answer(const ApiCallPtr& call, const RequestId& id, int status) const;
  void Wait(const ApiCallPtr& call, const RequestId& id, seconds longest);
  void EndWait(uint64_t number);

  InvocationBook& book_;
  AsyncEvents& events_;
  Executor& executor_;
  uint64_t next_ = 1;
  std::map<uint64_t, std::unique_ptr<Waiter>> waiters_;
  WeakPtrFactory<HearthInvocations> weak_{this};
};

}  // namespace hearth
