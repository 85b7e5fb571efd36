#include <signal.h>
#include <sys/prctl.h>
#include <unistd.h>

#include <cstdio>

#include "runtime/worker/launcher.h"

// hearth-launcher: started by hearthd with the control channel as descriptor 3 and an empty environment.
int main() {
  // A session of its own: ^C in hearthd's terminal is for hearthd, which drains first.
  setsid();
  for (const int number : {SIGINT, SIGTERM, SIGHUP, SIGPIPE}) signal(number, SIG_IGN);
  prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0);
  auto launcher = hearth::Launcher::Create(hearth::UniqueFd(3));
  if (!launcher.ok()) {
    fprintf(stderr, "hearth-launcher: %s\n", launcher.error().message.c_str());
    return 1;
  }
  return (*launcher)->Run();
}
