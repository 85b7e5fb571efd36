#pragma once

#include <string>

#include "runtime/base/units.h"
#include "runtime/loop/loop.h"
#include "runtime/model/response_stream.h"
#include "runtime/pool/busy_lanes.h"
#include "runtime/pool/host_calls.h"
#include "runtime/pool/idle_freezer.h"
#include "runtime/pool/worker.h"
#include "runtime/pool/worker_log.h"

namespace hearth {

// Limits of all workers of a daemon, whatever loop they belong to.
struct WorkerSettings {
  uint64_t response_bytes_max = 6'291'556;  // Lambda's synchronous limit
  milliseconds init_limit{10'000};          // Lambda's limit of the INIT phase
  milliseconds start_limit{10'000};         // fork asked for to Started
  uint64_t zygote_forks_max = 10'000;       // of one zygote; then another takes its place
  // Of the 100 ms within which a caller hears that its worker has died: from the first word of a crash report, whose
  // names have 50 ms, and from the end of the channel until init says how the process ended. What takes longer is done
  // without.
  milliseconds crash_report_wait{60};
  milliseconds exit_status_wait{60};
  milliseconds idle_linger = kIdleLingerMax;  // from a worker's answer until it is frozen
  // Idle processor time before one event that is worth a line in the function's log. What an honest worker
  // needs to tidy up after an answer is some 10 us.
  uint64_t idle_cpu_flagged_us = 1'000;
  // An event that comes sooner than this after the last answer counts as its own what the worker did between: to
  // ask for it would cost more than it is.
  milliseconds idle_cpu_untold{1};
  // What a worker has used is read with an answer, but not again so soon after that: what a short event uses until then is
  // guessed, and put right with the next that is read.
  milliseconds usage_known_for{1};
  uint64_t stream_bytes_max = kStreamBytesMax;
  uint64_t call_bytes_max = 6'291'556;  // of a call's payload; more is told by whom `calls` asks
  // An event that is still under way after so long gives up those behind it.
  milliseconds hold_up_max{2};
  uint32_t short_events_worth_lane = 16;  // one after the other, while it is awake
  // Of what one attempt prints and logs; what is over it is counted, and not kept.
  uint64_t output_bytes_max = 1u << 20;
};

// The settings, and what all workers of one loop share. Outlives them.
struct WorkerContext : WorkerSettings {
  WorkerContext(Loop& of_loop, HandlerLogObserver& told_logs, PoolObserver& told,
                const WorkerSettings& settings)
      : WorkerSettings(settings), loop(of_loop), logs(told_logs), observer(told) {}

  Loop& loop;
  HandlerLogObserver& logs;
  PoolObserver& observer;
  // Runs functions for handlers that call them; outlives the workers. None: each call is refused.
  HostCalls* calls = nullptr;
  // Of the same loop; outlives the workers. None: everything goes through the channels.
  BusyLanes* lanes = nullptr;
  uint32_t body_windows_left = 64;  // to be made: those that are there at a time take up to 2 MiB each
  std::string frame_buffer;         // the memory of the frame that is being sent
  std::string answer_buffer;        // and of the one that was taken out of a lane
};

}  // namespace hearth
