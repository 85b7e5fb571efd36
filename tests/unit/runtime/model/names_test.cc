#include <set>

#include <catch2/catch.hpp>

#include "runtime/model/observers.h"

namespace hearth {
namespace {

TEST_CASE("each kind has a name of its own; a number of no kind does no harm", "[model]") {
  std::set<std::string_view> outcomes, triggers, states;
  for (uint8_t n = 0; n <= 11; ++n) outcomes.insert(NameOf(static_cast<OutcomeKind>(n)));
  for (uint8_t n = 0; n <= 5; ++n) triggers.insert(NameOf(static_cast<TriggerKind>(n)));
  for (uint8_t n = 0; n <= 6; ++n) states.insert(NameOf(static_cast<WorkerState>(n)));
  CHECK(outcomes.size() == 12);
  CHECK(triggers.size() == 6);
  CHECK(states.size() == 7);
  CHECK(outcomes.count("unknown") + triggers.count("unknown") + states.count("unknown") == 0);
  CHECK(NameOf(static_cast<OutcomeKind>(200)) == "unknown");
  CHECK(NameOf(static_cast<TriggerKind>(200)) == "unknown");
}

TEST_CASE("what ran is billed, however it ended; what did not run, or we broke, is not", "[model]") {
  for (uint8_t n = 0; n <= 6; ++n) CHECK(IsBillable(static_cast<OutcomeKind>(n)));
  for (uint8_t n = 7; n <= 10; ++n) CHECK_FALSE(IsBillable(static_cast<OutcomeKind>(n)));
}

}  // namespace
}  // namespace hearth
