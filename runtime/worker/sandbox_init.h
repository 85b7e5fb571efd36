#pragma once

#include <string>
#include <vector>

#include "runtime/wire/launcher_frames.h"
#include "sandbox/namespaces.h"

namespace hearth {

struct SeccompPrograms {
  std::string init, zygote, worker, unpack;
};

struct SandboxInitPlan {
  const MakeSandboxFrame& request;
  const SeccompPrograms& programs;
  Privilege privilege;
  int setup_fd;    // to the launcher: its "go", our stages
  int channel_fd;  // to hearthd
  int worker_exe_fd;
  std::vector<int> zygote_tasks_fds;  // cgroup of the zygote, or none
  std::vector<int> owner_maps;        // one for each mount of the request, or none
  int secrets_fd = -1;                // what the request's secrets are filled from
};

// Pid 1 of a sandbox, in the child of the launcher's clone. Builds the root, starts the zygote, then until
// hearthd closes its channel or the launcher dies: passes fork requests on with a fresh /tmp each, reaps, and
// tells how workers ended.
//
// Trusted: runs none of the author's code. What comes from the zygote is checked like any foreign bytes; the
// worst that a lying zygote gets is wrong word of its own function's workers. Keeps of its privileges what
// mounts a tmpfs, behind a seccomp filter of some thirty calls.
[[noreturn]] void RunSandboxInit(const SandboxInitPlan& plan);

// The first complaint about a request that the kernel would not make; empty when it is fine.
std::string CheckSandboxRequest(const MakeSandboxFrame& request, Privilege privilege);

}  // namespace hearth
