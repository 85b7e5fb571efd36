#pragma once

#include <optional>
#include <span>
#include <string>
#include <vector>

#include "runtime/wire/launcher_frames.h"
#include "sandbox/egress_network.h"
#include "sandbox/namespaces.h"

namespace hearth {

struct SeccompPrograms {
  std::string init, zygote, worker, blank_worker, lone_worker, unpack;
};

struct SandboxInitPlan {
  const MakeSandboxFrame& request;
  const SeccompPrograms& programs;
  Privilege privilege;
  int setup_fd;    // to the launcher: its "go", our stages
  int channel_fd;  // to hearthd
  int worker_exe_fd;
  std::vector<int> zygote_tasks_fds;        // cgroup of the zygote, or none
  std::vector<int> owner_maps;              // one for each mount of the request, or none
  const std::optional<EgressPlace>& place;  // the cable is there when the launcher says "go"
  int secrets_fd = -1;                      // what the request's secrets are filled from
  std::vector<int>
      worker_fds;  // channel, stdout and stderr of the sandbox's own worker or its zygote's init, or none
  bool user_namespaces = true;  // that a worker of its own may make
};

// Pid 1 of a sandbox, in the child of the launcher's clone. Builds the root, starts the zygote, then until
// hearthd closes its channel or the launcher dies: passes fork requests on with a fresh /tmp each, reaps, and
// tells how workers ended.
//
// Trusted: runs none of the author's code. What comes from the zygote is checked like any foreign bytes; the
// worst that a lying zygote gets is wrong word of its own function's workers. Keeps of its privileges what
// mounts a tmpfs, behind a seccomp filter of some thirty calls.
[[noreturn]] void RunSandboxInit(const SandboxInitPlan& plan);

// The same of a sandbox that is made before there is a request: a root with nothing of a function in it, and a
// hearth-worker that is executed and waits, with no more rights than to become a function's user. Tells the launcher,
// and waits for its function: SendFunction(). From then on it is as if it had been made for it. Root alone: whoever is
// not cannot mount a folder of the host's into another root.
struct BlankInitPlan {
  const SeccompPrograms& programs;
  int setup_fd;
  int worker_exe_fd;
  bool user_namespaces = true;
};
[[noreturn]] void RunBlankInit(const BlankInitPlan& plan);

// The launcher's side of it. `channel`: init's to hearthd. `worker_and_tasks`: channel, stdout, stderr, `tasks` files.
std::optional<StageFailure> SendFunction(int setup, const MakeSandboxFrame& request, int channel,
                                         std::span<const int> worker_and_tasks,
                                         std::span<const int> owner_maps, int secrets);

// The first complaint about a request that the kernel would not make; empty when it is fine.
std::string CheckSandboxRequest(const MakeSandboxFrame& request, Privilege privilege);

}  // namespace hearth
