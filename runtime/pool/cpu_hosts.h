#pragma once

#include <functional>
#include <map>
#include <string>
#include <vector>

#include "runtime/base/result.h"
#include "runtime/pool/cpu_placement.h"
#include "sandbox/cgroup.h"

namespace hearth {

// Dedicated hosts: processors on which one tenant's workers run and nobody else's, by the kernel's cpuset.
//
// Borrows: the cgroup backend.
// Thread:  loop thread.
// Failure: a host that cannot be had is refused with the reason; those there are stay.
class CpuHosts final {
 public:
  struct Host {
    std::string id;  // of the commitment; names the set
    size_t cpus = 0;
    friend bool operator==(const Host&, const Host&) = default;
  };

  // `keep_off`: told which processors are everybody's, for the daemon itself to stay on.
  CpuHosts(CgroupBackend& cgroups, std::function<void(const CpuList& shared)> keep_off);

  // Whether these would fit, all of them.
  Status Check(const std::vector<Host>& hosts) const;
  // From now on these and no others; those that were there keep their processors. What still runs on a host that
  // is no more is moved to everybody's processors at once.
  Status Apply(const std::vector<Host>& hosts);
  // {} when there is no such host.
  CpuList CpusOf(const std::string& id) const;

 private:
  Result<CpuPlacement> Place(const std::vector<Host>& hosts) const;

  // Constant after construction.
  const std::function<void(const CpuList&)> keep_off_;
  // Borrowed.
  CgroupBackend& cgroups_;
  // Mutable.
  std::map<std::string, CpuList> hosts_;
};

// Lets all threads of this process run on these processors alone. Its children (the launcher, and the init of each
// sandbox, which sleep but for a moment at a start) are not moved.
void KeepThisProcessOn(const CpuList& cpus);

}  // namespace hearth
