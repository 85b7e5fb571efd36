#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace hearth {

// One worker in its life.
struct WorkerStatus {
  uint64_t id = 0;
  std::string state;
  uint64_t for_ms = 0;  // in that state
  std::string why;      // what brought it there
};

// Workers of one version, as `GET /_hearth/v1/workers` shows them.
struct PoolStatus {
  std::string function;
  std::string version;
  uint32_t starting = 0;
  uint32_t idle = 0;
  uint32_t frozen = 0;  // of the idle ones
  uint32_t busy = 0;
  uint32_t waiting = 0;  // invocations that wait for a worker
  uint32_t workers_max = 0;
  uint32_t reserved = 0;  // workers that commitments keep
  uint32_t reserved_busy = 0;
  uint32_t reserved_idle = 0;              // of those, initialised and without an event
  uint32_t spare = 0;                      // idle ones that were started ahead of events and have had none
  uint64_t handed_ahead = 0;               // events that a busy worker was given ahead of their turn, ever
  uint64_t taken_back = 0;                 // of those: went to another worker before their turn came
  bool hot = false;                        // it needed new workers again and again: one is kept ahead
  std::vector<std::string> commitments{};  // reservations and dedicated host
  std::string plan = "on-demand";          // of workers that no reservation keeps
  std::string cpus{};                      // of the dedicated host: "2-3"
  bool draining = false;                   // replaced by newer code; goes when its last invocation ends
  std::vector<WorkerStatus> workers{};
};

// A folder that a function sees and cannot use as its configuration says: `text` says why, and what to do.
struct UnusableMount {
  std::string function;
  std::string mount;  // path inside
  std::string text;
};

// A function whose workers are isolated otherwise than its configuration says, and why.
struct ChosenIsolation {
  std::string function;
  std::string isolation;
  std::string why;
};

// Sandboxes made ahead, for workers that have one each: the platform's, nobody pays for them.
struct BlankSandboxes {
  uint32_t wanted = 0;
  uint32_t ready = 0;
  uint64_t memory_mib = 0;  // of the node's, for those wanted
};

// What control asks of the pool. The daemon joins the two.
class PoolStatusSource {
 public:
  virtual ~PoolStatusSource() = default;
  virtual std::vector<PoolStatus> Status() const = 0;
  virtual std::vector<UnusableMount> UnusableMounts() const = 0;
  virtual std::vector<ChosenIsolation> ChosenIsolations() const = 0;
  virtual BlankSandboxes Blanks() const = 0;
};

}  // namespace hearth
