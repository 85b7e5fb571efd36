#include "sandbox/egress_options.h"

#include <algorithm>
#include <utility>

namespace hearth {
namespace {

constexpr unsigned kPoolPrefixLeast = 16, kPoolPrefixMost = 30;
constexpr std::string_view kPool = "--pool=", kOpened = "--open=", kResolver = "--resolver=", kNft = "--nft=";

template <class T>
Result<std::vector<T>> ParseList(std::string_view text, Result<T> (*parse)(std::string_view)) {
  std::vector<T> items;
  while (!text.empty()) {
    const size_t comma = std::min(text.find(','), text.size());
    HEARTH_ASSIGN(const T item, parse(text.substr(0, comma)));
    items.push_back(item);
    text.remove_prefix(std::min(comma + 1, text.size()));
  }
  return items;
}

}  // namespace

Result<Ipv4Range> ParseEgressPool(std::string_view text) {
  HEARTH_ASSIGN(const Ipv4Range pool, ParseIpv4Range(text));
  if (pool.prefix >= kPoolPrefixLeast && pool.prefix <= kPoolPrefixMost) return pool;
  return Error{ErrorCode::kInvalidArgument,
               "\"" + std::string(text) +
                   "\" is no pool: each sandbox takes four addresses of it, and its "
                   "prefix length is from 16 to 30"};
}

uint32_t PlacesOf(const Ipv4Range& pool) { return (~pool.mask() + 1) / kAddressesOfPlace; }

Result<std::vector<Ipv4Range>> ParseIpv4Ranges(std::string_view text) {
  return ParseList<Ipv4Range>(text, ParseIpv4Range);
}

Result<std::vector<Ipv4Address>> ParseIpv4Addresses(std::string_view text) {
  return ParseList<Ipv4Address>(text, ParseIpv4Address);
}

std::vector<Ipv4Address> ResolversFrom(std::vector<Ipv4Address> chosen,
                                       std::span<const std::string> resolv_confs,
                                       std::span<const Ipv4Address> hosts_own) {
  std::vector<Ipv4Address> found = std::move(chosen);
  for (const std::string& text : resolv_confs) {
    if (!found.empty()) break;
    found = ParseResolvers(text);
    std::erase_if(found, [&](Ipv4Address each) {
      return std::find(hosts_own.begin(), hosts_own.end(), each) != hosts_own.end();
    });
  }
  if (found.size() > kResolversMax) found.resize(kResolversMax);
  return found;
}

std::vector<std::string> ArgumentsOf(const EgressOptions& options) {
  std::vector<std::string> arguments{std::string(kPool) + ToString(options.plan.pool),
                                     std::string(kNft) + options.nft};
  for (const Ipv4Range& range : options.plan.opened)
    arguments.push_back(std::string(kOpened) + ToString(range));
  for (const Ipv4Address& address : options.resolvers)
    arguments.push_back(std::string(kResolver) + ToString(address));
  return arguments;
}

Result<EgressOptions> EgressFromArguments(const std::vector<std::string>& arguments) {
  EgressOptions options;
  for (const std::string& argument : arguments) {
    const std::string_view value =
        std::string_view(argument).substr(std::min(argument.find('='), argument.size() - 1) + 1);
    if (argument.starts_with(kPool)) {
      HEARTH_ASSIGN(options.plan.pool, ParseEgressPool(value));
    } else if (argument.starts_with(kOpened)) {
      HEARTH_ASSIGN(const Ipv4Range range, ParseIpv4Range(value));
      options.plan.opened.push_back(range);
    } else if (argument.starts_with(kResolver)) {
      HEARTH_ASSIGN(const Ipv4Address address, ParseIpv4Address(value));
      options.resolvers.push_back(address);
    } else if (argument.starts_with(kNft)) {
      options.nft = value;
    } else {
      return Error{ErrorCode::kInvalidArgument,
                   "hearth-launcher and hearthd are of different versions: " + argument};
    }
  }
  return options;
}

}  // namespace hearth
