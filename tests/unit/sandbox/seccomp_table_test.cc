#include <fcntl.h>
#include <linux/audit.h>
#include <linux/fs.h>
#include <linux/sched.h>
#include <linux/seccomp.h>
#include <signal.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>

#include <array>
#include <cerrno>
#include <iterator>
#include <map>
#include <set>
#include <sstream>
#include <string>

#include <catch2/catch.hpp>

#include "sandbox/seccomp_filter.h"
#include "tests/unit/sandbox/bpf_interpreter.h"

// The programs, interpreted for every system call, against the policy as a table. The table is written down
// again here, so that no call changes its tier unseen.

namespace hearth {
namespace {

#if defined(__x86_64__)
constexpr uint32_t kNative = AUDIT_ARCH_X86_64;
#else
constexpr uint32_t kNative = AUDIT_ARCH_AARCH64;
#endif

constexpr uint32_t kAllowed = SECCOMP_RET_ALLOW;
constexpr uint32_t kTold = SECCOMP_RET_USER_NOTIF;  // and killed by init
constexpr uint32_t kKilled = SECCOMP_RET_KILL_PROCESS;
constexpr uint32_t Error(int error) { return SECCOMP_RET_ERRNO | static_cast<uint32_t>(error); }
constexpr uint32_t kUnknown = Error(ENOSYS);

// Whatever their arguments are, in a zygote and in a worker.
const char* const kAllowedAlways =
    "access alarm arch_prctl brk capget chdir clock_getres clock_gettime clock_nanosleep close "
    "close_range copy_file_range dup dup2 dup3 epoll_create epoll_create1 epoll_ctl epoll_pwait "
    "epoll_pwait2 epoll_wait eventfd eventfd2 exit exit_group faccessat faccessat2 fadvise64 "
    "fallocate fchdir fdatasync flock fstat fstatfs fsync ftruncate futex futex_waitv futimesat "
    "get_robust_list getcpu getcwd getdents getdents64 getegid geteuid getgid getgroups getitimer "
    "getpeername getpgid getpgrp getpid getppid getpriority getrandom getresgid getresuid "
    "getrlimit getrusage getsid getsockname getsockopt gettid gettimeofday getuid link linkat "
    "lseek lstat madvise membarrier memfd_create mincore mlock mlock2 mlockall mmap mprotect "
    "mremap msync munlock munlockall munmap nanosleep newfstatat pause pipe pipe2 poll ppoll "
    "pread64 preadv preadv2 pselect6 pwrite64 pwritev pwritev2 read readahead readlink readlinkat "
    "readv recvfrom recvmmsg recvmsg rename renameat restart_syscall rmdir rseq rt_sigaction "
    "rt_sigpending rt_sigprocmask rt_sigreturn rt_sigsuspend rt_sigtimedwait "
    "sched_get_priority_max sched_get_priority_min sched_getaffinity sched_getparam "
    "sched_getscheduler sched_yield select sendfile sendmmsg sendmsg sendto set_robust_list "
    "set_tid_address setitimer shutdown sigaltstack signalfd signalfd4 splice stat statfs statx "
    "symlink symlinkat sync_file_range sysinfo tee time timer_create timer_delete timer_getoverrun "
    "timer_gettime timer_settime timerfd_create timerfd_gettime timerfd_settime times tkill "
    "truncate umask uname unlink unlinkat utime utimensat utimes wait4 waitid write writev ";
const char* const kRefusedEacces = "accept accept4 bind connect listen socket ";
const char* const kRefusedEopnotsupp =
    "fgetxattr flistxattr fremovexattr fsetxattr getxattr lgetxattr listxattr llistxattr "
    "lremovexattr lsetxattr removexattr setxattr ";
const char* const kRefusedEperm =
    "adjtimex chown chroot clock_adjtime clock_settime execve execveat fanotify_init fanotify_mark "
    "fchown fchownat fork inotify_add_watch inotify_init inotify_init1 ioprio_set lchown mknod "
    "mknodat mq_open mq_unlink msgctl msgget msgrcv msgsnd name_to_handle_at personality "
    "pidfd_open pidfd_send_signal rt_sigqueueinfo rt_tgsigqueueinfo sched_setaffinity "
    "sched_setattr sched_setparam sched_setscheduler semctl semget semop semtimedop setdomainname "
    "setfsgid setfsuid setgid setgroups sethostname setns setpriority setsid setregid setresgid "
    "setresuid setreuid setsockopt settimeofday setuid shmat shmctl shmdt shmget sync syncfs "
    "syslog vfork vhangup ";
const char* const kToldCalls =
    "acct add_key bpf delete_module finit_module fsconfig fsmount fsopen fspick init_module ioperm "
    "iopl kcmp kexec_file_load kexec_load keyctl modify_ldt mount mount_setattr open_by_handle_at "
    "open_tree perf_event_open pidfd_getfd pivot_root process_vm_readv process_vm_writev ptrace "
    "quotactl reboot request_key swapoff swapon umount2 userfaultfd ";
// A zygote may, a worker may not.
const char* const kZygotesOnly =
    "capset seccomp landlock_create_ruleset landlock_add_rule landlock_restrict_self setrlimit ";
// Their arguments decide: see the cases below.
const char* const kByArguments =
    "clone unshare setpgid prctl prlimit64 kill tgkill ioctl fcntl socketpair move_mount renameat2 "
    "open openat creat mkdir mkdirat chmod fchmod fchmodat ";

std::set<std::string> Words(const char* text) {
  std::istringstream in(text);
  return {std::istream_iterator<std::string>(in), std::istream_iterator<std::string>()};
}

using Arguments = std::array<uint64_t, 6>;

struct Stacks {
  std::vector<std::string> zygote{CompileSeccomp(ZygotePolicy(), Killing::kByListener).value()};
  std::vector<std::string> worker{zygote[0], CompileSeccomp(WorkerPolicy()).value()};
  std::vector<std::string> init{CompileSeccomp(InitPolicy()).value()};
  std::vector<std::string> unpack{CompileSeccomp(UnpackPolicy()).value()};
};

uint32_t Ask(const std::vector<std::string>& stack, int number, const Arguments& arguments = {},
             uint32_t architecture = kNative) {
  seccomp_data data{};
  data.nr = number;
  data.arch = architecture;
  for (size_t i = 0; i < arguments.size(); ++i) data.args[i] = arguments[i];
  const auto verdict = RunStack(stack, data);
  REQUIRE(verdict);
  return *verdict;
}

// Edges of what an argument may be: small, around each bit, all ones, a pointer.
std::vector<Arguments> ArgumentEdges() {
  std::vector<Arguments> edges{{}, {1, 1, 1, 1, 1, 1}};
  for (unsigned bit = 1; bit < 64; bit += 3) {
    const uint64_t one = 1ULL << bit;
    edges.push_back({one, one, one, one, one, one});
    edges.push_back({one - 1, one, one - 1, one, one - 1, one});
  }
  edges.push_back({~0ULL, ~0ULL, ~0ULL, ~0ULL, ~0ULL, ~0ULL});
  edges.push_back({0x7f0000001000, 4096, 0x7f0000001000, 0xffffffff, 0, 0x7fffffff});
  return edges;
}

constexpr int kNumbersMax = 1024;  // twice what there is

TEST_CASE("every system call has its tier, whatever its arguments", "[seccomp]") {
  const Stacks stacks;
  std::map<std::string, uint32_t> zygote, worker;
  const auto set = [&](const char* calls, uint32_t in_zygote, uint32_t in_worker) {
    for (const std::string& call : Words(calls)) {
      INFO(call);
      CHECK(zygote.emplace(call, in_zygote).second);
      worker.emplace(call, in_worker);
    }
  };
  set(kAllowedAlways, kAllowed, kAllowed);
  set(kRefusedEacces, Error(EACCES), Error(EACCES));
  set(kRefusedEopnotsupp, Error(EOPNOTSUPP), Error(EOPNOTSUPP));
  set(kRefusedEperm, Error(EPERM), Error(EPERM));
  set(kToldCalls, kTold, kTold);
  set(kZygotesOnly, kAllowed, Error(EPERM));
  const std::set<std::string> by_arguments = Words(kByArguments);
  const auto edges = ArgumentEdges();
  size_t known = 0;
  for (int number = 0; number < kNumbersMax; ++number) {
    const std::string call = SystemCallName(number);
    if (by_arguments.count(call) != 0) continue;
    known += zygote.count(call);
    const auto expected = [&](const std::map<std::string, uint32_t>& table) {
      const auto found = table.find(call);
      return found == table.end() ? kUnknown : found->second;
    };
    for (const Arguments& arguments : edges) {
      if (Ask(stacks.zygote, number, arguments) != expected(zygote)) FAIL("zygote: " << call);
      if (Ask(stacks.worker, number, arguments) != expected(worker)) FAIL("worker: " << call);
    }
  }
  CHECK(known >= 250);
  for (const int number : {-1, -2, 0x3fffffff, 0x7fffffff}) {
    INFO(number);
    CHECK((Ask(stacks.worker, number) == kUnknown || Ask(stacks.worker, number) == kKilled));
  }
}

TEST_CASE("other architectures die, for every number", "[seccomp]") {
  const Stacks stacks;
  for (const auto* stack : {&stacks.zygote, &stacks.worker, &stacks.init, &stacks.unpack}) {
    for (int number = 0; number < kNumbersMax; ++number) {
      for (const uint32_t architecture :
           {uint32_t{AUDIT_ARCH_I386}, uint32_t{AUDIT_ARCH_ARM}, uint32_t{AUDIT_ARCH_X86_64},
            uint32_t{AUDIT_ARCH_AARCH64}, uint32_t{AUDIT_ARCH_RISCV64}, 0u, ~0u}) {
        if (architecture == kNative) continue;
        if (Ask(*stack, number, {}, architecture) != kKilled) FAIL(number << " of " << architecture);
      }
#if defined(__x86_64__)
      constexpr int kX32 = 0x40000000;
      if (Ask(*stack, kX32 + number) != kKilled) FAIL("x32: " << number);
#endif
    }
  }
}

struct Case {
  const char* call;
  Arguments arguments;
  uint32_t zygote, worker;
};

constexpr uint64_t kThread = CLONE_VM | CLONE_FS | CLONE_FILES | CLONE_SIGHAND | CLONE_THREAD |
                             CLONE_SYSVSEM | CLONE_SETTLS | CLONE_PARENT_SETTID | CLONE_CHILD_CLEARTID;
constexpr uint64_t kHigh = 1ULL << 32;  // what the kernel does not look at in an int

TEST_CASE("arguments decide", "[seccomp]") {
  const Stacks stacks;
  const uint64_t worker = WorkerCloneFlags() | SIGCHLD | CLONE_CHILD_SETTID | CLONE_CHILD_CLEARTID;
  constexpr uint32_t kDenied = Error(EPERM);
  std::vector<Case> cases{
      // Threads; no processes; no namespaces, alone or with a thread. A zygote has one way to fork.
      {"clone", {kThread}, kAllowed, kAllowed},
      {"clone", {SIGCHLD}, kUnknown, kDenied},
      {"clone", {CLONE_VM | CLONE_VFORK | SIGCHLD}, kUnknown, kDenied},
      {"clone", {worker}, kAllowed, kDenied},
      {"clone", {worker & ~uint64_t{CLONE_NEWPID}}, kUnknown, kDenied},
      {"clone", {worker & ~uint64_t{CLONE_PARENT}}, kUnknown, kDenied},
      {"clone", {worker | CLONE_NEWNET}, kUnknown, kDenied},
      {"clone", {worker | CLONE_VM}, kUnknown, kDenied},
      {"clone", {worker | CLONE_FILES}, kUnknown, kDenied},
      {"unshare", {CLONE_THREAD}, kAllowed, kDenied},
      {"unshare", {CLONE_THREAD | CLONE_NEWUSER}, kUnknown, kDenied},
      {"unshare", {0}, kUnknown, kDenied},
      {"unshare", {CLONE_NEWUSER}, kUnknown, kDenied},
      {"move_mount", {}, kAllowed, kKilled},
      // A worker leads a process group, once; nobody joins one.
      {"setpgid", {0, 0}, kAllowed, kDenied},
      {"setpgid", {1, 0}, kUnknown, kDenied},
      {"setpgid", {0, 1}, kUnknown, kDenied},
      {"setpgid", {~0ULL, ~0ULL}, kUnknown, kDenied},
      // Whom a worker may name: itself, by 0 or by 1.
      {"kill", {0, SIGTERM}, kAllowed, kAllowed},
      {"kill", {1, SIGTERM}, kAllowed, kAllowed},
      {"kill", {2, SIGTERM}, kAllowed, kDenied},
      {"kill", {~0ULL, SIGKILL}, kAllowed, kDenied},
      {"kill", {0xffffffff, SIGKILL}, kAllowed, kDenied},
      {"kill", {kHigh + 2, SIGKILL}, kAllowed, kDenied},
      {"tgkill", {1, 5, SIGUSR1}, kAllowed, kAllowed},
      {"tgkill", {2, 2, SIGUSR1}, kAllowed, kDenied},
      {"prlimit64", {0, 7, 0, 4096}, kAllowed, kAllowed},
      {"prlimit64", {1, 7, 0, 4096}, kAllowed, kAllowed},
      {"prlimit64", {2, 7, 0, 4096}, kAllowed, kDenied},
      {"prlimit64", {0, 7, 4096, 0}, kAllowed, kDenied},
      {"prlimit64", {0, 7, kHigh, 0}, kAllowed, kDenied},
      {"socketpair", {AF_UNIX, SOCK_STREAM}, kAllowed, kAllowed},
      {"socketpair", {kHigh | AF_UNIX, SOCK_STREAM}, kAllowed, kAllowed},
      {"socketpair", {AF_INET, SOCK_STREAM}, kUnknown, kUnknown},
      {"socketpair", {40, SOCK_STREAM}, kUnknown, kUnknown},
      // A whiteout is a device node.
      {"renameat2", {0, 0, 0, 0, 0}, kAllowed, kAllowed},
      {"renameat2", {0, 0, 0, 0, RENAME_NOREPLACE}, kAllowed, kAllowed},
      {"renameat2", {0, 0, 0, 0, RENAME_WHITEOUT}, kUnknown, kUnknown},
      {"renameat2", {0, 0, 0, 0, RENAME_WHITEOUT | RENAME_NOREPLACE}, kUnknown, kUnknown},
  };
  const auto both = [&](const char* call, unsigned index, uint64_t value, uint32_t verdict) {
    Case each{call, {}, verdict, verdict};
    each.arguments[index] = value;
    cases.push_back(each);
  };
  // A namespace with a thread: each by itself.
  for (const uint64_t space : {CLONE_NEWUSER, CLONE_NEWNS, CLONE_NEWPID, CLONE_NEWIPC, CLONE_NEWNET,
                               CLONE_NEWUTS, CLONE_NEWCGROUP}) {
    both("clone", 0, kThread | space, kUnknown);
  }
  // No set-user-id bits, by whatever name.
  const std::pair<const char*, unsigned> with_mode[] = {{"open", 2},   {"openat", 3},  {"creat", 1},
                                                        {"mkdir", 1},  {"mkdirat", 2}, {"chmod", 1},
                                                        {"fchmod", 1}, {"fchmodat", 2}};
  for (const auto& [call, index] : with_mode) {
    both(call, index, 01777, kAllowed);
    both(call, index, S_ISUID, kUnknown);
    both(call, index, S_ISGID | 0755, kUnknown);
  }
  const std::set<uint64_t> prctls{PR_SET_NAME,     PR_GET_NAME,         PR_GET_DUMPABLE,
                                  PR_CAPBSET_READ, PR_GET_NO_NEW_PRIVS, 0x53564d41 /* PR_SET_VMA */};
  for (uint64_t option = 0; option < 128; ++option)
    both("prctl", 0, option, prctls.count(option) != 0 ? kAllowed : kUnknown);
  both("prctl", 0, 0x53564d41, kAllowed);
  both("prctl", 0, 0x59616d61 /* PR_SET_PTRACER */, kUnknown);
  both("prctl", 0, ~0ULL, kUnknown);
  // Record locks: yes. Leases, notifications, signals for others: no.
  const std::set<uint64_t> fcntls{
      F_DUPFD, F_GETFD, F_SETFD, F_GETFL,         F_SETFL,     F_GETLK,     F_SETLK,      F_SETLKW,
      36,      37,      38,      F_DUPFD_CLOEXEC, F_ADD_SEALS, F_GET_SEALS, F_SETPIPE_SZ, F_GETPIPE_SZ};
  for (uint64_t command = 0; command < 1100; ++command) {
    both("fcntl", 1, command, fcntls.count(command) != 0 ? kAllowed : kUnknown);
    both("fcntl", 1, kHigh | command, fcntls.count(command) != 0 ? kAllowed : kUnknown);
  }
  const std::set<uint64_t> ioctls{TCGETS, TIOCGWINSZ, FIONREAD, FIONBIO, FIOCLEX, FIONCLEX};
  for (uint64_t command = 0x5400; command < 0x5480; ++command)
    both("ioctl", 1, command, ioctls.count(command) != 0 ? kAllowed : kUnknown);
  for (const uint64_t command : {0ULL, 0x8912ULL /* SIOCGIFCONF */, 0xc0502100ULL /* a listener's */, ~0ULL})
    both("ioctl", 1, command, kUnknown);

  for (const Case& each : cases) {
    int number = 0;
    while (number < kNumbersMax && SystemCallName(number) != each.call) ++number;
    if (number == kNumbersMax) continue;  // not on this architecture
    const uint32_t zygote = Ask(stacks.zygote, number, each.arguments);
    const uint32_t in_worker = Ask(stacks.worker, number, each.arguments);
    if (zygote != each.zygote || in_worker != each.worker) {
      FAIL(each.call << "(" << std::hex << each.arguments[0] << ", " << each.arguments[1] << ", "
                     << each.arguments[2] << ", " << each.arguments[3] << "): zygote " << zygote
                     << ", worker " << in_worker);
    }
  }
}

// Where workers are of the user whose files are handed to them, open for reading.
TEST_CASE("a worker of our own user changes no file by its descriptor", "[seccomp]") {
  const Stacks stacks;
  const std::vector<std::string> ours{stacks.zygote[0],
                                      CompileSeccomp(WorkerPolicy(FilesOf::kOurUser)).value()};
  constexpr uint64_t kPath = 0x7f0000001000;
  std::map<std::string, std::vector<std::pair<Arguments, uint32_t>>> cases{
      {"fchmod", {{{3, 0600}, Error(EPERM)}}},
      {"futimesat", {{{3, 0}, Error(EPERM)}, {{3, kPath}, kAllowed}}},
      {"utimensat",
       {{{3, 0, kPath, 0}, Error(EPERM)},
        {{3, kPath, kPath, 0}, kAllowed},
        {{3, kPath, kPath, AT_EMPTY_PATH}, Error(EPERM)}}},
  };
  for (int number = 0; number < kNumbersMax; ++number) {
    const std::string call = SystemCallName(number);
    INFO(call);
    const auto special = cases.find(call);
    if (special == cases.end()) {
      if (Ask(ours, number) != Ask(stacks.worker, number)) FAIL(call);
      continue;
    }
    for (const auto& [arguments, verdict] : special->second) CHECK(Ask(ours, number, arguments) == verdict);
  }
}

// Of a worker that waited for its function behind the first filter, and may still become its user then.
TEST_CASE("a worker that was no fork may make the calls that a fork may, to the last argument", "[seccomp]") {
  const Stacks stacks;
  const std::string blank = CompileSeccomp(BlankWorkerPolicy(), Killing::kByListener).value();
  const std::vector<std::string> waiting{blank}, lone{blank, CompileSeccomp(LoneWorkerPolicy()).value()};
  std::vector<Arguments> edges = ArgumentEdges();
  for (uint64_t option = 0; option < 80; ++option) {  // commands of fcntl, options of prctl, families
    edges.push_back({option, 0, 0, 0, 0, 0});
    edges.push_back({0, option, 0, 0, 0, 0});
  }
  for (const uint64_t flags :
       {WorkerCloneFlags(), WorkerCloneFlags() | SIGCHLD, uint64_t{CLONE_THREAD}, kThread})
    edges.push_back({flags, 0, 0, 0, 0, 0});
  size_t kept_back = 0;
  for (int number = 0; number < kNumbersMax; ++number) {
    INFO(number << " " << SystemCallName(number));
    for (const Arguments& arguments : edges) {
      const uint32_t expected = Ask(stacks.worker, number, arguments);
      if (Ask(lone, number, arguments) != expected)
        FAIL("differs with " << arguments[0] << ", " << arguments[1]);
      kept_back += Ask(waiting, number, arguments) == kAllowed && expected != kAllowed;
    }
  }
  CHECK(kept_back > 0);
  const auto number_of = [](const std::string& call) {
    int number = 0;
    while (number < kNumbersMax && SystemCallName(number) != call) ++number;
    REQUIRE(number < kNumbersMax);
    return number;
  };
  for (const char* call : {"setgroups", "setresgid", "setresuid"}) {
    const int number = number_of(call);
    CHECK(Ask(waiting, number) == kAllowed);
    CHECK(Ask(stacks.zygote, number) == Error(EPERM));
  }
  const int prctl = number_of("prctl");
  CHECK(Ask(waiting, prctl, {PR_CAPBSET_DROP}) == kAllowed);
  CHECK(Ask(lone, prctl, {PR_CAPBSET_DROP}) == kUnknown);
}

TEST_CASE("init and the unpacker may make no more than they need", "[seccomp]") {
  const Stacks stacks;
  const auto allowed_in = [&](const std::vector<std::string>& stack, const Arguments& arguments) {
    std::set<std::string> calls;
    for (int number = 0; number < kNumbersMax; ++number) {
      if (Ask(stack, number, arguments) == kAllowed) calls.insert(SystemCallName(number));
    }
    return calls;
  };
  const std::set<std::string> init = allowed_in(stacks.init, {});
  CHECK(init.size() < 75);
  for (const char* call : {"open", "openat", "execve", "clone", "clone3", "socket", "mount", "move_mount",
                           "ptrace", "setuid", "kill", "ioctl", "write", "prctl"}) {
    INFO(call);
    CHECK(init.count(call) == 0);
  }
  CHECK(allowed_in(stacks.init, {0, SIGKILL}).count("kill") == 1);
  CHECK(allowed_in(stacks.init, {0, SIGTERM}).count("kill") == 0);
  CHECK(allowed_in(stacks.init, {0, SECCOMP_IOCTL_NOTIF_RECV}).count("ioctl") == 1);
  const std::set<std::string> unpack = allowed_in(stacks.unpack, {});
  for (const char* call :
       {"execve", "clone", "clone3", "fork", "socket", "socketpair", "mount", "ptrace", "kill"}) {
    INFO(call);
    CHECK(unpack.count(call) == 0);
  }
}

TEST_CASE("the interpreter refuses what the kernel refuses", "[seccomp]") {
  const auto run = [](std::vector<sock_filter> code) {
    return RunBpf({reinterpret_cast<const char*>(code.data()), code.size() * sizeof(sock_filter)}, {});
  };
  CHECK(run({{BPF_RET | BPF_K, 0, 0, kAllowed}}) == kAllowed);
  CHECK_FALSE(run({}));
  CHECK_FALSE(run({{BPF_LD | BPF_W | BPF_ABS, 0, 0, 64}, {BPF_RET | BPF_K, 0, 0, 0}}));
  CHECK_FALSE(run({{BPF_LD | BPF_W | BPF_ABS, 0, 0, 2}, {BPF_RET | BPF_K, 0, 0, 0}}));
  CHECK_FALSE(run({{BPF_JMP | BPF_JA, 0, 0, 1}, {BPF_RET | BPF_K, 0, 0, 0}}));
  CHECK_FALSE(run({{BPF_ST, 0, 0, 0}}));
}

}  // namespace
}  // namespace hearth
