#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "runtime/base/result.h"

namespace hearth {

// An address, in the processor's byte order.
struct Ipv4Address {
  uint32_t bits = 0;
  friend bool operator==(const Ipv4Address&, const Ipv4Address&) = default;
};

// Addresses that begin alike: 10.1.0.0/16. All bits past the prefix are 0.
struct Ipv4Range {
  Ipv4Address first;
  unsigned prefix = 32;
  uint32_t mask() const { return prefix == 0 ? 0 : ~uint32_t{0} << (32 - prefix); }
  bool Overlaps(const Ipv4Range& other) const {
    const uint32_t common = mask() & other.mask();
    return (first.bits & common) == (other.first.bits & common);
  }
  bool Contains(Ipv4Address address) const { return Overlaps({address, 32}); }
  friend bool operator==(const Ipv4Range&, const Ipv4Range&) = default;
};

// Four numbers with dots between them, none with leading zeros.
Result<Ipv4Address> ParseIpv4Address(std::string_view text);
// "10.1.0.0/16"; an address alone is a range of one. Bits past the prefix are an error: a slip, mostly.
Result<Ipv4Range> ParseIpv4Range(std::string_view text);
std::string ToString(Ipv4Address address);
std::string ToString(const Ipv4Range& range);

// A route of the main table, as /proc/net/route lists them.
struct Ipv4Route {
  std::string interface;
  Ipv4Range to;
};
std::vector<Ipv4Route> ParseRoutes(std::string_view proc_net_route);

// The servers of a resolv.conf that somebody else can reach too: IPv4, and not on loopback.
std::vector<Ipv4Address> ParseResolvers(std::string_view resolv_conf);

}  // namespace hearth
