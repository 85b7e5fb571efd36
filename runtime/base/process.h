#pragma once

#include <sys/types.h>

#include <string>
#include <vector>

#include "runtime/base/result.h"
#include "runtime/base/unique_fd.h"

// The only door to Boost.Process (spawn.cc). hearthd uses it once per launcher; tests use it for everything
// they start.

namespace hearth {

// How a child ended: exit_code >= 0, or the signal that killed it.
struct ExitStatus {
  int exit_code = -1;
  int signal = 0;
};

// A child of ours, held by pidfd. Killed (SIGKILL) and reaped in the destructor if it still runs.
class ChildProcess final {
 public:
  ChildProcess() = default;
  ChildProcess(pid_t pid, UniqueFd pidfd) : pid_(pid), pidfd_(std::move(pidfd)) {}
  ChildProcess(ChildProcess&& other) noexcept;
  ChildProcess& operator=(ChildProcess&& other) noexcept;
  ~ChildProcess();

  pid_t pid() const { return pid_; }
  int pidfd() const { return pidfd_.get(); }  // readable once it has ended
  bool valid() const { return pidfd_.valid(); }
  Status Signal(int signal_number);
  // Blocks until it has ended, then reaps it.
  Result<ExitStatus> Wait();

 private:
  pid_t pid_ = -1;
  UniqueFd pidfd_;
};

struct SpawnOptions {
  std::string executable{};                // a path
  std::vector<std::string> arguments{};    // without argv[0]
  std::vector<std::string> environment{};  // NAME=value; empty means an empty environment
  int inherited_fd = -1;        // becomes the child's fd 3; -1: none. Everything else but 0, 1, 2 is closed.
  int stdout_fd = -1;           // -1: ours
  int stderr_fd = -1;           // -1: ours
  bool die_with_parent = true;  // PDEATHSIG: the child gets SIGKILL when the calling thread ends
};

Result<ChildProcess> Spawn(const SpawnOptions& options);

}  // namespace hearth
