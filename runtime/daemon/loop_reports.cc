#include "runtime/daemon/loop_reports.h"

#include <utility>

namespace hearth {

void LoopReports::OfVersion(const FunctionVersion& version,
                            std::function<void(Reader&, const FunctionVersion&)> tell) {
  out_.Put([&reader = reader_, generation = version.generation, tell = std::move(tell)] {
    if (const FunctionVersion* theirs = reader.VersionOf(generation)) tell(reader, *theirs);
  });
}

void LoopReports::OnInvocationStarted(const FunctionVersion& version, const Event& event) {
  Event told;
  told.request_id = event.request_id;
  told.function = event.function;
  told.trigger = event.trigger;
  told.trace_id = event.trace_id;
  OfVersion(version, [told = std::move(told)](Reader& reader, const FunctionVersion& theirs) {
    reader.invocations().OnInvocationStarted(theirs, told);
  });
}

void LoopReports::OnThrottled(std::string_view function, std::string_view reason) {
  out_.Put([&reader = reader_, function = std::string(function), reason = std::string(reason)] {
    reader.invocations().OnThrottled(function, reason);
  });
}

void LoopReports::OnOverhead(std::string_view function, nanoseconds overhead) {
  out_.Put([&reader = reader_, function = std::string(function), overhead] {
    reader.invocations().OnOverhead(function, overhead);
  });
}

void LoopReports::OnIdleCpu(const FunctionVersion& version, WorkerId worker, uint64_t cpu_us) {
  OfVersion(version, [worker, cpu_us](Reader& reader, const FunctionVersion& theirs) {
    reader.pools().OnIdleCpu(theirs, worker, cpu_us);
  });
}

void LoopReports::OnWorkerCrashed(const FunctionVersion& version, CrashCause cause) {
  OfVersion(version, [cause](Reader& reader, const FunctionVersion& theirs) {
    reader.pools().OnWorkerCrashed(theirs, cause);
  });
}

void LoopReports::OnOutputCut(const FunctionVersion& version, uint64_t bytes) {
  OfVersion(version, [bytes](Reader& reader, const FunctionVersion& theirs) {
    reader.pools().OnOutputCut(theirs, bytes);
  });
}

void LoopReports::OnHandlerLog(const HandlerLogLine& line) {
  struct Owned {
    std::string function, version, request_id, message, fields_json;
  };
  Owned owned{std::string(line.function), std::string(line.version), std::string(line.request_id),
              std::string(line.message), std::string(line.fields_json)};
  out_.Put([&reader = reader_, owned = std::move(owned), time = line.time, source = line.source,
            level = line.level] {
    reader.logs().OnHandlerLog({owned.function, owned.version, owned.request_id, time, source, level,
                                owned.message, owned.fields_json});
  });
}

}  // namespace hearth
