#pragma once

#include <string>
#include <vector>

#include "sandbox/egress_rules.h"

namespace hearth {

// What an operator can set of functions' ways out.
struct EgressOptions {
  EgressPlan plan;                     // without resolvers
  std::vector<Ipv4Address> resolvers;  // none: the host's, looked up for each sandbox
  std::string nft;                     // "": where distributions put it
};

// Its places are whole, and there are from one to 16,384 of them.
Result<Ipv4Range> ParseEgressPool(std::string_view text);
// Separated by commas.
Result<std::vector<Ipv4Range>> ParseIpv4Ranges(std::string_view text);
Result<std::vector<Ipv4Address>> ParseIpv4Addresses(std::string_view text);

// From hearthd to its launcher, and back.
std::vector<std::string> ArgumentsOf(const EgressOptions& options);
Result<EgressOptions> EgressFromArguments(const std::vector<std::string>& arguments);

}  // namespace hearth
