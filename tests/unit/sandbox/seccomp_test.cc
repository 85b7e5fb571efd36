#include <fcntl.h>
#include <linux/sched.h>
#include <signal.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <string>

#include <catch2/catch.hpp>

#include "sandbox/privileges.h"
#include "sandbox/seccomp_filter.h"

// The programs as the kernel runs them: each system call is made in a child that has loaded the filter.

namespace hearth {
namespace {

struct Filters {
  std::string zygote = CompileSeccomp(ZygotePolicy()).value();
  std::string worker = CompileSeccomp(WorkerPolicy()).value();
};

// errno of the call, 0 if it worked, or minus the signal that killed the child. A forked copy of this
// instrumented process: raw system calls only.
template <class Call>
int Under(const std::string& first, const std::string& second, Call call) {
  const pid_t child = fork();
  REQUIRE(child >= 0);
  if (child == 0) {
    SetNoNewPrivileges();
    if (InstallSeccomp(first) != 0 || (!second.empty() && InstallSeccomp(second) != 0))
      syscall(SYS_exit_group, 255);
    const long result = call();
    syscall(SYS_exit_group, result < 0 ? errno : 0);
  }
  int status = 0;
  REQUIRE(waitpid(child, &status, 0) == child);
  return WIFEXITED(status) ? WEXITSTATUS(status) : -WTERMSIG(status);
}

TEST_CASE("what a zygote may and may not call", "[seccomp]") {
  const Filters filters;
  const auto zygote = [&](auto call) { return Under(filters.zygote, "", call); };
  CHECK(zygote([] { return syscall(SYS_getpid); }) == 0);
  CHECK(zygote([] { return syscall(SYS_prlimit64, 0, 7, nullptr, nullptr); }) == 0);
  CHECK(zygote([] { return syscall(SYS_socket, AF_INET, SOCK_STREAM, 0); }) == EACCES);
  CHECK(zygote([] { return syscall(SYS_execve, nullptr, nullptr, nullptr); }) == EPERM);
  CHECK(zygote([] { return syscall(SYS_unshare, CLONE_NEWUSER); }) == ENOSYS);
  CHECK(zygote([] { return syscall(SYS_unshare, CLONE_THREAD); }) == 0);
  CHECK(zygote([] { return syscall(SYS_clone, SIGCHLD, 0, 0, 0, 0); }) == ENOSYS);
  CHECK(zygote([] { return syscall(SYS_clone, CLONE_NEWUSER | CLONE_NEWNET | SIGCHLD, 0, 0, 0, 0); }) ==
        ENOSYS);
  CHECK(zygote([] { return syscall(SYS_clone3, nullptr, 0); }) == ENOSYS);
  CHECK(zygote([] { return syscall(SYS_mount, nullptr, nullptr, nullptr, 0, nullptr); }) == -SIGSYS);
  CHECK(zygote([] { return syscall(SYS_ptrace, 0, 0, 0, 0); }) == -SIGSYS);
  CHECK(zygote([] { return syscall(425 /* io_uring_setup */, 0, nullptr); }) == ENOSYS);
  CHECK(zygote([] { return syscall(9999); }) == ENOSYS);
  CHECK(zygote([] { return syscall(SYS_fcntl, 1, F_GETFD); }) == 0);
  CHECK(zygote([] { return syscall(SYS_fcntl, 1, F_SETLEASE, F_RDLCK); }) == ENOSYS);
  CHECK(zygote([] { return syscall(SYS_fchmod, -1, 0755); }) == EBADF);
  CHECK(zygote([] { return syscall(SYS_fchmod, -1, 04755); }) == ENOSYS);
  CHECK(zygote([] { return syscall(SYS_openat, AT_FDCWD, "/tmp", O_RDWR | O_CREAT, 02755); }) == ENOSYS);
  // It reaches the kernel, which finds nothing to mount: what a worker needs is let through.
  CHECK(zygote([] { return syscall(SYS_move_mount, -1, "", -1, "/tmp", 4); }) == EBADF);
}

TEST_CASE("a worker loses what confined it", "[seccomp]") {
  const Filters filters;
  const auto worker = [&](auto call) { return Under(filters.zygote, filters.worker, call); };
  CHECK(worker([] { return syscall(SYS_getpid); }) == 0);
  CHECK(worker([] { return syscall(SYS_move_mount, -1, "", -1, "/tmp", 4); }) == -SIGSYS);
  CHECK(worker([] { return syscall(SYS_capset, nullptr, nullptr); }) == EPERM);
  CHECK(worker([] { return syscall(SYS_seccomp, 1, 0, nullptr); }) == EPERM);
  CHECK(worker([] { return syscall(SYS_unshare, CLONE_THREAD); }) == EPERM);
  CHECK(worker([] { return syscall(SYS_clone, SIGCHLD, 0, 0, 0, 0); }) == EPERM);
  CHECK(worker([] { return syscall(SYS_clone, WorkerCloneFlags() | SIGCHLD, 0, 0, 0, 0); }) == EPERM);
  CHECK(worker([] { return syscall(SYS_prlimit64, 0, 7, nullptr, nullptr); }) == 0);
  CHECK(worker([] {
          const unsigned long limit[2] = {8, 8};
          return syscall(SYS_prlimit64, 0, 7, limit, nullptr);
        }) == EPERM);
}

#if defined(__x86_64__)
TEST_CASE("the 32-bit ways into the kernel are closed", "[seccomp]") {
  const Filters filters;
  CHECK(Under(filters.zygote, "", [] { return syscall(0x40000000 + SYS_getpid); }) == -SIGSYS);
  CHECK(Under(filters.zygote, "", [] {
          long result = 20;  // getpid of i386
          __asm__ volatile("int $0x80" : "+a"(result) : : "memory");
          return result;
        }) == -SIGSYS);
}
#endif

TEST_CASE("where workers are the owner of files, they cannot change them by descriptor", "[seccomp]") {
  const Filters filters;
  const std::string owners = CompileSeccomp(WorkerPolicy(FilesOf::kOurUser)).value();
  const auto owner = [&](auto call) { return Under(filters.zygote, owners, call); };
  const auto other = [&](auto call) { return Under(filters.zygote, filters.worker, call); };
  CHECK(owner([] { return syscall(SYS_fchmod, -1, 0755); }) == EPERM);
  CHECK(owner([] { return syscall(SYS_utimensat, -1, nullptr, nullptr, 0); }) == EPERM);
  CHECK(owner([] { return syscall(SYS_utimensat, -1, "", nullptr, AT_EMPTY_PATH); }) == EPERM);
  CHECK(owner([] { return syscall(SYS_futimesat, -1, nullptr, nullptr); }) == EPERM);
  CHECK(owner([] { return syscall(SYS_utimensat, -1, "a", nullptr, 0); }) == EBADF);
  CHECK(other([] { return syscall(SYS_fchmod, -1, 0755); }) == EBADF);
  CHECK(other([] { return syscall(SYS_utimensat, -1, nullptr, nullptr, 0); }) == EBADF);
}

}  // namespace
}  // namespace hearth
