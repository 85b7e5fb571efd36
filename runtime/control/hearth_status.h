#pragma once

#include <functional>
#include <string>
#include <vector>

#include "runtime/control/api_call.h"
#include "runtime/control/pool_status.h"

namespace hearth {

// What the daemon is and may do; constant while it runs.
struct ControlInfo {
  std::string version;
  std::string data_address;     // "127.0.0.1:8080"
  std::string control_address;  // "127.0.0.1:4566"
  std::string account = "000000000000";
  std::string region = "us-east-1";
  int isolation_level = 0;
  std::vector<std::string> isolation_missing;  // layers that this host does not give, and why
  std::string data_folder;
};

// GET info, workers below /_hearth/v1; /livez and /readyz.
//
// Borrows: everything; all outlive it.
// Thread:  loop thread.
class HearthStatus final {
 public:
  // One thing that must be well before work is taken. `detail`: what is wrong, or worth knowing though all is well.
  struct Check {
    std::string name;
    bool ok = true;
    std::string detail;
  };
  using Readiness = std::function<std::vector<Check>()>;

  HearthStatus(ControlInfo info, const PoolStatusSource& pool, Readiness readiness)
      : info_(std::move(info)), pool_(pool), readiness_(std::move(readiness)) {}

  const ControlInfo& info() const { return info_; }
  void Info(const ApiCallPtr& call) const;
  void Workers(const ApiCallPtr& call) const;
  void Live(const ApiCallPtr& call) const;
  void Ready(const ApiCallPtr& call) const;
  // {"status": "ready" or "not ready", "reason": of the first that is not well, "checks": all of them}
  static Json ReadinessJson(const std::vector<Check>& checks);
  static bool IsReady(const std::vector<Check>& checks);

 private:
  const ControlInfo info_;
  const PoolStatusSource& pool_;
  const Readiness readiness_;
};

}  // namespace hearth
