#pragma once

#include <functional>
#include <string>

#include "runtime/loop/outbox.h"
#include "runtime/model/observers.h"

namespace hearth {

// What a loop beside the first sees of invocations, workers and handlers' output, told to the first loop's observers, in
// order. Versions are told by generation: the first loop has its own objects of them.
//
// Thread: that of its loop; what it puts into the outbox runs on the first.
class LoopReports final : public InvocationObserver, public PoolObserver, public HandlerLogObserver {
 public:
  // On the first loop.
  class Reader {
   public:
    virtual ~Reader() = default;
    virtual const FunctionVersion* VersionOf(uint64_t generation) const = 0;  // null: nobody has it any more
    virtual InvocationObserver& invocations() = 0;
    virtual PoolObserver& pools() = 0;
    virtual HandlerLogObserver& logs() = 0;
  };

  LoopReports(Outbox& first_loop, Reader& reader) : out_(first_loop), reader_(reader) {}

  void OnInvocationStarted(const FunctionVersion& version, const Event& event) override;
  void OnInvocationSettled(const InvocationRecord&) override {}  // the first loop's meter tells
  void OnThrottled(std::string_view function, std::string_view reason) override;
  void OnOverhead(std::string_view function, nanoseconds overhead) override;
  void OnReservedSpillover(const FunctionVersion&) override {}  // told where it is lent
  // What is lent is busy, to the first loop.
  void OnWorkerState(const FunctionVersion&, WorkerId, WorkerState, WorkerState) override {}
  void OnWorkerStarted(const FunctionVersion&, nanoseconds) override {}  // made on the first loop
  void OnIdleCpu(const FunctionVersion& version, WorkerId worker, uint64_t cpu_us) override;
  void OnWorkerCrashed(const FunctionVersion& version, CrashCause cause) override;
  void OnOutputCut(const FunctionVersion& version, uint64_t bytes) override;
  void OnHandlerLog(const HandlerLogLine& line) override;

 private:
  void OfVersion(const FunctionVersion& version,
                 std::function<void(Reader& reader, const FunctionVersion& version)> tell);

  Outbox& out_;
  Reader& reader_;
};

}  // namespace hearth
