#include <optional>
#include <utility>
#include <vector>

#include "runtime/worker/lone_worker.h"
#include "runtime/worker/worker_setup.h"
#include "runtime/worker/zygote.h"
#include "sandbox/privileges.h"

// hearth-worker: started by init of a sandbox with its channel as descriptor 3, no environment and no rights; or, of a
// blank sandbox ("blank"), with those to become a function's user, before there is a function.
int main(int count, char**) {
  // Before exec it could not be set, and exec has set it back.
  hearth::SetNotDumpable();
  constexpr int kInit = 3;
  std::optional<hearth::MadeAhead> ahead;
  if (count > 1) ahead = hearth::WaitBlank(kInit);
  std::vector<hearth::UniqueFd> fds;
  const hearth::ZygoteConfigFrame config = hearth::ReceiveConfig(kInit, fds);
  if (config.own_worker != 0) {
    if (!ahead) ahead = hearth::MakeAhead(hearth::TcpOf(config));
    hearth::RunLoneWorker(kInit, config, std::move(fds), std::move(*ahead));
  }
  hearth::RunZygote(kInit, config, std::move(fds));
}
