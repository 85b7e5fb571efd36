#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "runtime/base/clock.h"
#include "runtime/model/observers.h"
#include "runtime/pool/output_budget.h"

namespace hearth {

// Everything that one worker's function log gets: what it prints and logs, within the budget of an attempt, and what
// there is to say about it. Whose a line is, when it came and of which request is our word, never the worker's.
//
// Borrows: the clock and the observers. Owned by the worker.
class WorkerLog final {
 public:
  struct Observers {
    HandlerLogObserver& lines;
    PoolObserver& pool;
  };
  WorkerLog(const Clock& clock, Observers observers, std::shared_ptr<const FunctionVersion> version,
            uint64_t attempt_bytes_max)
      : clock_(clock),
        observers_(observers),
        version_(std::move(version)),
        attempt_bytes_max_(attempt_bytes_max),
        budget_(attempt_bytes_max) {}

  // `request_id` stays where it is until EndAttempt(). What comes without an attempt is on the last one's account.
  void BeginAttempt(std::string_view request_id);
  // The attempt has ended: what was cut of it is told.
  void TellCut();
  void EndAttempt() { request_id_ = {}; }

  // What is below the level of the function's log is no output: it is not kept, and on nobody's account.
  void Print(LogSource stream, std::string_view text);
  void Keep(uint8_t level, std::string_view message, std::string_view fields_json);
  // Of the platform, about the worker.
  void Tell(std::string_view message, uint8_t level = kLogWarn) {
    Emit(LogSource::kPlatform, level, {}, message, {});
  }
  // Its last words, whatever else it has said: they are bounded by themselves.
  void PrintCrash(const std::vector<std::string>& lines);

 private:
  bool MayKeep(size_t bytes);
  void Emit(LogSource source, uint8_t level, std::string_view request_id, std::string_view message,
            std::string_view fields_json);

  const Clock& clock_;
  const Observers observers_;
  const std::shared_ptr<const FunctionVersion> version_;
  const uint64_t attempt_bytes_max_;
  OutputBudget budget_;
  std::string_view request_id_;
};

}  // namespace hearth
