#pragma once

#include <sys/types.h>

#include <string>
#include <vector>

#include "sandbox/ipv4.h"

// Network interfaces of the namespace that the calling process is in. The only door to rtnetlink: one message for what
// the older calls cannot say (a veth pair, the other end of which begins in another namespace), those for the rest.

namespace hearth {

// A cable: `name` here, `peer` in the network namespace of process `other`. Both ends are down.
Status MakeVethPair(const std::string& name, const std::string& peer, pid_t other);
// With its other end, wherever that is; at once.
Status DeleteLink(const std::string& name);
Status SetAddress(const std::string& name, Ipv4Address address, unsigned prefix);
Status BringUp(const std::string& name);
Status AddDefaultRoute(Ipv4Address gateway);

std::vector<std::string> LinksNamed(const std::string& prefix);
// Of every interface but those.
std::vector<Ipv4Address> LocalAddresses(const std::string& but_of_prefix);

// For the whole namespace, or for one of its interfaces; where the kernel has no IPv6 there is nothing to do.
Status DisableIpv6(const std::string& interface);

}  // namespace hearth
