#pragma once

#include <sys/types.h>

#include <string>

#include "runtime/base/result.h"
#include "runtime/base/unique_fd.h"

// The program nft, of Debian's package nftables: the only door to the host's rules. A process of its own for each
// transaction, by vfork and exec; nothing of ours stays open in it.

namespace hearth {

struct NftRun {
  pid_t pid = -1;  // a child of ours, to be reaped by whoever started it
  UniqueFd words;  // what it writes to stderr
};

// `chosen`, or where distributions put it; kNotFound says where it was looked for.
Result<std::string> FindNft(const std::string& chosen);
Result<NftRun> StartNft(const std::string& program, const std::string& script);
// What came of a run that has ended with `status`, as wait() gives it.
Status NftVerdict(const NftRun& run, int status);
// All three, for who may wait some milliseconds.
Status RunNft(const std::string& program, const std::string& script);

}  // namespace hearth
