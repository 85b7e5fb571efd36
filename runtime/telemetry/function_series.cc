#include "runtime/telemetry/function_series.h"

namespace hearth {
namespace {

constexpr double kUsPerSecond = 1e6, kMsPerSecond = 1e3, kMbMsPerGbSecond = 1'024'000;

template <class Figures>
void WriteSeen(MetricRef metric, std::string_view function, const Figures& figures, MetricWriter& out) {
  if (figures.count() > 0) out.Write(metric, {function}, figures.view());
}

void WriteInvocations(std::string_view function, const VersionSeries& version, MetricWriter& out) {
  for (size_t trigger = 0; trigger < kTriggerKinds; ++trigger) {
    for (size_t outcome = 0; outcome < kOutcomeKindCount; ++outcome) {
      const uint64_t count = version.attempts[trigger][outcome];
      if (count == 0) continue;
      out.Write("hearth_invocations_total",
                {function, version.version, NameOf(static_cast<TriggerKind>(trigger)),
                 NameOf(static_cast<OutcomeKind>(outcome))},
                static_cast<double>(count));
    }
  }
}

void WriteThrottles(std::string_view function, const FunctionSeries& series,
                    const std::vector<std::string>& reasons, MetricWriter& out) {
  for (size_t reason = 0; reason < series.throttles.size(); ++reason) {
    if (series.throttles[reason] == 0) continue;
    const std::string_view name = reason < reasons.size() ? std::string_view(reasons[reason]) : "other";
    out.Write("hearth_throttles_total", {function, name}, static_cast<double>(series.throttles[reason]));
  }
}

void WriteCrashes(std::string_view function, const FunctionSeries& series, MetricWriter& out) {
  for (size_t cause = 0; cause < kCrashCauses; ++cause) {
    if (series.crashes[cause] == 0) continue;
    out.Write("hearth_crashes_total", {function, NameOf(static_cast<CrashCause>(cause))},
              static_cast<double>(series.crashes[cause]));
  }
}

void WriteBilled(std::string_view function, const FunctionSeries& series, MetricWriter& out) {
  for (size_t i = 0; i < kPlans; ++i) {
    const auto plan = static_cast<Plan>(i);
    const BilledFigures& billed = series.billed[i];
    if (billed.requests == 0 && plan != Plan::kOnDemand) continue;
    const std::string_view name = NameOf(plan);
    out.Write("hearth_billed_duration_seconds_total", {function, name},
              static_cast<double>(billed.ms) / kMsPerSecond);
    out.Write("hearth_billed_gb_seconds_total", {function, name},
              static_cast<double>(billed.mb_ms) / kMbMsPerGbSecond);
    out.Write("hearth_billed_requests_total", {function, name}, static_cast<double>(billed.requests));
  }
}

}  // namespace

void WriteFunction(std::string_view function, const FunctionSeries& series,
                   const std::vector<std::string>& throttle_reasons, MetricWriter& out) {
  for (const VersionSeries& version : series.versions) WriteInvocations(function, version, out);
  WriteThrottles(function, series, throttle_reasons, out);
  WriteCrashes(function, series, out);
  WriteBilled(function, series, out);
  for (size_t state = 0; state < kWorkerStates; ++state) {
    out.Write("hearth_workers", {function, NameOf(static_cast<WorkerState>(state))},
              static_cast<double>(series.workers[state]));
  }
  out.Write("hearth_errors_total", {function}, static_cast<double>(series.errors));
  out.Write("hearth_timeouts_total", {function}, static_cast<double>(series.timeouts));
  out.Write("hearth_cold_starts_total", {function}, static_cast<double>(series.cold_starts));
  out.Write("hearth_reserved_spillover_total", {function}, static_cast<double>(series.reserved_spillover));
  out.Write("hearth_worker_idle_cpu_seconds_total", {function},
            static_cast<double>(series.idle_cpu_us) / kUsPerSecond);
  if (series.output_cut_bytes > 0)
    out.Write("hearth_output_cut_bytes_total", {function}, static_cast<double>(series.output_cut_bytes));
  WriteSeen("hearth_invoke_duration_seconds", function, series.invoke_duration, out);
  WriteSeen("hearth_init_duration_seconds", function, series.init_duration, out);
  WriteSeen("hearth_restore_duration_seconds", function, series.restore_duration, out);
  WriteSeen("hearth_queue_wait_seconds", function, series.queue_wait, out);
  WriteSeen("hearth_platform_overhead_seconds", function, series.overhead, out);
  WriteSeen("hearth_memory_usage_bytes", function, series.memory_usage, out);
  WriteSeen("hearth_cpu_usage_seconds", function, series.cpu_usage, out);
  WriteSeen("hearth_worker_start_seconds", function, series.worker_start, out);
}

}  // namespace hearth
