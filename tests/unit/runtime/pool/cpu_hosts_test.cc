#include "runtime/pool/cpu_hosts.h"

#include <sched.h>

#include <catch2/catch.hpp>

#include "tests/unit/runtime/pool/fake_cpus.h"

namespace hearth {
namespace {

struct HostsFixture {
  FakeCpus backend;
  CpuList kept_on;
  CpuHosts hosts{backend, [this](const CpuList& shared) { kept_on = shared; }};
};

TEST_CASE_METHOD(HostsFixture, "everybody leaves before the tenant comes", "[cpus]") {
  REQUIRE(hosts.Apply({{"ded-1", 1}, {"ded-2", 2}}).ok());
  CHECK(backend.order == std::vector<std::string>{"", "ded-1", "ded-2"});
  CHECK(backend.sets[""] == CpuList{1000});
  CHECK(kept_on == CpuList{1000});
  CHECK(hosts.CpusOf("ded-1") == CpuList{1003});
  CHECK(hosts.CpusOf("ded-2") == CpuList{1001, 1002});
}

TEST_CASE_METHOD(HostsFixture, "a host that ends gives its processors back", "[cpus]") {
  REQUIRE(hosts.Apply({{"ded-1", 1}}).ok());
  REQUIRE(hosts.Apply({}).ok());
  CHECK(backend.sets == std::map<std::string, CpuList>{{"", {1000, 1001, 1002, 1003}}});
  CHECK(kept_on.size() == 4);
  CHECK(hosts.CpusOf("ded-1").empty());
}

// A bug once: the second moved to the processors that were left, onto which the first's last workers still ran.
TEST_CASE_METHOD(HostsFixture,
                 "one host ends: its last workers leave at once, the others stay where they are", "[cpus]") {
  REQUIRE(hosts.Apply({{"ded-1", 1}, {"ded-2", 1}}).ok());
  backend.order.clear();
  REQUIRE(hosts.Apply({{"ded-2", 1}, {"ded-3", 1}}).ok());
  CHECK(backend.order == std::vector<std::string>{"", "ded-1", "ded-2", "ded-3"});
  CHECK(backend.left_behind == std::map<std::string, CpuList>{{"ded-1", {1000, 1001}}});
  CHECK(hosts.CpusOf("ded-2") == CpuList{1002});
  CHECK(hosts.CpusOf("ded-3") == CpuList{1003});
}

TEST_CASE_METHOD(HostsFixture, "what does not fit is refused and changes nothing", "[cpus]") {
  REQUIRE(hosts.Apply({{"ded-1", 1}}).ok());
  const auto before = backend.sets;
  CHECK(hosts.Check({{"ded-1", 1}, {"ded-2", 2}}).ok());
  CHECK_FALSE(hosts.Check({{"ded-1", 1}, {"ded-2", 3}}).ok());
  CHECK_FALSE(hosts.Apply({{"ded-1", 1}, {"ded-2", 3}}).ok());
  CHECK(backend.sets == before);
}

TEST_CASE_METHOD(HostsFixture, "without cpuset there are no hosts, and none are needed", "[cpus]") {
  backend.none = true;
  CHECK(hosts.Apply({}).ok());
  const Status refused = hosts.Check({{"ded-1", 1}});
  REQUIRE_FALSE(refused.ok());
  CHECK(refused.error().message == "no cpuset");
}

TEST_CASE("this process keeps to the processors that are named", "[cpus]") {
  cpu_set_t before;
  REQUIRE(sched_getaffinity(0, sizeof before, &before) == 0);
  CpuList all;
  for (int cpu = 0; cpu < CPU_SETSIZE; ++cpu) {
    if (CPU_ISSET(cpu, &before)) all.push_back(cpu);
  }
  KeepThisProcessOn({all.front()});
  cpu_set_t now;
  REQUIRE(sched_getaffinity(0, sizeof now, &now) == 0);
  CHECK(CPU_COUNT(&now) == 1);
  CHECK(CPU_ISSET(all.front(), &now));
  KeepThisProcessOn(all);
  REQUIRE(sched_getaffinity(0, sizeof now, &now) == 0);
  CHECK(CPU_EQUAL(&now, &before));
}

}  // namespace
}  // namespace hearth
