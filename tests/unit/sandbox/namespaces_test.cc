#include "sandbox/namespaces.h"

#include <signal.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>

#include <catch2/catch.hpp>

namespace hearth {
namespace {

constexpr int kKills = 50;

[[noreturn]] void MakeMapsFor(int told) {
  for (;;) {
    (void)MakeOwnerMap(1000, 1000, 0);
    if (write(told, "m", 1) != 1) _exit(1);
  }
}

// Goal: the process that a map needs for a moment ends with its maker, whenever that is killed.
TEST_CASE("maker of owner maps is killed: nothing of it lives on", "[sandbox]") {
  if (!MakeOwnerMap(1000, 1000, 0).ok()) {
    WARN("no user namespace can be made here: as root, sysctl user.max_user_namespaces");
    return;
  }
  REQUIRE(prctl(PR_SET_CHILD_SUBREAPER, 1) == 0);  // whoever outlives its parent becomes our child
  for (int kill_number = 0; kill_number < kKills; ++kill_number) {
    int told[2];
    REQUIRE(pipe(told) == 0);
    const pid_t maker = fork();
    REQUIRE(maker >= 0);
    if (maker == 0) MakeMapsFor(told[1]);
    char made;
    for (int map = 0; map <= kill_number % 5; ++map) REQUIRE(read(told[0], &made, 1) == 1);
    REQUIRE(kill(maker, SIGKILL) == 0);
    while (waitpid(-1, nullptr, 0) > 0) {  // would wait for ever for one that stays
    }
    CHECK(errno == ECHILD);
    close(told[0]);
    close(told[1]);
  }
  REQUIRE(prctl(PR_SET_CHILD_SUBREAPER, 0) == 0);
}

}  // namespace
}  // namespace hearth
