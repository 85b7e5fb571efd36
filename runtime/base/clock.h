#pragma once

#include <chrono>
#include <string>

// Two clocks, never mixed: durations come from the monotonic one, dates from the wall clock. The wall clock
// may step.

namespace hearth {

using MonotonicTime = std::chrono::steady_clock::time_point;        // CLOCK_MONOTONIC
using WallTime = std::chrono::sys_time<std::chrono::microseconds>;  // CLOCK_REALTIME, UTC

// Thread: any. Owned by main; everything that needs time is given a Clock&.
class Clock {
 public:
  virtual ~Clock() = default;
  virtual MonotonicTime Now() const = 0;
  virtual WallTime WallNow() const = 0;
};

class SystemClock final : public Clock {
 public:
  MonotonicTime Now() const override;
  WallTime WallNow() const override;
};

// Time that moves only when a test says so. Wall and monotonic time advance together; SetWall() steps the
// wall alone.
class ManualClock final : public Clock {
 public:
  MonotonicTime Now() const override { return now_; }
  WallTime WallNow() const override { return wall_; }
  void Advance(std::chrono::nanoseconds by);
  void SetWall(WallTime wall) { wall_ = wall; }

 private:
  MonotonicTime now_{std::chrono::hours(1)};
  WallTime wall_{std::chrono::sys_days(std::chrono::year(2026) / 11 / 23)};
};

// "2026-11-23T09:11:50.911Z": milliseconds, the form of AWS's events.
std::string ToIso8601Millis(WallTime time);
// "2026-11-23T09:11:50.911+0000": the form of Lambda's LastModified.
std::string ToLambdaTimestamp(WallTime time);

}  // namespace hearth
