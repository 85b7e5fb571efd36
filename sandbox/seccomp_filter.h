#pragma once

#include <string>
#include <string_view>

#include "runtime/base/result.h"
#include "sandbox/seccomp_policy.h"

namespace hearth {

// The program of a policy: an array of struct sock_filter as bytes, for this machine's architecture; every
// other (including x32) is killed. Takes about 1 ms: once, at start.
Result<std::string> CompileSeccomp(const SeccompPolicy& policy);

// For the calling thread and what it starts. Needs no_new_privs or CAP_SYS_ADMIN. Returns what seccomp(2)
// does. Defined apart (seccomp_install.cc): who only installs needs no libseccomp.
int InstallSeccomp(std::string_view program);

}  // namespace hearth
