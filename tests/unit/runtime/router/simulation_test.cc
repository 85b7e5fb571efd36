#include "tests/unit/runtime/router/simulation.h"

#include <cstdlib>

#include <catch2/catch.hpp>

namespace hearth {
namespace {

constexpr size_t kSteps = 150;

std::string AsText(const std::vector<std::string>& lines) {
  std::string text;
  for (const std::string& line : lines) text += line + "\n";
  return text;
}

Simulation::Counts CheckSeed(uint64_t seed) {
  Simulation simulation(seed);
  simulation.Live(kSteps);
  simulation.ComeToRest();
  const std::vector<std::string> broken = simulation.Broken();
  INFO("HEARTH_SEED=" << seed << " lives through it again:\n" << AsText(broken));
  CHECK(broken.empty());
  return simulation.counts();
}

// `part` of four, so that they run side by side. HEARTH_LONG: ten times as many.
void LiveThrough(uint64_t part) {
  const uint64_t seeds = std::getenv("HEARTH_LONG") != nullptr ? 2'500 : 250;
  const uint64_t first = (part - 1) * seeds + 1;
  Simulation::Counts all;
  for (uint64_t seed = first; seed < first + seeds; ++seed) all += CheckSeed(seed);
  // It did happen.
  CHECK(all.accepted > 5 * seeds);
  CHECK(all.told > 5 * seeds);
  CHECK(all.runs > 10 * seeds);
  CHECK(all.retried > seeds);
  CHECK(all.crashes > seeds);
  CHECK(all.handed_ahead > seeds);
  WARN(seeds << " seeds: " << all.accepted << " events accepted, " << all.told << " answers, " << all.runs
             << " runs, " << all.retried << " of them again, " << all.handed_ahead
             << " events behind others, " << all.crashes << " crashes");
}

// Whatever happens, each accepted event ends once, each charge is one run, and nothing leaks.
TEST_CASE("simulation: lives of a daemon 1 of 4", "[simulation]") { LiveThrough(1); }
TEST_CASE("simulation: lives of a daemon 2 of 4", "[simulation]") { LiveThrough(2); }
TEST_CASE("simulation: lives of a daemon 3 of 4", "[simulation]") { LiveThrough(3); }
TEST_CASE("simulation: lives of a daemon 4 of 4", "[simulation]") { LiveThrough(4); }

TEST_CASE("simulation: the seed of HEARTH_SEED", "[simulation]") {
  const char* const seed = std::getenv("HEARTH_SEED");
  CheckSeed(seed != nullptr ? std::strtoull(seed, nullptr, 10) : 0);
}

TEST_CASE("simulation: a bug of each kind is noticed", "[simulation]") {
  using Planted = Simulation::Planted;
  const auto [planted, words] = GENERATE(table<Planted, std::string>({
      {Planted::kEventLost, "has not ended"},
      {Planted::kRecordLost, "has no record"},
      {Planted::kRecordInvented, "has a record and never ran"},
      {Planted::kTimeInvented, "has a record of something else than what ran"},
      {Planted::kWorkerKept, "is busy"},
      {Planted::kEndToldTwice, "was told 2 times"},
      {Planted::kRunAgain, "ran to success 2 times"},
  }));
  Simulation simulation(7, planted);
  simulation.Live(kSteps);
  simulation.ComeToRest();
  const std::string text = AsText(simulation.Broken());
  INFO(text);
  CHECK(text.find(words) != std::string::npos);
}

}  // namespace
}  // namespace hearth
