#include "runtime/loop/outbox.h"

#include <string>

#include <catch2/catch.hpp>

#include "runtime/loop/manual_executor.h"

namespace hearth {

TEST_CASE("what is put goes over after the linger, in order, together", "[loop][loops]") {
  ManualExecutor here, there;
  Outbox outbox(here, there);
  std::string ran;
  outbox.Put([&ran] { ran += "a"; });
  outbox.Put([&ran] { ran += "b"; });
  there.RunPosted();
  CHECK(ran.empty());
  here.Advance(Outbox::kLinger);
  CHECK(ran.empty());  // not on this loop
  there.RunPosted();
  CHECK(ran == "ab");
  CHECK(here.timers_armed() == 0);
}

TEST_CASE("what is sent goes at once, behind what was put", "[loop][loops]") {
  ManualExecutor here, there;
  Outbox outbox(here, there);
  std::string ran;
  outbox.Put([&ran] { ran += "a"; });
  outbox.Send([&ran] { ran += "b"; });
  CHECK(here.timers_armed() == 0);
  there.RunPosted();
  CHECK(ran == "ab");
  outbox.Put([&ran] { ran += "c"; });
  here.Advance(Outbox::kLinger);
  there.RunPosted();
  CHECK(ran == "abc");
}

}  // namespace hearth
