#include "runtime/pool/cpu_placement.h"

#include <stdlib.h>

#include <catch2/catch.hpp>

#include "runtime/base/files.h"

namespace hearth {
namespace {

const std::vector<CpuCore> kFour = {{0}, {1}, {2}, {3}};
const std::vector<CpuCore> kHyperthreaded = {{0, 4}, {1, 5}, {2, 6}, {3, 7}};

TEST_CASE("whole cores, from the last one down; one stays everybody's", "[cpus]") {
  const auto placed = PlaceCpus(kFour, {{1}, {2}});
  REQUIRE(placed.ok());
  CHECK(placed->hosts == std::vector<CpuList>{{3}, {1, 2}});
  CHECK(placed->shared == CpuList{0});
  CHECK(PlaceCpus(kFour, {})->shared == CpuList{0, 1, 2, 3});
}

TEST_CASE("one processor past what fits is refused, with the figures", "[cpus]") {
  CHECK(PlaceCpus(kFour, {{3}}).ok());
  const auto refused = PlaceCpus(kFour, {{3}, {1}});
  REQUIRE_FALSE(refused.ok());
  CHECK(refused.error().code == ErrorCode::kPrecondition);
  CHECK(refused.error().message ==
        "4 dedicated processors in all do not fit: this node has 4 in 4 whole cores, and one core stays "
        "everybody's");
  CHECK_FALSE(PlaceCpus({{0}}, {{1}}).ok());
}

TEST_CASE("who has a place keeps it when another comes or goes", "[cpus]") {
  const auto came = PlaceCpus(kFour, {{1}, {1, {3}}});
  REQUIRE(came.ok());
  CHECK(came->hosts == std::vector<CpuList>{{2}, {3}});
  const auto went = PlaceCpus(kFour, {{1, {1}}, {1}});
  REQUIRE(went.ok());
  CHECK(went->hosts == std::vector<CpuList>{{1}, {3}});
  CHECK(went->shared == CpuList{0, 2});
  // Its processor has been taken out of the machine, or it was everybody's last.
  CHECK(PlaceCpus(kFour, {{1, {7}}})->hosts == std::vector<CpuList>{{3}});
  CHECK_FALSE(PlaceCpus({{0}}, {{1, {0}}}).ok());
}

TEST_CASE("siblings of a core stay together", "[cpus]") {
  const auto placed = PlaceCpus(kHyperthreaded, {{4}});
  REQUIRE(placed.ok());
  CHECK(placed->hosts == std::vector<CpuList>{{2, 3, 6, 7}});
  CHECK(placed->shared == CpuList{0, 1, 4, 5});
  const auto refused = PlaceCpus(kHyperthreaded, {{3}});
  REQUIRE_FALSE(refused.ok());
  CHECK_THAT(refused.error().message, Catch::Contains("a core has 2; ask for 4"));
}

TEST_CASE("cores are read from sysfs; half of a core is none of ours", "[cpus]") {
  char scratch[] = "/tmp/hearth-cpus-XXXXXX";
  const std::string sys = ::mkdtemp(scratch);
  const char* siblings[] = {"0,4\n", "1,5\n", "0,4\n", "1,5\n"};
  const int cpus[] = {0, 1, 4, 5};
  for (int i = 0; i < 4; ++i) {
    const std::string folder = sys + "/cpu" + std::to_string(cpus[i]) + "/topology";
    REQUIRE(MakeFolders(folder).ok());
    REQUIRE(WriteFileAtomically(folder + "/thread_siblings_list", siblings[i]).ok());
  }
  CHECK(CoresOf({0, 1, 4, 5}, sys) == std::vector<CpuCore>{{0, 4}, {1, 5}});
  CHECK(CoresOf({0, 1, 4}, sys) == std::vector<CpuCore>{{0, 4}});
  CHECK(CoresOf({7}, sys) == std::vector<CpuCore>{{7}});  // a kernel that does not tell
  REQUIRE(RemoveTree(sys).ok());
}

}  // namespace
}  // namespace hearth
