#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "runtime/base/result.h"
#include "sandbox/seccomp_policy.h"

namespace hearth {

// What a call that kills comes to.
enum class Killing {
  kByKernel,
  // The caller is stopped before the call and the listener told; it must then kill. When no listener is left
  // the call fails with ENOSYS. Only one filter of a process can have a listener.
  kByListener,
};

// The program of a policy: an array of struct sock_filter as bytes, for this machine's architecture; every
// other (including x32) is killed by the kernel. Takes about 1 ms: once, at start.
Result<std::string> CompileSeccomp(const SeccompPolicy& policy, Killing killing = Killing::kByKernel);

// "mount", or the number as text.
std::string SystemCallName(int number);

// For the calling thread and what it starts. Needs no_new_privs or CAP_SYS_ADMIN. Returns what seccomp(2)
// does. Defined apart (seccomp_install.cc): who only installs needs no libseccomp.
int InstallSeccomp(std::string_view program);
// The same, and returns the listener; or -1.
int InstallSeccompWithListener(std::string_view program);

// Of a listener, once it is readable: who is stopped before which call.
struct SeccompViolation {
  int thread = 0;  // in the pid namespace of who asks
  int system_call = 0;
};
std::optional<SeccompViolation> NextViolation(int listener);

}  // namespace hearth
