#pragma once

#include <sys/types.h>

#include <string>

#include "runtime/base/unique_fd.h"

namespace hearth {

// Whether this host can give ways out, by trying all of it in a network namespace that is thrown away: in a child, while
// its maker does something else.
//
// Thread:  single-threaded makers only. Each probe is to be asked.
class EgressProbe final {
 public:
  explicit EgressProbe(const std::string& nft);
  // Waits. Why there can be none, and what to do; "": it can.
  std::string Missing();

 private:
  std::string known_;  // without trying
  pid_t child_ = -1;
  UniqueFd told_;
};

}  // namespace hearth
