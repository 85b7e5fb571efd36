#include "sandbox/egress_rules.h"

#include <catch2/catch.hpp>

#include "sandbox/egress_options.h"
#include "sandbox/ipv4.h"

// That nft takes the text, and what the rules let through, tests/e2e/test_egress.py says.

namespace hearth {
namespace {

bool Has(const std::string& text, const std::string& part) { return text.find(part) != std::string::npos; }

TEST_CASE("addresses and ranges are read strictly and come back as they were", "[egress]") {
  for (const char* text : {"0.0.0.0", "10.213.0.1", "255.255.255.255"})
    CHECK(ToString(*ParseIpv4Address(text)) == text);
  for (const char* text : {"0.0.0.0/0", "10.1.0.0/16", "10.1.2.3/32"})
    CHECK(ToString(*ParseIpv4Range(text)) == text);
  CHECK(ToString(*ParseIpv4Range("10.1.2.3")) == "10.1.2.3/32");
  for (const char* wrong : {"", "10", "10.1.2", "10.1.2.3.4", "10.1.2.256", "10.1.2.-1", "10.01.2.3",
                            "10.1.2.3 ", "a.b.c.d", "10..1.2", "10.1.2.", "::1"}) {
    CAPTURE(wrong);
    CHECK_FALSE(ParseIpv4Address(wrong).ok());
    CHECK_FALSE(ParseIpv4Range(wrong).ok());
  }
  for (const char* wrong :
       {"10.1.0.0/", "10.1.0.0/33", "10.1.0.0/-1", "10.1.0.0/016", "10.1.0.1/16", "10.1.0.0/16/16"}) {
    CAPTURE(wrong);
    CHECK_FALSE(ParseIpv4Range(wrong).ok());
  }
}

TEST_CASE("ranges overlap where one holds the other", "[egress]") {
  const auto overlap = [](const char* one, const char* other) {
    const Ipv4Range a = *ParseIpv4Range(one), b = *ParseIpv4Range(other);
    CHECK(a.Overlaps(b) == b.Overlaps(a));
    return a.Overlaps(b);
  };
  CHECK(overlap("10.0.0.0/8", "10.213.0.0/20"));
  CHECK(overlap("10.213.15.252/30", "10.213.0.0/20"));
  CHECK_FALSE(overlap("10.213.16.0/30", "10.213.0.0/20"));
  CHECK(overlap("0.0.0.0/0", "10.213.0.0/20"));
  CHECK(overlap("10.213.0.0/20", "10.213.0.0/20"));
}

TEST_CASE("a pool has from one place to 16,384", "[egress]") {
  CHECK(ParseEgressPool("10.213.0.0/16").ok());
  CHECK(ParseEgressPool("10.213.0.4/30").ok());
  CHECK_FALSE(ParseEgressPool("10.212.0.0/15").ok());
  CHECK_FALSE(ParseEgressPool("10.213.0.4/31").ok());
  CHECK(PlacesOf(*ParseEgressPool("10.213.0.0/16")) == 16'384);
  CHECK(PlacesOf(*ParseEgressPool("10.213.0.4/30")) == 1);
}

TEST_CASE("the host's routes and name servers are read as it writes them", "[egress]") {
  const auto routes = ParseRoutes(
      "Iface\tDestination\tGateway \tFlags\tRefCnt\tUse\tMetric\tMask\t\tMTU\tWindow\tIRTT\n"
      "eth0\t00000000\t010200C0\t0003\t0\t0\t0\t00000000\t0\t0\t0\n"
      "eth0\t000200C0\t00000000\t0001\t0\t0\t0\t00FFFFFF\t0\t0\t0\n"
      "cut\t0002\n");
  REQUIRE(routes.size() == 2);
  CHECK(routes[0].to == *ParseIpv4Range("0.0.0.0/0"));
  CHECK(routes[1].interface == "eth0");
  CHECK(routes[1].to == *ParseIpv4Range("192.0.2.0/24"));
  CHECK(ParseRoutes("").empty());
  const auto servers = ParseResolvers(
      "# a host's\nsearch x\nnameserver 127.0.0.53\nnameserver 192.168.1.1\nnameserver ::1\nnameserver\n"
      "options edns0\nnameserver 0.0.0.0\nnameserver 9.9.9.9\n");
  CHECK(servers == std::vector{*ParseIpv4Address("192.168.1.1"), *ParseIpv4Address("9.9.9.9")});
}

TEST_CASE("name servers: chosen ones, else of the first file that has some out of the host, three at most",
          "[egress]") {
  const auto addresses = [](const char* text) { return *ParseIpv4Addresses(text); };
  const std::string first = "nameserver 192.0.2.1\nnameserver 9.9.9.9\n", second = "nameserver 9.9.9.10\n";
  const std::string own = "nameserver 127.0.0.53\nnameserver 192.0.2.1\n";
  const auto hosts = addresses("192.0.2.1,198.51.100.1");
  const std::string both[] = {first, second}, own_first[] = {own, second}, none[] = {own, ""};
  CHECK(ResolversFrom(addresses("1.1.1.1,8.8.8.8"), both, hosts) == addresses("1.1.1.1,8.8.8.8"));
  CHECK(ResolversFrom({}, both, hosts) == addresses("9.9.9.9"));
  CHECK(ResolversFrom({}, both, {}) == addresses("192.0.2.1,9.9.9.9"));
  CHECK(ResolversFrom({}, own_first, hosts) == addresses("9.9.9.10"));
  CHECK(ResolversFrom({}, none, hosts).empty());
  CHECK(ResolversFrom(addresses("1.1.1.1,1.1.1.2,1.1.1.3,1.1.1.4"), {}, {}) ==
        addresses("1.1.1.1,1.1.1.2,1.1.1.3"));
}

TEST_CASE("settings come to the launcher as they were given", "[egress]") {
  EgressOptions options;
  options.plan.pool = *ParseEgressPool("10.9.0.0/24");
  options.plan.opened = *ParseIpv4Ranges("192.168.1.0/24,10.1.2.3");
  options.resolvers = *ParseIpv4Addresses("9.9.9.9,1.1.1.1");
  options.nft = "/opt/nft";
  const auto back = EgressFromArguments(ArgumentsOf(options));
  REQUIRE(back.ok());
  CHECK(back->plan.pool == options.plan.pool);
  CHECK(back->plan.opened == options.plan.opened);
  CHECK(back->resolvers == options.resolvers);
  CHECK(back->nft == options.nft);
  CHECK(EgressFromArguments(ArgumentsOf({}))->plan.pool == *ParseIpv4Range("10.213.0.0/20"));
  CHECK(EgressFromArguments({})->nft.empty());
  for (const char* wrong : {"", "x", "--pool=x", "--open=1.2.3.4/33", "--resolver=", "--else=1"})
    CHECK_FALSE(EgressFromArguments({wrong}).ok());
  CHECK_FALSE(ParseIpv4Ranges("10.0.0.0/8,,").ok());
}

TEST_CASE("the rules are one transaction, and say what they are told", "[egress]") {
  EgressPlan plan{.pool = *ParseIpv4Range("10.9.0.0/24"), .opened = {}, .resolvers = {}};
  const std::string plain = EgressRuleset(plan, Forwarding::kWasOn);
  CHECK(plain.starts_with("table inet hearth\ndelete table inet hearth\ntable inet hearth {\n"));
  CHECK(Has(plain, "ip saddr 10.9.0.0/24 oifname != \"hearth*\" masquerade"));
  CHECK_FALSE(Has(plain, "chain others"));
  plan.opened = *ParseIpv4Ranges("192.168.1.0/24");
  plan.resolvers = *ParseIpv4Addresses("9.9.9.9,1.1.1.1");
  const std::string more = EgressRuleset(plan, Forwarding::kTurnedOn);
  CHECK(Has(more, "elements = { 192.168.1.0/24 }"));
  CHECK(Has(more, "elements = { 9.9.9.9, 1.1.1.1 }"));
  CHECK(Has(more, "chain others"));
  const uint32_t ports[] = {443, 5432};
  CHECK(OpenInterface("hearth7", ports) ==
        "add element inet hearth ports { \"hearth7\" . 443, \"hearth7\" . 5432 }\n");
  CHECK(CloseInterface("hearth7", {}) == "delete element inet hearth every_port { \"hearth7\" }\n");
}

}  // namespace
}  // namespace hearth
