#include "sandbox/egress_rules.h"

namespace hearth {
namespace {

// Nobody's business, whatever the operator opens: this network, loopback, link-local with the metadata of clouds, the
// protocol assignments with some more of that, Azure's wire server, multicast and what is reserved.
constexpr const char* kNever =
    "0.0.0.0/8, 127.0.0.0/8, 169.254.0.0/16, 192.0.0.0/24, 168.63.129.16/32, 224.0.0.0/3";
// RFC 1918, carriers' (and Tailscale's), and for benchmarks.
constexpr const char* kPrivate = "10.0.0.0/8, 172.16.0.0/12, 192.168.0.0/16, 100.64.0.0/10, 198.18.0.0/15";

// New connections of one sandbox. The host remembers each for two minutes after its end, of all that it can remember
// (65,536 on a small host): one sandbox alone can take half of it.
constexpr const char* kNewConnections = "limit rate over 250/second burst 2000 packets";

constexpr const char* kRefuse = "reject with icmpx type admin-prohibited\n";

template <class Items>
std::string SetOf(const char* name, const std::string& kind, const Items& items) {
  std::string elements;
  for (const auto& item : items) elements += (elements.empty() ? "" : ", ") + ToString(item);
  return "set " + std::string(name) + " { " + kind + "\n" +
         (elements.empty() ? "" : "elements = { " + elements + " }\n") + "}\n";
}

std::string RangesText(const char* name, const std::string& elements) {
  return "set " + std::string(name) + " { type ipv4_addr\nflags interval\nelements = { " + elements +
         " }\n}\n";
}

std::string Elements(const char* verb, const std::string& interface, std::span<const uint32_t> ports) {
  const std::string name = "\"" + interface + "\"";
  if (ports.empty()) return std::string(verb) + " element inet hearth every_port { " + name + " }\n";
  std::string all;
  for (const uint32_t port : ports) all += (all.empty() ? "" : ", ") + name + " . " + std::to_string(port);
  return std::string(verb) + " element inet hearth ports { " + all + " }\n";
}

}  // namespace

std::string EgressRuleset(const EgressPlan& plan, Forwarding forwarding) {
  const std::string ours = "\"" + std::string(kEgressPrefix) + "*\"";
  const std::string from = "iifname " + ours + " ", to = "oifname " + ours + " ";
  std::string text = EgressRulesetGone() + "table inet hearth {\n";
  text += SetOf("resolvers", "type ipv4_addr", plan.resolvers);
  // A range that holds another is one with it.
  text += SetOf("opened", "type ipv4_addr\nflags interval\nauto-merge", plan.opened);
  text += RangesText("never", kNever) + RangesText("private", kPrivate);
  text +=
      "set every_port { type ifname\n}\nset ports { type ifname . inet_service\n}\n"
      "set new_connections { type ifname\nflags dynamic\n}\n";
  text +=
      "chain of_interface {\nmeta l4proto tcp iifname @every_port accept\n"
      "iifname . tcp dport @ports accept\n" +
      std::string(kRefuse) + "}\n";
  // Every packet that leaves is looked at, of an established connection too: an address that was another sandbox's must
  // not inherit what that had open.
  // Resolvers before the rest: in some clouds they are where the metadata is, on another port.
  text += "chain outward {\n" + to + kRefuse + "ip daddr " + ToString(plan.pool) + " " + kRefuse +
          "ip daddr @resolvers meta l4proto { tcp, udp } th dport 53 accept\n" + "ip daddr @never " +
          kRefuse + "ip daddr @opened goto of_interface\nip daddr @private " + kRefuse +
          "goto of_interface\n}\n";
  // Before anybody's translation of destinations: the host itself is not there, by whatever address, nor is anything
  // but IPv4 from the address that was given.
  text += "chain arriving {\ntype filter hook prerouting priority mangle\npolicy accept\n" + from +
          "meta nfproto != ipv4 drop\n" + from + "fib saddr . iif oif missing drop\n" + from +
          "fib daddr type { local, broadcast, anycast, multicast } " + kRefuse + "}\n";
  text += "chain to_host {\ntype filter hook input priority filter - 10\npolicy accept\n" + from + kRefuse +
          "}\n";
  text += "chain through {\ntype filter hook forward priority filter - 10\npolicy accept\n" + from +
          "ct state new update @new_connections { iifname " + kNewConnections + " } " + kRefuse + from +
          "jump outward\n" + to + "ct state established,related accept\n" + to + "drop\n}\n";
  if (forwarding == Forwarding::kTurnedOn)
    text +=
        "chain others {\ntype filter hook forward priority filter - 9\npolicy accept\niifname != " + ours +
        " oifname != " + ours + " drop\n}\n";
  text += "chain leaving {\ntype nat hook postrouting priority srcnat\npolicy accept\nip saddr " +
          ToString(plan.pool) + " oifname != " + ours + " masquerade\n}\n";
  return text + "}\n";
}

std::string EgressRulesetGone() { return "table inet hearth\ndelete table inet hearth\n"; }

std::string OpenInterface(const std::string& interface, std::span<const uint32_t> ports) {
  return Elements("add", interface, ports);
}

std::string CloseInterface(const std::string& interface, std::span<const uint32_t> ports) {
  return Elements("delete", interface, ports);
}

}  // namespace hearth
