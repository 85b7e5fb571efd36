#include "sandbox/ipv4.h"

#include <algorithm>
#include <bit>
#include <charconv>
#include <sstream>

namespace hearth {
namespace {

constexpr Ipv4Range kLoopback{{0x7f000000}, 8};

Error Invalid(std::string_view text, const char* why) {
  return {ErrorCode::kInvalidArgument, "\"" + std::string(text) + "\" " + why};
}

// 0 and more; -1 where `text` is no number, or one with leading zeros, which some read as octal.
int Decimal(std::string_view text) {
  int value = -1;
  const auto [end, failure] = std::from_chars(text.data(), text.data() + text.size(), value);
  const bool leading_zero = text.size() > 1 && text.front() == '0';
  return failure == std::errc() && end == text.data() + text.size() && !leading_zero ? value : -1;
}

}  // namespace

Result<Ipv4Address> ParseIpv4Address(std::string_view text) {
  std::string_view rest = text;
  Ipv4Address address;
  for (int i = 0; i < 4; ++i) {
    const size_t dot = i < 3 ? rest.find('.') : rest.size();
    const int part = dot == std::string_view::npos ? -1 : Decimal(rest.substr(0, dot));
    if (part < 0 || part > 255) return Invalid(text, "is no IPv4 address, like 192.168.1.10");
    address.bits = address.bits << 8 | static_cast<uint32_t>(part);
    rest.remove_prefix(std::min(dot + 1, rest.size()));
  }
  return address;
}

Result<Ipv4Range> ParseIpv4Range(std::string_view text) {
  const size_t slash = text.find('/');
  Ipv4Range range;
  HEARTH_ASSIGN(range.first, ParseIpv4Address(text.substr(0, slash)));
  if (slash == std::string_view::npos) return range;
  const int prefix = Decimal(text.substr(slash + 1));
  if (prefix < 0 || prefix > 32) return Invalid(text, "has no prefix length from 0 to 32 after the slash");
  range.prefix = static_cast<unsigned>(prefix);
  if ((range.first.bits & ~range.mask()) != 0) return Invalid(text, "has bits set past its prefix length");
  return range;
}

std::string ToString(Ipv4Address address) {
  std::string text;
  for (const unsigned shift : {24U, 16U, 8U, 0U})
    text += (text.empty() ? "" : ".") + std::to_string(address.bits >> shift & 0xff);
  return text;
}

std::string ToString(const Ipv4Range& range) {
  return ToString(range.first) + "/" + std::to_string(range.prefix);
}

std::vector<Ipv4Route> ParseRoutes(std::string_view proc_net_route) {
  std::vector<Ipv4Route> routes;
  std::istringstream lines{std::string(proc_net_route)};
  std::string line;
  std::getline(lines, line);  // the head
  while (std::getline(lines, line)) {
    std::istringstream fields(line);
    std::string interface, gateway, flags, unused;
    uint32_t destination = 0, mask = 0;
    fields >> interface >> std::hex >> destination >> gateway >> flags >> unused >> unused >> unused >> mask;
    if (!fields) continue;
    // In the network's byte order, printed as if it were this machine's.
    const auto host_order = [](uint32_t bits) {
      return std::endian::native == std::endian::little ? __builtin_bswap32(bits) : bits;
    };
    routes.push_back({interface, {{host_order(destination)}, static_cast<unsigned>(std::popcount(mask))}});
  }
  return routes;
}

std::vector<Ipv4Address> ParseResolvers(std::string_view resolv_conf) {
  std::vector<Ipv4Address> resolvers;
  std::istringstream lines{std::string(resolv_conf)};
  for (std::string line; std::getline(lines, line);) {
    std::istringstream fields(line);
    std::string key, value;
    fields >> key >> value;
    if (key != "nameserver") continue;
    const auto address = ParseIpv4Address(value);
    if (address.ok() && !kLoopback.Contains(*address) && address->bits != 0) resolvers.push_back(*address);
  }
  return resolvers;
}

}  // namespace hearth
