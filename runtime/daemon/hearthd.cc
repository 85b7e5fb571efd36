// hearthd: runs functions when HTTP requests, queue messages and files ask for them.

#include <signal.h>

#include <cstdio>

#include "runtime/base/heap.h"
#include "runtime/daemon/config.h"
#include "runtime/daemon/daemon.h"
#include "runtime/loop/signal_watch.h"

namespace hearth {
namespace {

// As documented in docs/configuration.md.
constexpr int kExitOk = 0, kExitFailed = 1, kExitUsage = 2;

int Run(const Config& config) {
  KeepHeapForBodies();
  SystemClock clock;
  TextLog log(2, clock, config.log_level);
  auto loop = Loop::Create(clock);
  if (!loop.ok()) {
    log.Error(loop.error().message);
    return kExitFailed;
  }
  auto daemon = Daemon::Open(config, **loop, log);
  if (!daemon.ok()) {
    log.Error("hearthd cannot start: " + daemon.error().message);
    return kExitFailed;
  }
  int exit_code = kExitOk;
  bool working = false, stopping = false;
  const auto stop = [&] {
    if (std::exchange(stopping, true)) return;
    if (!working) return (*loop)->Stop();  // still starting: nothing is under way
    (*daemon)->Stop([&] { (*loop)->Stop(); });
  };
  auto on_term = SignalWatch::Create(**loop, SIGTERM, stop);
  auto on_interrupt = SignalWatch::Create(**loop, SIGINT, stop);
  (*daemon)->Start([&](Status started) {
    working = started.ok();
    if (working) return;
    log.Error("hearthd cannot start: " + started.error().message);
    exit_code = kExitFailed;
    (*loop)->Stop();
  });
  (*loop)->Run();
  if (exit_code == kExitOk) log.Info("stopped");
  daemon->reset();
  return exit_code;
}

}  // namespace
}  // namespace hearth

int main(int argc, char** argv) {
  const auto parsed = hearth::ParseCommandLine({argv + 1, argv + argc});
  if (!parsed.ok()) {
    std::fprintf(stderr, "hearthd: %s\n", parsed.error().message.c_str());
    return hearth::kExitUsage;
  }
  switch (parsed->action) {
    case hearth::ConfigAction::kShowHelp:
      std::fputs(hearth::ConfigHelp().c_str(), stdout);
      return hearth::kExitOk;
    case hearth::ConfigAction::kShowVersion:
      std::puts("hearthd " HEARTH_VERSION);
      return hearth::kExitOk;
    case hearth::ConfigAction::kRun:
      return hearth::Run(parsed->config);
  }
}
