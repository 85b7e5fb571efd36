#pragma once

#include <sys/types.h>

#include <deque>
#include <functional>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "runtime/base/result.h"
#include "runtime/base/unique_fd.h"
#include "sandbox/egress_options.h"
#include "sandbox/nft_run.h"
#include "sandbox/nft_watch.h"
#include "sandbox/steps.h"

namespace hearth {

// Where a sandbox is on the network: a cable of two addresses, of which the host's is its gateway.
struct EgressPlace {
  unsigned number = 0;
  std::string interface;  // in the host's namespace
  Ipv4Address host, inside;
  std::vector<Ipv4Address> resolvers;
};

// Ways out of sandboxes' network namespaces: for each a veth pair, with rules in the host's table `inet hearth`, and
// address translation behind them.
//
// Owns:    the table, the interfaces `hearth0` and up, a file in /run that says so and is locked meanwhile, and the nft
//          that runs. Owned by the launcher.
// Thread:  the launcher's, single.
// States:  unclaimed -> claimed (from the first place on) -> unclaimed (Close()).
// Limits:  a place is four addresses of the pool; each is in use once. One nft at a time.
// Failure: a place that cannot be had says why; rules that nft does not take are told to `opened`. A table that
//          somebody took away is made again at once, by OnRules(); if that fails, `lost` runs.
// Promise: a sandbox reaches nothing before `opened` says Ok, and never what egress_rules.h refuses.
class EgressNetwork final {
 public:
  using Opened = std::function<void(const Status&)>;

  // `lost`: the table is gone and cannot be made again, so that nothing holds those who are connected.
  EgressNetwork(EgressOptions options, std::function<void()> lost);
  ~EgressNetwork();

  // What one that was killed has left behind, if so; never what another holds.
  void Sweep();
  Result<EgressPlace> Take();
  bool is_full() const { return uses_.size() >= places_; }
  // Has a place been given back that is not free yet?
  bool is_ending() const;
  // Lays the cable from the host to the namespace of `process`, then opens it: later, from OnExit().
  Status Connect(const EgressPlace& place, pid_t process, std::span<const uint32_t> ports, Opened opened);
  // Once the sandbox is gone. `opened` does not run any more.
  void GiveBack(unsigned number);
  // Whether the child of ours that has ended was one of these nft.
  bool OnExit(pid_t pid, int status);
  // -1, or readable when OnRules() has something to do.
  int rules_fd() const { return watch_ ? watch_->fd() : -1; }
  void OnRules();
  // Takes table and settings away. Only when none of the sandboxes lives.
  void Close();

 private:
  struct Use {
    std::vector<uint32_t> ports;
    bool is_open = false;  // the rules have it
    bool given_back = false;
    Opened opened;
  };

  bool claimed() const { return static_cast<bool>(claim_); }
  Status Claim();
  Status CheckPool() const;
  void FindResolvers();
  std::string InterfaceOf(unsigned number) const;
  Status Lay(const EgressPlace& place, pid_t process) const;
  void RunNext();
  std::string ScriptFor(std::optional<unsigned> number);
  Status Forward();
  void Finish(std::optional<unsigned> number, const Status& status);

  // Constant after construction.
  const EgressOptions options_;
  const unsigned places_;
  const std::function<void()> lost_;
  // Mutable.
  EgressPlan plan_;
  UniqueFd claim_;
  std::string claim_path_;
  Forwarding forwarding_ = Forwarding::kWasOn;
  bool table_is_there_ = false;  // as we want it
  bool table_is_gone_ = false;   // taken away by somebody
  std::map<unsigned, Use> uses_;
  unsigned next_ = 0;
  std::string closing_;  // for the next transaction: what ended places still have in the table
  std::optional<NftWatch> watch_;
  std::deque<std::optional<unsigned>> waiting_;  // places, for their transaction; none: all of them once more
  std::optional<unsigned> running_place_;
  NftRun running_;
};

// In the sandbox's namespace, as long as that is ours to change: the other end of the cable. No IPv6.
bool ConfigureInside(const EgressPlace& place, Steps& steps);

}  // namespace hearth
