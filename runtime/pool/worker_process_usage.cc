#include <algorithm>
#include <utility>

#include "runtime/pool/worker_process.h"

// What a worker has used, and whose it was.

namespace hearth {

// Of events that end soon after what was read last the processor time is said to be their duration; what comes next puts that
// right. While others stand behind an event the worker may already be at them: what it has used since counts to this one
// up to its duration, and to the next otherwise. The sum is right with the last that is read after.
void WorkerProcess::TellUsage(Attempt& attempt) {
  const MonotonicTime ended = Ended();
  const bool read_soon = attempt.duration < context_.usage_known_for && state_ != WorkerState::kDying &&
                         usage_ && ended < usage_read_at_ + context_.usage_known_for;
  if (!read_soon) {
    usage_ = CurrentUsage();
    usage_read_at_ = context_.loop.clock().Now();
  }
  const bool included = ended <= usage_read_at_;
  const uint64_t since = usage_->cpu_us - std::min(usage_->cpu_us, cpu_us_before_);
  const auto took_us = static_cast<uint64_t>(std::chrono::ceil<microseconds>(attempt.duration).count());
  attempt.cpu_us = !included ? took_us : behind_.empty() ? since : std::min(since, took_us);
  cpu_us_before_ += attempt.cpu_us;
  attempt.memory_peak = Bytes{std::max(usage_->memory_peak_bytes, max_rss_kib_ << 10)};
  if (usage_->memory_peak_bytes > 0 || usage_->cpu_us > 0) {
    attempt.usage_source = UsageSource::kCgroup;
  } else if (max_rss_kib_ > 0) {
    attempt.usage_source = UsageSource::kRusage;
  }
}

bool WorkerProcess::IsIdleCpuTold() const {
  return !cpu_us_when_idle_ || stood_still_ ||
         running_->phase.began() - idle_since_ >= context_.idle_cpu_untold;
}

// Zeros where the host has no cgroups for us.
CgroupUsage WorkerProcess::CurrentUsage() {
  if (!cgroup_) return {};
  auto usage = cgroup_->Usage();
  return usage.ok() ? *usage : CgroupUsage{};
}

uint64_t WorkerProcess::CurrentCpuUs() {
  if (!cgroup_) return 0;
  const auto cpu = cgroup_->CpuUs();
  return cpu.ok() ? *cpu : 0;
}

// What it used since it became idle; it is so no more.
uint64_t WorkerProcess::TellIdleCpu(uint64_t cpu_us) {
  const uint64_t idle_us = cpu_us - std::min(cpu_us, *cpu_us_when_idle_);
  cpu_us_when_idle_.reset();
  if (idle_us == 0) return 0;
  context_.observer.OnIdleCpu(*version_, id_, idle_us);
  if (idle_us >= context_.idle_cpu_flagged_us && !std::exchange(idle_cpu_flagged_, true)) {
    log_.Tell("a worker used " + std::to_string(idle_us) +
              " us of the processor after its answer, while it had no event; threads and clean-up that "
              "outlast an answer are frozen within " +
              std::to_string(context_.idle_linger.count()) + " ms of it (told once for each worker)");
  }
  return idle_us;
}

}  // namespace hearth
