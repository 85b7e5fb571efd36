#pragma once

#include <vector>

#include "runtime/base/unique_fd.h"
#include "runtime/worker/library_inspector.h"
#include "runtime/worker/setup_frames.h"
#include "sandbox/landlock.h"

namespace hearth {

// What does not depend on the function, but for its way out of the network namespace: a blank sandbox is none with one.
struct MadeAhead {
  int landlock_abi = 0;
  UniqueFd ruleset;  // with the files of all functions
  LibrarySearch search;
};
MadeAhead MakeAhead(const TcpAccess& tcp = {});

// Of a process without a function: makes that while nobody waits, goes behind the first filter, and tells init.
MadeAhead WaitBlank(int init);

// The only worker of its sandbox: confines itself for good, as a fork of a zygote does, and only then loads the library,
// so that nothing of the author's runs with more than a worker has. Its address layout is its own, since it was executed
// and not forked. `fds`: its channel, stdout, stderr and the `tasks` files that it has not joined. Until the library is
// loaded init hears why that failed; from then on it is a worker like any other.
[[noreturn]] void RunLoneWorker(int init, const ZygoteConfigFrame& config, std::vector<UniqueFd> fds,
                                MadeAhead ahead);

}  // namespace hearth
