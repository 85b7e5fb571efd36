#include <signal.h>
#include <sys/prctl.h>
#include <unistd.h>

#include <cstdio>

#include "runtime/worker/launcher.h"
#include "sandbox/egress_options.h"

// hearth-launcher: started by hearthd with the control channel as descriptor 3, an empty environment, and the settings of
// ways out (EgressFromArguments()).
int main(int count, char** arguments) {
  // A session of its own: ^C in hearthd's terminal is for hearthd, which drains first.
  setsid();
  for (const int number : {SIGINT, SIGTERM, SIGHUP, SIGPIPE}) signal(number, SIG_IGN);
  prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0);
  auto egress = hearth::EgressFromArguments({arguments + 1, arguments + count});
  auto launcher =
      egress.ok() ? hearth::Launcher::Create(hearth::UniqueFd(3), std::move(egress).value()) : egress.error();
  if (!launcher.ok()) {
    fprintf(stderr, "hearth-launcher: %s\n", launcher.error().message.c_str());
    return 1;
  }
  return (*launcher)->Run();
}
