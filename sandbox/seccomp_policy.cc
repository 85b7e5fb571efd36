#include "sandbox/seccomp_policy.h"

#include <fcntl.h>
#include <linux/fs.h>
#include <linux/sched.h>
#include <linux/seccomp.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <signal.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>

#include <algorithm>
#include <cerrno>
#include <iterator>

#include "sandbox/layers.h"

namespace hearth {
namespace {

constexpr uint64_t kNamespaceFlags =
    CLONE_NEWUSER | CLONE_NEWNS | CLONE_NEWPID | CLONE_NEWIPC | CLONE_NEWNET | CLONE_NEWUTS | CLONE_NEWCGROUP;
constexpr uint64_t kThreadFlags = CLONE_THREAD | CLONE_VM | CLONE_SIGHAND;

// Not in every header that we build with.
constexpr uint64_t kPrSetVma = 0x53564d41;
constexpr std::string_view kCallsToBecomeUser[] = {"setgroups", "setresgid", "setresuid"};
constexpr uint64_t kPrctlsToBecomeUser[] = {PR_CAPBSET_DROP, PR_SET_DUMPABLE};
constexpr uint64_t kOfdGetLock = 36, kOfdSetLock = 37, kOfdSetLockWait = 38;

}  // namespace

uint64_t WorkerCloneFlags() {
  uint64_t flags = CLONE_NEWUSER | CLONE_NEWNS | CLONE_PARENT;
  if (IsOn(Layer::kIpcNamespace)) flags |= CLONE_NEWIPC;
  if (IsOn(Layer::kWorkerPidNamespace)) flags |= CLONE_NEWPID;
  return flags;
}

SeccompPolicy SeccompPolicy::NothingAllowed() { return SeccompPolicy(false); }
SeccompPolicy SeccompPolicy::TakeAway() { return SeccompPolicy(true); }

SeccompPolicy& SeccompPolicy::Add(Verdict verdict, int error, std::initializer_list<std::string_view> calls) {
  for (const std::string_view call : calls) rules_.push_back({call, verdict, error, {}});
  return *this;
}

SeccompPolicy& SeccompPolicy::Add(SeccompRule rule) {
  rules_.push_back(std::move(rule));
  return *this;
}

// Executable and writable memory too: a handler is native code, and just-in-time compilers (liborc) need it.
SeccompPolicy& SeccompPolicy::AllowMemory() {
  return Add(Verdict::kAllow, 0,
             {"brk", "mmap", "munmap", "mremap", "mprotect", "madvise", "msync", "mincore", "mlock",
              "munlock", "mlock2", "mlockall", "munlockall", "membarrier", "memfd_create"});
}

SeccompPolicy& SeccompPolicy::AllowFiles() {
  Add(Verdict::kAllow, 0, {"read",       "write",       "readv",           "writev",    "pread64",
                           "pwrite64",   "preadv",      "pwritev",         "preadv2",   "pwritev2",
                           "close",      "close_range", "lseek",           "stat",      "fstat",
                           "lstat",      "newfstatat",  "statx",           "access",    "faccessat",
                           "faccessat2", "readlink",    "readlinkat",      "getdents",  "getdents64",
                           "getcwd",     "chdir",       "fchdir",          "rmdir",     "unlink",
                           "unlinkat",   "rename",      "renameat",        "link",      "linkat",
                           "symlink",    "symlinkat",   "truncate",        "ftruncate", "fallocate",
                           "fsync",      "fdatasync",   "sync_file_range", "utime",     "utimes",
                           "utimensat",  "futimesat",   "umask",           "statfs",    "fstatfs"});
  Add(Verdict::kAllow, 0,
      {"copy_file_range", "sendfile", "splice", "tee", "fadvise64", "readahead", "dup", "dup2", "dup3",
       "pipe", "pipe2", "flock"});
  // A whiteout is a device node, and in a mounted folder it would be there for the host.
  Add(SeccompRule{"renameat2", Verdict::kAllow, 0, {{.index = 4, .mask = RENAME_WHITEOUT, .value = 0}}});
  // No set-user-id or set-group-id bit on anything: in a mounted folder it would be there for the host to
  // run. openat2 hides its mode behind a pointer, and gets the default ENOSYS.
  const std::pair<std::string_view, unsigned> with_mode[] = {{"open", 2},   {"openat", 3},  {"creat", 1},
                                                             {"mkdir", 1},  {"mkdirat", 2}, {"chmod", 1},
                                                             {"fchmod", 1}, {"fchmodat", 2}};
  for (const auto& [call, mode] : with_mode) {
    Add(SeccompRule{call, Verdict::kAllow, 0, {{.index = mode, .mask = S_ISUID | S_ISGID, .value = 0}}});
  }
  // Not the leases, signals and notifications of fcntl: they reach whoever else has the file open.
  for (const uint64_t command :
       {uint64_t{F_DUPFD}, uint64_t{F_DUPFD_CLOEXEC}, uint64_t{F_GETFD}, uint64_t{F_SETFD}, uint64_t{F_GETFL},
        uint64_t{F_SETFL}, uint64_t{F_GETLK}, uint64_t{F_SETLK}, uint64_t{F_SETLKW}, kOfdGetLock, kOfdSetLock,
        kOfdSetLockWait, uint64_t{F_ADD_SEALS}, uint64_t{F_GET_SEALS}, uint64_t{F_GETPIPE_SZ},
        uint64_t{F_SETPIPE_SZ}}) {
    Add(SeccompRule{"fcntl", Verdict::kAllow, 0, {{.index = 1, .mask = 0xffffffff, .value = command}}});
  }
  for (const uint64_t command : {uint64_t{TCGETS}, uint64_t{TIOCGWINSZ}, uint64_t{FIONREAD},
                                 uint64_t{FIONBIO}, uint64_t{FIOCLEX}, uint64_t{FIONCLEX}}) {
    Add(SeccompRule{"ioctl", Verdict::kAllow, 0, {{.index = 1, .mask = 0xffffffff, .value = command}}});
  }
  return *this;
}

SeccompPolicy& SeccompPolicy::AllowWaiting() {
  return Add(Verdict::kAllow, 0,
             {"poll",
              "ppoll",
              "select",
              "pselect6",
              "epoll_create",
              "epoll_create1",
              "epoll_ctl",
              "epoll_wait",
              "epoll_pwait",
              "epoll_pwait2",
              "eventfd",
              "eventfd2",
              "signalfd",
              "signalfd4",
              "timerfd_create",
              "timerfd_settime",
              "timerfd_gettime",
              "nanosleep",
              "clock_nanosleep",
              "clock_gettime",
              "clock_getres",
              "gettimeofday",
              "time",
              "times",
              "getitimer",
              "setitimer",
              "alarm",
              "timer_create",
              "timer_settime",
              "timer_gettime",
              "timer_getoverrun",
              "timer_delete",
              "futex",
              "futex_waitv",
              "restart_syscall"});
}

SeccompPolicy& SeccompPolicy::AllowThreads() {
  Add(Verdict::kAllow, 0,
      {"set_robust_list", "get_robust_list", "rseq", "set_tid_address", "gettid", "sched_yield",
       "sched_getaffinity", "sched_getscheduler", "sched_getparam", "sched_get_priority_max",
       "sched_get_priority_min", "getpriority", "arch_prctl"});
  // clone3 hides its flags behind a pointer: it gets the default ENOSYS, and libc falls back to clone.
  return Add(SeccompRule{"clone",
                         Verdict::kAllow,
                         0,
                         {{.index = 0, .mask = kNamespaceFlags | kThreadFlags, .value = kThreadFlags}}});
}

SeccompPolicy& SeccompPolicy::AllowSignals() {
  return Add(Verdict::kAllow, 0,
             {"rt_sigaction", "rt_sigprocmask", "rt_sigreturn", "rt_sigpending", "rt_sigsuspend",
              "rt_sigtimedwait", "sigaltstack", "kill", "tgkill", "tkill", "pause"});
}

SeccompPolicy& SeccompPolicy::AllowAskingAboutItself() {
  Add(Verdict::kAllow, 0,
      {"getpid",    "getppid",   "getuid",    "geteuid", "getgid", "getegid", "getgroups", "getresuid",
       "getresgid", "getpgrp",   "getpgid",   "getsid",  "uname",  "sysinfo", "getrusage", "getrandom",
       "getcpu",    "getrlimit", "prlimit64", "capget",  "wait4",  "waitid"});
  for (const uint64_t option : {uint64_t{PR_SET_NAME}, uint64_t{PR_GET_NAME}, uint64_t{PR_GET_DUMPABLE},
                                uint64_t{PR_CAPBSET_READ}, uint64_t{PR_GET_NO_NEW_PRIVS}, kPrSetVma}) {
    Add(SeccompRule{"prctl", Verdict::kAllow, 0, {{.index = 0, .mask = 0xffffffff, .value = option}}});
  }
  return *this;
}

SeccompPolicy& SeccompPolicy::AllowSocketsItHas() {
  Add(Verdict::kAllow, 0,
      {"sendmsg", "sendmmsg", "sendto", "recvmsg", "recvmmsg", "recvfrom", "shutdown", "getsockopt",
       "getsockname", "getpeername"});
  return Add(
      SeccompRule{"socketpair", Verdict::kAllow, 0, {{.index = 0, .mask = 0xffffffff, .value = AF_UNIX}}});
}

// Plain TCP and UDP alone: each other protocol (MPTCP, SCTP, UDP-Lite, ICMP) is more of the kernel to attack. Nothing is
// let in: no listen, no accept. Options that clients set, and no other: none that needs a right, attaches a filter or
// names a route.
SeccompPolicy& SeccompPolicy::AllowEgressSockets() {
  constexpr uint64_t kHow = SOCK_CLOEXEC | SOCK_NONBLOCK, kLow = 0xffffffff;
  for (const uint64_t family : {uint64_t{AF_INET}, uint64_t{AF_INET6}}) {
    const std::pair<uint64_t, uint64_t> kinds[] = {
        {SOCK_STREAM, 0}, {SOCK_STREAM, IPPROTO_TCP}, {SOCK_DGRAM, 0}, {SOCK_DGRAM, IPPROTO_UDP}};
    for (const auto& [kind, protocol] : kinds) {
      Add(SeccompRule{"socket",
                      Verdict::kAllow,
                      0,
                      {{.index = 0, .mask = kLow, .value = family},
                       {.index = 1, .mask = kLow & ~kHow, .value = kind},
                       {.index = 2, .mask = kLow, .value = protocol}}});
    }
  }
  const std::pair<uint64_t, uint64_t> options[] = {
      {SOL_SOCKET, SO_REUSEADDR},  {SOL_SOCKET, SO_KEEPALIVE},
      {SOL_SOCKET, SO_LINGER},     {SOL_SOCKET, SO_SNDBUF},
      {SOL_SOCKET, SO_RCVBUF},     {SOL_SOCKET, SO_SNDTIMEO},
      {SOL_SOCKET, SO_RCVTIMEO},   {IPPROTO_TCP, TCP_NODELAY},
      {IPPROTO_TCP, TCP_CORK},     {IPPROTO_TCP, TCP_QUICKACK},
      {IPPROTO_TCP, TCP_KEEPIDLE}, {IPPROTO_TCP, TCP_KEEPINTVL},
      {IPPROTO_TCP, TCP_KEEPCNT},  {IPPROTO_TCP, TCP_USER_TIMEOUT},
      {IPPROTO_TCP, TCP_SYNCNT},   {IPPROTO_IP, IP_RECVERR},
      {IPPROTO_IP, IP_TOS},        {IPPROTO_IP, IP_MTU_DISCOVER},
      {IPPROTO_IPV6, IPV6_V6ONLY}, {IPPROTO_IPV6, IPV6_RECVERR}};
  for (const auto& [level, option] : options) {
    Add(SeccompRule{
        "setsockopt",
        Verdict::kAllow,
        0,
        {{.index = 1, .mask = kLow, .value = level}, {.index = 2, .mask = kLow, .value = option}}});
  }
  Add(Verdict::kAllow, 0, {"connect"});
  return Add(Verdict::kErrno, EACCES, {"bind", "listen", "accept", "accept4"});
}

SeccompPolicy& SeccompPolicy::AllowExit() { return Add(Verdict::kAllow, 0, {"exit", "exit_group"}); }

SeccompPolicy& SeccompPolicy::AllowForkingWorkers() {
  return Add(SeccompRule{"clone",
                         Verdict::kAllow,
                         0,
                         {{.index = 0,
                           .mask = kNamespaceFlags | kThreadFlags | CLONE_PARENT | CLONE_FS | CLONE_FILES,
                           .value = WorkerCloneFlags()}}});
}

SeccompPolicy& SeccompPolicy::AllowConfiningItself() {
  Add(Verdict::kAllow, 0,
      {"move_mount", "capset", "seccomp", "landlock_create_ruleset", "landlock_add_rule",
       "landlock_restrict_self", "setrlimit"});
  Add(SeccompRule{"setpgid", Verdict::kAllow, 0, {{.index = 0, .value = 0}, {.index = 1, .value = 0}}});
  // Does nothing but tell whether there are other threads.
  return Add(SeccompRule{"unshare", Verdict::kAllow, 0, {{.index = 0, .value = CLONE_THREAD}}});
}

SeccompPolicy& SeccompPolicy::AllowBecomingUser() {
  std::erase_if(rules_, [](const SeccompRule& rule) {
    return std::find(std::begin(kCallsToBecomeUser), std::end(kCallsToBecomeUser), rule.call) !=
           std::end(kCallsToBecomeUser);
  });
  for (const std::string_view call : kCallsToBecomeUser) Add(SeccompRule{call, Verdict::kAllow, 0, {}});
  for (const uint64_t option : kPrctlsToBecomeUser)
    Add(SeccompRule{"prctl", Verdict::kAllow, 0, {{.index = 0, .mask = 0xffffffff, .value = option}}});
  return Add(SeccompRule{"unshare", Verdict::kAllow, 0, {{.index = 0, .value = CLONE_NEWUSER}}});
}

SeccompPolicy& SeccompPolicy::TakeAwayBecomingUser() {
  for (const std::string_view call : kCallsToBecomeUser) Add(SeccompRule{call, Verdict::kErrno, EPERM, {}});
  for (const uint64_t option : kPrctlsToBecomeUser)
    Add(SeccompRule{"prctl", Verdict::kErrno, ENOSYS, {{.index = 0, .mask = 0xffffffff, .value = option}}});
  return *this;
}

SeccompPolicy& SeccompPolicy::AllowMakingTmpfs() {
  return Add(Verdict::kAllow, 0, {"fsopen", "fsconfig", "fsmount"});
}

SeccompPolicy& SeccompPolicy::AllowReaping() { return Add(Verdict::kAllow, 0, {"wait4", "waitid"}); }

SeccompPolicy& SeccompPolicy::AllowKillingViolators() {
  Add(Verdict::kAllow, 0, {"getpgid"});
  Add(SeccompRule{"kill", Verdict::kAllow, 0, {{.index = 1, .value = SIGKILL}}});
  return Add(SeccompRule{
      "ioctl", Verdict::kAllow, 0, {{.index = 1, .mask = 0xffffffff, .value = SECCOMP_IOCTL_NOTIF_RECV}}});
}

SeccompPolicy& SeccompPolicy::RefuseNetwork() {
  Add(Verdict::kErrno, EPERM, {"setsockopt"});
  return Add(Verdict::kErrno, EACCES, {"socket", "connect", "bind", "listen", "accept", "accept4"});
}

SeccompPolicy& SeccompPolicy::RefuseWithErrors() {
  Add(Verdict::kErrno, EOPNOTSUPP,
      {"getxattr", "lgetxattr", "fgetxattr", "listxattr", "llistxattr", "flistxattr", "setxattr", "lsetxattr",
       "fsetxattr", "removexattr", "lremovexattr", "fremovexattr"});
  return Add(Verdict::kErrno, EPERM,
             {"fork",
              "vfork",
              "execve",
              "execveat",
              "chroot",
              "setns",
              "setuid",
              "setgid",
              "setreuid",
              "setregid",
              "setresuid",
              "setresgid",
              "setgroups",
              "setfsuid",
              "setfsgid",
              "setsid",
              "chown",
              "fchown",
              "lchown",
              "fchownat",
              "mknod",
              "mknodat",
              "inotify_init",
              "inotify_init1",
              "inotify_add_watch",
              "fanotify_init",
              "fanotify_mark",
              "personality",
              "shmget",
              "shmat",
              "shmctl",
              "shmdt",
              "semget",
              "semop",
              "semctl",
              "semtimedop",
              "msgget",
              "msgsnd",
              "msgrcv",
              "msgctl",
              "mq_open",
              "mq_unlink",
              "sched_setscheduler",
              "sched_setparam",
              "sched_setattr",
              "sched_setaffinity",
              "setpriority",
              "ioprio_set",
              "settimeofday",
              "clock_settime",
              "clock_adjtime",
              "adjtimex",
              "sethostname",
              "setdomainname",
              "syslog",
              "rt_sigqueueinfo",
              "rt_tgsigqueueinfo",
              "pidfd_open",
              "pidfd_send_signal",
              "name_to_handle_at",
              "sync",
              "syncfs",
              "vhangup"});
}

SeccompPolicy& SeccompPolicy::KillAttacks() {
  return Add(Verdict::kKill, 0,
             {"mount",
              "umount2",
              "pivot_root",
              "open_tree",
              "fsopen",
              "fsconfig",
              "fsmount",
              "fspick",
              "mount_setattr",
              "bpf",
              "perf_event_open",
              "userfaultfd",
              "keyctl",
              "add_key",
              "request_key",
              "kexec_load",
              "kexec_file_load",
              "init_module",
              "finit_module",
              "delete_module",
              "reboot",
              "swapon",
              "swapoff",
              "acct",
              "open_by_handle_at",
              "iopl",
              "ioperm",
              "modify_ldt",
              "ptrace",
              "process_vm_readv",
              "process_vm_writev",
              "kcmp",
              "pidfd_getfd",
              "quotactl"});
}

SeccompPolicy& SeccompPolicy::TakeAwayConfining() {
  Add(Verdict::kKill, 0, {"move_mount"});
  Add(Verdict::kErrno, EPERM,
      {"capset", "seccomp", "landlock_create_ruleset", "landlock_add_rule", "landlock_restrict_self",
       "setrlimit", "unshare", "setpgid"});
  Add(SeccompRule{"clone", Verdict::kErrno, EPERM, {{.index = 0, .mask = CLONE_THREAD, .value = 0}}});
  return Add(SeccompRule{
      "prlimit64", Verdict::kErrno, EPERM, {{.index = 2, .value = 0, .compare = Compare::kNotEqual}}});
}

// A worker is pid 1 of its own pid namespace, so that nobody else is there to be named: this is for the day on
// which somebody is. 0 is itself too: it leads a process group, alone.
SeccompPolicy& SeccompPolicy::TakeAwayOthers() {
  for (const std::string_view call : {"kill", "tgkill", "prlimit64"}) {
    Add(SeccompRule{call, Verdict::kErrno, EPERM, {{.index = 0, .value = 1, .compare = Compare::kGreater}}});
  }
  return *this;
}

SeccompPolicy& SeccompPolicy::TakeAwayChangingByDescriptor() {
  Add(Verdict::kErrno, EPERM, {"fchmod"});
  Add(SeccompRule{"utimensat", Verdict::kErrno, EPERM, {{.index = 1, .value = 0}}});  // no path
  Add(SeccompRule{"futimesat", Verdict::kErrno, EPERM, {{.index = 1, .value = 0}}});
  return Add(SeccompRule{
      "utimensat", Verdict::kErrno, EPERM, {{.index = 3, .mask = AT_EMPTY_PATH, .value = AT_EMPTY_PATH}}});
}

SeccompPolicy ZygotePolicy(NetworkOf network) {
  if (!IsOn(Layer::kZygoteFilter)) return SeccompPolicy::TakeAway();
  SeccompPolicy policy = SeccompPolicy::NothingAllowed();
  network == NetworkOf::kEgress ? policy.AllowEgressSockets() : policy.RefuseNetwork();
  return policy.AllowMemory()
      .AllowFiles()
      .AllowWaiting()
      .AllowThreads()
      .AllowSignals()
      .AllowAskingAboutItself()
      .AllowSocketsItHas()
      .AllowExit()
      .AllowForkingWorkers()
      .AllowConfiningItself()
      .RefuseWithErrors()
      .KillAttacks();
}

SeccompPolicy WorkerPolicy(FilesOf files) {
  if (!IsOn(Layer::kWorkerFilter)) return SeccompPolicy::TakeAway();
  SeccompPolicy policy = SeccompPolicy::TakeAway().TakeAwayConfining().TakeAwayOthers();
  if (files == FilesOf::kOurUser) policy.TakeAwayChangingByDescriptor();
  return policy;
}

SeccompPolicy BlankWorkerPolicy() {
  SeccompPolicy policy = ZygotePolicy();
  return policy.default_is_allow() ? policy : policy.AllowBecomingUser();
}

SeccompPolicy LoneWorkerPolicy() {
  SeccompPolicy policy = WorkerPolicy();
  return policy.rules().empty() ? policy : policy.TakeAwayBecomingUser();
}

SeccompPolicy InitPolicy() {
  return SeccompPolicy::NothingAllowed()
      .AllowMemory()
      .AllowWaiting()
      .AllowExit()
      .AllowMakingTmpfs()
      .AllowReaping()
      .AllowKillingViolators()
      .Add(Verdict::kAllow, 0,
           {"read", "close", "sendmsg", "recvmsg", "rt_sigreturn", "getpid", "gettid", "tgkill"});
}

SeccompPolicy UnpackPolicy() {
  return SeccompPolicy::NothingAllowed()
      .AllowMemory()
      .AllowFiles()
      .AllowWaiting()
      .AllowExit()
      .Add(Verdict::kAllow, 0,
           {"openat2", "sendmsg", "rt_sigreturn", "rt_sigaction", "rt_sigprocmask", "getpid", "gettid",
            "tgkill", "getrandom", "getuid", "geteuid", "getgid", "getegid", "sysinfo"})
      .KillAttacks();
}

}  // namespace hearth
