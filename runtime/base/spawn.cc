#include <fcntl.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>

#include <boost/process/args.hpp>
#include <boost/process/child.hpp>
#include <boost/process/env.hpp>
#include <boost/process/environment.hpp>
#include <boost/process/extend.hpp>
#include <boost/process/io.hpp>

#include "runtime/base/process.h"

namespace hearth {
namespace {

namespace bp = boost::process;

// CLOSE_RANGE_CLOEXEC keeps Boost's exec-error pipe working until exec: bp::limit_handles would close it.
void PrepareChild(const SpawnOptions& options) {
  if (options.stdout_fd >= 0) ::dup2(options.stdout_fd, 1);
  if (options.stderr_fd >= 0) ::dup2(options.stderr_fd, 2);
  unsigned first_closed = 3;
  if (options.inherited_fd >= 0) {
    if (options.inherited_fd == 3) {
      ::fcntl(3, F_SETFD, 0);
    } else {
      ::dup2(options.inherited_fd, 3);
    }
    first_closed = 4;
  }
  ::syscall(SYS_close_range, first_closed, ~0U, 4U /* CLOSE_RANGE_CLOEXEC */);
  if (options.die_with_parent) ::prctl(PR_SET_PDEATHSIG, SIGKILL);
}

}  // namespace

Result<ChildProcess> Spawn(const SpawnOptions& options) {
  try {
    bp::environment environment;
    for (const std::string& pair : options.environment) {
      const size_t equals = pair.find('=');
      environment[pair.substr(0, equals)] = equals == std::string::npos ? "" : pair.substr(equals + 1);
    }
    std::error_code failure;
    bp::child child(
        options.executable, bp::args(options.arguments), environment, bp::std_in < bp::null, failure,
        bp::extend::on_exec_setup = [&options](auto&) { PrepareChild(options); });
    if (failure) return ErrnoError("start " + options.executable, failure.value());
    const pid_t pid = child.id();
    child.detach();  // ours from here on, through the pidfd
    UniqueFd pidfd(static_cast<int>(::syscall(SYS_pidfd_open, pid, 0)));
    if (!pidfd) return ErrnoError("pidfd_open");
    return ChildProcess(pid, std::move(pidfd));
  } catch (const std::exception& e) {
    return Error{ErrorCode::kIo, "start " + options.executable + ": " + e.what()};
  }
}

}  // namespace hearth
