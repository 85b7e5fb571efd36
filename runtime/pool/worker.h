#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>

#include "runtime/base/ids.h"
#include "runtime/base/result.h"
#include "runtime/model/event.h"
#include "runtime/model/function.h"
#include "runtime/model/observers.h"
#include "runtime/model/outcome.h"
#include "runtime/pool/capacity_plan.h"
#include "runtime/pool/worker_death.h"

namespace hearth {

// What one worker did with one event. Everything in it was measured or judged by hearthd.
struct Attempt {
  OutcomeKind kind = OutcomeKind::kPlatformFault;
  std::string content_type;
  std::string payload;        // for kSuccess
  FunctionErrorDetail error;  // for everything else
  MonotonicTime began{};  // when the worker got its first frame for this event: Init if that was still to do,
                          // else Invoke
  uint64_t streamed_bytes = 0;  // of the answer, that went before `payload`
  nanoseconds init{0};          // of this worker, in the attempt that pays for it
  nanoseconds duration{0};
  bool cold = false;  // the worker's first event
  // False: the worker went before it had read the event, as far as the kernel knows; nothing of it has run. The rest is
  // how to tell it if it is not run again.
  bool delivered = true;
  // False: it was handed over ahead of its turn, and the turn never came. Nothing of it has run, and it goes to another
  // worker; nothing else in here says anything.
  bool its_turn_came = true;
  bool prefetched =
      false;  // its turn came when the worker had answered the event before: nobody had to be woken
  // How long the worker was at it by its own word, without its way there and back: for guesses alone, never for bills.
  std::optional<nanoseconds> occupied;
  uint64_t cpu_us = 0;
  Bytes memory_peak{0};
  uint64_t idle_cpu_us = 0;  // used between the answer before and this attempt
  UsageSource usage_source = UsageSource::kNone;
};

// Where a worker is in its life, since when, and what brought it there.
struct WorkerLife {
  WorkerState state = WorkerState::kForking;
  MonotonicTime since{};
  std::string why;
};

// A worker that is on its way from one loop to another: nothing watches it.
class WorkerKit {
 public:
  virtual ~WorkerKit() = default;
};

// What its init, or the end of its sandbox, tells of a worker.
struct WorkerNews {
  std::optional<WorkerDeath> exited;
  uint64_t max_rss_kib = 0;
  std::string sandbox_gone;  // why, if it is that
};

// One confined process that runs a function's handler, one event at a time.
//
// Owned by the warm pool or by a lease of it. Destroying it kills the process.
// Thread:  loop thread; callbacks run later, never inside the call; it may be destroyed inside any of them.
class Worker {
 public:
  using OnAttempt = std::function<void(Attempt)>;

  virtual ~Worker() = default;
  virtual WorkerId id() const = 0;
  virtual WorkerState state() const = 0;
  virtual WorkerLife life() const = 0;
  // Runs the handler's init ahead of any event; `done` runs once, later. Legal only when usable and before Run().
  // What it took is billed with the worker's first event.
  virtual void Prepare(std::function<void(Status)> done) = 0;
  // Legal only when usable, or when it takes another event ahead. The event lives until `done` has run or the worker is
  // destroyed; the handler's init runs first when it has not yet.
  virtual void Run(const Event& event, OnAttempt done) = 0;
  // Busy, and would begin another event as soon as it has answered the one before.
  virtual bool TakesAhead() { return false; }
  // Kills it with this event, which it was given: the attempt ends as kAborted, soon. One that stands behind another
  // kills nobody: its turn does not come, or it ends when it comes.
  virtual void Abort(const Event& event, std::string why) = 0;
  // Idle, frozen or not. False once it has died, broken the protocol or been told to stop: it takes no more events.
  virtual bool usable() const = 0;
  // What the handler's init took in this worker; 0 until it has run.
  virtual nanoseconds init_took() const = 0;
  // Takes an idle worker out of its loop: this object is usable again from Unpack() on, with what Pack() gave, and what it
  // is told meanwhile goes to `on_news`. A worker that is not idle is ended first. Null: it cannot be lent.
  virtual std::unique_ptr<WorkerKit> Pack(std::function<void(WorkerNews)> on_news) {
    (void)on_news;
    return nullptr;
  }
  virtual void Unpack(std::unique_ptr<WorkerKit> kit) { (void)kit; }
  // How its place is paid for, where that is another loop's to know; null: its pool knows.
  virtual const Seat* seat() const { return nullptr; }
  // Runs when an idle worker dies; not for a death that an attempt reports.
  virtual void SetOnIdleDeath(std::function<void()> on_death) = 0;
};

// Makes workers. Implemented over the launcher; by a fake with memory in the tests of pool and router.
class WorkerLauncher {
 public:
  using OnWorker = std::function<void(Result<std::unique_ptr<Worker>>)>;
  virtual ~WorkerLauncher() = default;
  // A confined worker whose handler has not been initialised. kBadArtefact: the code cannot be loaded;
  // kUnavailable: the host cannot give one now.
  virtual void Launch(const std::shared_ptr<const FunctionVersion>& version, OnWorker done) = 0;
  // No more workers of this version will be asked for; what it kept ready for them goes when the last worker
  // has.
  virtual void Forget(const FunctionVersion& version) = 0;
};

}  // namespace hearth
