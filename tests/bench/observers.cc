// What the observers of an invocation cost in-process; observers.py drives it. One JSON object on stdout, ns an invocation.
//
//   metrics COUNT       all that metrics hear of a warm invocation: its begin, its record, its overhead, two changes of its worker
//   logs COUNT          START, END and REPORT of it kept, in a log that is full: the oldest go
//   line COUNT          the same with one line of the handler's
//   pread FILE COUNT    one reading of a file of a cgroup, as the metering of an invocation makes two
//   poll COUNT          has the worker printed anything? Asked of three descriptors, of which none has
//   unread COUNT        the same as the worker asks it of itself: what lies unread in its two pipes?
#include <fcntl.h>
#include <poll.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <functional>
#include <string>
#include <vector>

#include "runtime/base/check.h"
#include "runtime/base/clock.h"
#include "runtime/base/random.h"
#include "runtime/control/platform_log.h"
#include "runtime/loop/loop.h"
#include "runtime/telemetry/log_store.h"
#include "runtime/telemetry/metrics.h"

namespace hearth {
namespace {

constexpr size_t kBatch = 1'000;
constexpr size_t kPrepared =
    1'024;  // few enough to stay in the processor's cache, as a request's own record does

// Of batches of `one` the median, so that it does not count who else was given the processor meanwhile.
double NanosecondsEach(size_t count, const std::function<void(size_t)>& one) {
  const SystemClock clock;
  std::vector<double> batches;
  for (size_t done = 0; done < count || batches.empty(); done += kBatch) {
    const MonotonicTime began = clock.Now();
    for (size_t i = 0; i < kBatch; ++i) one(done + i);
    batches.push_back(static_cast<double>((clock.Now() - began).count()) / kBatch);
  }
  const auto middle = batches.begin() + static_cast<std::ptrdiff_t>(batches.size() / 2);
  std::nth_element(batches.begin(), middle, batches.end());
  return *middle;
}

struct Invocation {
  Event event;
  InvocationRecord record;
};

FunctionVersion Version() {
  FunctionVersion version;
  version.function = "resize";
  version.version = "$LATEST";
  return version;
}

std::vector<Invocation> Prepared(const FunctionVersion& version) {
  SystemRandom random;
  std::vector<Invocation> invocations(kPrepared);
  for (Invocation& one : invocations) {
    one.record.request_id = MakeUuid(random);
    one.record.function = version.function;
    one.record.version = version.version;
    one.record.trigger = TriggerKind::kHttp;
    one.record.duration_ns = 80'000;
    one.record.billed_ms = 1;
    one.record.memory_mib = 128;
    one.record.memory_peak_kib = 5'000;
    one.record.cpu_us = 70;
    one.record.usage_source = UsageSource::kCgroup;
    one.event.request_id = RequestId(one.record.request_id);
    one.event.function = version.function;
    one.event.trace_id =
        "Root=1-5759e988-bd862e3fe1be46a994272793";  // not sampled, as where no header asks for it
  }
  return invocations;
}

double MetricsCost(size_t count) {
  const SystemClock clock;
  const std::unique_ptr<Loop> loop = std::move(Loop::Create(clock)).value();
  Metrics metrics(*loop);
  const FunctionVersion version = Version();
  const std::vector<Invocation> prepared = Prepared(version);
  metrics.OnWorkerState(version, WorkerId(1), WorkerState::kForking, WorkerState::kForking);
  metrics.OnWorkerState(version, WorkerId(1), WorkerState::kForking, WorkerState::kIdle);
  return NanosecondsEach(count, [&](size_t i) {
    const Invocation& one = prepared[i % kPrepared];
    metrics.OnWorkerState(version, WorkerId(1), WorkerState::kIdle, WorkerState::kBusy);
    metrics.OnInvocationStarted(version, one.event);
    metrics.OnInvocationSettled(one.record);
    metrics.OnWorkerState(version, WorkerId(1), WorkerState::kBusy, WorkerState::kIdle);
    metrics.OnOverhead(version.function, nanoseconds(12'000));
  });
}

double LogsCost(size_t count, bool with_line) {
  const SystemClock clock;
  LogStore store(PlatformLog::WithPlatformLines());
  uint64_t number = 0;
  PlatformLog log(
      store, [&] { return number; }, clock);
  const FunctionVersion version = Version();
  const std::vector<Invocation> prepared = Prepared(version);
  const auto invocation = [&](size_t i) {
    const Invocation& one = prepared[i % kPrepared];
    log.OnInvocationStarted(version, one.event);
    if (with_line) {
      HandlerLogLine line;
      line.function = version.function;
      line.version = version.version;
      line.request_id = one.record.request_id;
      line.time = clock.WallNow();
      line.message = "hello from 127.0.0.1";
      store.OnHandlerLog(line);
    }
    ++number;
    log.OnInvocationSettled(one.record);
  };
  uint64_t held = 0;
  for (size_t i = 0; held == 0 || store.bytes_held() > held; ++i) {  // until one in makes others go
    held = store.bytes_held();
    invocation(i);
  }
  return NanosecondsEach(count, invocation);
}

double PreadCost(const char* path, size_t count) {
  const int file = open(path, O_RDONLY | O_CLOEXEC);
  CHECK_TRUE(file >= 0);
  char text[512];
  return NanosecondsEach(count, [&](size_t) { CHECK_TRUE(pread(file, text, sizeof text, 0) > 0); });
}

double PollCost(size_t count) {
  pollfd asked[3];
  for (pollfd& one : asked) {
    int ends[2];
    CHECK_TRUE(pipe(ends) == 0);
    one = {ends[0], POLLIN, 0};
  }
  return NanosecondsEach(count, [&](size_t) { CHECK_TRUE(poll(asked, 3, 0) == 0); });
}

double UnreadCost(size_t count) {
  int out[2], err[2];
  CHECK_TRUE(pipe(out) == 0 && pipe(err) == 0);
  return NanosecondsEach(count, [&](size_t) {
    for (const int end : {out[1], err[1]}) {
      int bytes = -1;
      CHECK_TRUE(ioctl(end, FIONREAD, &bytes) == 0 && bytes == 0);
    }
  });
}

}  // namespace
}  // namespace hearth

int main(int argc, char** argv) {
  const std::string what = argc > 2 ? argv[1] : "";
  const size_t count = std::strtoull(argv[argc - 1], nullptr, 10);
  double ns = 0;
  if (what == "metrics") {
    ns = hearth::MetricsCost(count);
  } else if (what == "logs" || what == "line") {
    ns = hearth::LogsCost(count, what == "line");
  } else if (what == "pread" && argc == 4) {
    ns = hearth::PreadCost(argv[2], count);
  } else if (what == "poll") {
    ns = hearth::PollCost(count);
  } else if (what == "unread") {
    ns = hearth::UnreadCost(count);
  } else {
    return 2;
  }
  std::printf("{\"what\": \"%s\", \"ns_each\": %.1f}\n", what.c_str(), ns);
}
