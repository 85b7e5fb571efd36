#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "sandbox/ipv4.h"

namespace hearth {

// Names of our interfaces in the host's namespace begin so; the rules go by that.
inline constexpr const char* kEgressPrefix = "hearth";

struct EgressPlan {
  Ipv4Range pool{{0x0ad50000}, 20};    // 10.213.0.0/20: addresses of sandboxes and of the host's ends
  std::vector<Ipv4Range> opened;       // of the private ranges, which are closed otherwise
  std::vector<Ipv4Address> resolvers;  // of names: reached on port 53 wherever they are
};

// Somebody who forwards for others already, or nobody, and then we must not make a router of this host.
enum class Forwarding { kWasOn, kTurnedOn };

// The whole table `inet hearth`, in place of one that is there, in one transaction: nothing gets through in between.
std::string EgressRuleset(const EgressPlan& plan, Forwarding forwarding);
// Takes it away. Does nothing where there is none.
std::string EgressRulesetGone();
// Adds, and takes away, what one interface may; until the first and after the second it may nothing. No `ports`: each
// port of TCP.
std::string OpenInterface(const std::string& interface, std::span<const uint32_t> ports);
std::string CloseInterface(const std::string& interface, std::span<const uint32_t> ports);

}  // namespace hearth
