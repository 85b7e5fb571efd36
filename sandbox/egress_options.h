#pragma once

#include <span>
#include <string>
#include <vector>

#include "sandbox/egress_rules.h"

namespace hearth {

// Network, host's end, sandbox's end, broadcast.
inline constexpr uint32_t kAddressesOfPlace = 4;

// What an operator can set of functions' ways out.
struct EgressOptions {
  EgressPlan plan;                     // without resolvers
  std::vector<Ipv4Address> resolvers;  // none: the host's, looked up for each sandbox
  std::string nft;                     // "": where distributions put it
};

// Its places are whole, and there are from one to 16,384 of them.
Result<Ipv4Range> ParseEgressPool(std::string_view text);
uint32_t PlacesOf(const Ipv4Range& pool);
// Separated by commas.
Result<std::vector<Ipv4Range>> ParseIpv4Ranges(std::string_view text);
Result<std::vector<Ipv4Address>> ParseIpv4Addresses(std::string_view text);

// The name servers of a sandbox: those that were chosen, or those of the first of the host's files that has some which
// do not listen on one of the host's addresses, since nobody reaches them from inside. Three at most, as libc asks.
inline constexpr size_t kResolversMax = 3;
std::vector<Ipv4Address> ResolversFrom(std::vector<Ipv4Address> chosen,
                                       std::span<const std::string> resolv_confs,
                                       std::span<const Ipv4Address> hosts_own);

// From hearthd to its launcher, and back.
std::vector<std::string> ArgumentsOf(const EgressOptions& options);
Result<EgressOptions> EgressFromArguments(const std::vector<std::string>& arguments);

}  // namespace hearth
