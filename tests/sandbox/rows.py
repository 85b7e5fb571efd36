"""The attack table: what is tried, what must come of it, and which layer's removal must show.

`python3 rows.py` prints docs/attacks.md. A probe's order goes to the attacker (attacker.cc) as a payload, unless its kind says otherwise;
its outcome is what the answer says: a value, the name of an errno, "killed: mount", "out of memory", "timed out", "exit 7".
"""
import dataclasses
import pathlib
import re
import typing

HEADERS = [pathlib.Path(each) for each in ("/usr/include/x86_64-linux-gnu/asm/unistd_64.h", "/usr/include/asm-generic/unistd.h")]
NUMBERS = {}
for header in HEADERS:
    if header.exists():
        for name, number in re.findall(r"#define __NR_(\w+)\s+(\d+)", header.read_text()):
            NUMBERS.setdefault(name, int(number))
# Newer than the header.
NUMBERS |= {"io_uring_setup": 425, "memfd_secret": 447, "cachestat": 451, "map_shadow_stack": 453, "statmount": 457, "listmount": 458,
            "lsm_get_self_attr": 459, "mount_setattr": 442, "userfaultfd": 323, "unheard_of": 9999}

AT_FDCWD, BADFD = -100, -1
KERNEL = "killed: by the kernel"  # another architecture, or move_mount: the filter that tells nobody


@dataclasses.dataclass
class Holds:
    """An expectation that is no single value."""
    text: str
    test: typing.Callable

    def __eq__(self, outcome):
        try:
            return bool(self.test(outcome))
        except (TypeError, KeyError, IndexError):  # an outcome of another shape
            return False


@dataclasses.dataclass
class Probe:
    row: int
    what: str
    order: dict
    expected: object
    user: object = None     # as an ordinary user, where that differs
    control: object = None  # with all layers off, where that is harmless
    function: str = "attacker"
    kind: str = "invoke"    # or "load", "deploy", "observe": see Suite
    spoils: bool = False    # its worker is ended afterwards

    def name(self):
        return f"{self.row}: {self.what}"


@dataclasses.dataclass
class Elsewhere:
    row: int
    what: str
    expected: str
    test: str


def call(name, *arguments):
    return [NUMBERS[name], *arguments]


def calls(*each):
    return {"calls": list(each)}


def one(name, *arguments):
    return calls(call(name, *arguments))


def opens(path, flags=0):
    return one("openat", AT_FDCWD, path, flags, 0o600)


O_WRONLY, O_CREAT = 1, 0o100
NEW_USER, NEW_NET, NEW_NS, SIGCHLD = 0x10000000, 0x40000000, 0x20000, 17
THREAD = 0x10000 | 0x100 | 0x800
ZEROS = {"zeros": 128}
VARIABLES = {"AWS_LAMBDA_FUNCTION_MEMORY_SIZE", "AWS_LAMBDA_FUNCTION_NAME", "AWS_LAMBDA_FUNCTION_VERSION", "AWS_LAMBDA_INITIALIZATION_TYPE",
             "HOME", "LAMBDA_TASK_ROOT", "LANG", "PATH", "TZ", "_HANDLER"}


def killed(row, *names, control=()):
    return [Probe(row, name, one(name, BADFD, 0, 0, 0, 0, 0), f"killed: {name}", control=dict(control).get(name)) for name in names]


def refused(row, error, *names, control=()):
    return [Probe(row, name, one(name, 0, 0, 0, 0, 0, 0), error, control=dict(control).get(name)) for name in names]


def at_most(most, error):
    return Holds(f"at most {most}, then {error}", lambda outcome: outcome["count"] <= most and outcome["error"] == error)


def all_of(most):
    return {"count": most, "error": "none"}


def frame(row, what, expected, **order):
    return Probe(row, what, {"do": "frame", "then": "hang", **order} if expected == "Runtime.ProtocolError" else {"do": "frame", **order},
                 expected, function="intruder")


PROBES = [
    Probe(1, "open /etc/shadow", opens("/etc/shadow"), "ENOENT", control="ok"),
    Probe(1, "open ../../../../etc/shadow", opens("../../../../etc/shadow"), "ENOENT", control="ok"),
    Probe(1, "open /root", opens("/root"), "ENOENT", control="ok"),
    Probe(2, "open another function's code", opens("{data}/code"), "ENOENT"),
    Probe(2, "open the daemon's data", opens("{data}/registry.db"), "ENOENT"),
    Probe(3, "open a sibling's file in /tmp", opens("/tmp/secret"), "ENOENT", control="ok"),
    Probe(4, "create /x", opens("/x", O_WRONLY | O_CREAT), "EROFS", control="ok"),
    Probe(4, "create /var/task/x", opens("/var/task/x", O_WRONLY | O_CREAT), "EROFS"),
    Probe(4, "write its own library", opens("/var/task/libattacker.so", O_WRONLY),
          Holds("EACCES or EROFS", lambda o: o in ("EACCES", "EROFS"))),
    Probe(4, "create /usr/lib/x", opens("/usr/lib/x", O_WRONLY | O_CREAT), "EROFS"),
    Probe(5, "list /", {"deed": "list", "path": "/"}, "EACCES",
          control=Holds("a list", lambda outcome: "tmp" in outcome)),
    Probe(6, "open /proc/1/environ", opens("/proc/1/environ"), "ENOENT"),
    Probe(6, "open /proc/1/root", opens("/proc/1/root"), "ENOENT"),
    Probe(6, "open /proc/self/mem", opens("/proc/self/mem"), "ENOENT", control="ok"),
    Probe(7, "open /proc/sys/kernel/core_pattern", opens("/proc/sys/kernel/core_pattern"), "ENOENT", control="ok"),
    Probe(7, "open /proc/sysrq-trigger", opens("/proc/sysrq-trigger", O_WRONLY), "ENOENT"),
    Probe(7, "open /sys/kernel", opens("/sys/kernel"), "ENOENT"),
    Probe(8, "open /dev/mem", opens("/dev/mem"), "ENOENT"),
    Probe(8, "open /dev/kmsg", opens("/dev/kmsg"), "ENOENT"),
    Probe(8, "list /dev", {"deed": "list", "path": "/dev"}, ["full", "null", "random", "urandom", "zero"]),
    Probe(8, "mknod", one("mknodat", AT_FDCWD, "/tmp/device", 0o20600, 0x101), "EPERM"),
    *killed(9, "ptrace", "process_vm_readv", "process_vm_writev", "pidfd_getfd", "kcmp"),
    Probe(10, "signal whom it sees", {"deed": "kill neighbours"}, {"all": "EPERM", "reached": []}),
    Probe(10, "rt_sigqueueinfo", one("rt_sigqueueinfo", 2, 9, ZEROS), "EPERM"),
    Probe(10, "pidfd_open", one("pidfd_open", 1, 0), "EPERM", control="ok"),
    Probe(10, "pidfd_send_signal", one("pidfd_send_signal", BADFD, 9, 0, 0), "EPERM"),
    Probe(10, "tgkill of another", one("tgkill", 2, 2, 9), "EPERM"),
    Probe(11, "fork", {"deed": "clone", "flags": 0}, "EPERM", control="ok"),
    Probe(11, "vfork", {"deed": "clone", "flags": 0x4000}, "EPERM", control="ok"),
    *refused(11, "EPERM", "setsid", "setpgid"),
    Probe(11, "clone3", one("clone3", ZEROS, 88), "ENOSYS"),
    Probe(11, "fork by its old number", one("fork") if "fork" in NUMBERS else calls(), "EPERM"),
    Probe(12, "thread bomb", {"deed": "threads", "most": 1500}, at_most(1024, "EAGAIN"), spoils=True, control=all_of(1500)),
    Probe(13, "memory bomb", {"deed": "eat memory", "most": 400}, "out of memory", user=at_most(256, "ENOMEM"), spoils=True,
          control=all_of(400)),
    Probe(14, "memory by memfd", {"deed": "eat memory", "most": 700, "memfd": True}, "out of memory",
          user=all_of(700), spoils=True, control=all_of(700)),
    Probe(14, "fill /tmp", {"deed": "fill tmp", "most": 100}, at_most(64, "ENOSPC"), function="attacker_large", spoils=True),
    Probe(15, "inode bomb", {"deed": "files", "most": 40_000}, at_most(64 << 8, "ENOSPC"), function="attacker_large", spoils=True),
    Probe(16, "descriptor bomb", {"deed": "descriptors"}, at_most(1020, "EMFILE"), spoils=True),
    Probe(17, "mlock 8 MiB", {"deed": "lock memory"}, Holds("ENOMEM or EPERM", lambda o: o in ("ENOMEM", "EPERM")), control="ok"),
    *(Probe(18, f"socket of {what}", one("socket", family, kind, 0), "EACCES", control=control) for what, family, kind, control in (
        ("AF_UNIX", 1, 1, "ok"), ("AF_INET", 2, 1, "ok"), ("AF_INET, raw", 2, 3, None), ("AF_INET6", 10, 2, None),
        ("AF_NETLINK", 16, 3, "ok"), ("AF_PACKET", 17, 3, None), ("AF_ALG", 38, 5, None), ("AF_VSOCK", 40, 1, None))),
    Probe(18, "network that a socketpair is in", {"deed": "network cookie"},
          Holds("not the host's", lambda o: isinstance(o, int) and o != HOST_NETWORK.get("cookie")),
          control=Holds("the host's", lambda o: o == HOST_NETWORK.get("cookie"))),
    Probe(19, "connect to an abstract socket", one("connect", 3, "\1\0\0hearth", 10), "EACCES"),
    Probe(19, "bind an abstract socket", one("bind", 3, "\1\0\0hearth", 10), "EACCES"),
    *killed(20, "mount", "umount2", "pivot_root", "open_tree", "fsopen", "fsconfig", "fsmount", "fspick", "mount_setattr"),
    Probe(20, "move_mount", one("move_mount", BADFD, "", AT_FDCWD, "/tmp", 4), KERNEL),
    *refused(21, "EPERM", "chroot", "setns", "unshare", control=[("unshare", "ok")]),
    Probe(21, "unshare(NEWUSER)", one("unshare", NEW_USER), "EPERM"),
    Probe(21, "clone(NEWUSER)", {"deed": "clone", "flags": NEW_USER}, Holds("EPERM or ENOSYS", lambda o: o in ("EPERM", "ENOSYS"))),
    Probe(21, "clone as a zygote may", {"deed": "clone", "flags": NEW_USER | NEW_NS | 0x28000000 | 0x8000}, "EPERM"),
    Probe(21, "clone(THREAD | NEWUSER)", {"deed": "clone", "flags": THREAD | NEW_USER}, "ENOSYS"),
    *killed(22, "bpf", "perf_event_open", "userfaultfd", "keyctl", "add_key", "request_key", "kexec_load", "kexec_file_load", "init_module",
            "finit_module", "delete_module", "reboot", "swapon", "swapoff", "acct", "open_by_handle_at", "quotactl",
            control=[("keyctl", None)]),
    *killed(22, *(name for name in ("iopl", "ioperm", "modify_ldt") if name in NUMBERS)),
    Probe(23, "io_uring_setup", one("io_uring_setup", 1, ZEROS), "ENOSYS"),
    *refused(24, "ENOSYS", "memfd_secret", "cachestat", "map_shadow_stack", "statmount", "listmount", "lsm_get_self_attr", "unheard_of"),
    Probe(25, "int 0x80", {"deed": "int 80"}, KERNEL, control="ok"),
    Probe(25, "x32", {"deed": "x32"}, KERNEL),
    *refused(26, "EPERM", "setuid", "setgid", "setreuid", "setresuid", "setresgid", "setgroups", "setfsuid", "capset"),
    Probe(26, "capabilities it has", {"deed": "capabilities"}, {"effective": 0, "permitted": 0},
          control=Holds("some", lambda o: o["effective"] != 0)),
    Probe(26, "prctl(SECUREBITS)", one("prctl", 28, 0, 0, 0, 0), "ENOSYS"),
    Probe(26, "its uid outside", {"observe": "uid"}, Holds("a function's own", lambda o: o >= 100_000),
          user=Holds("the daemon's", lambda o: o == 65534), kind="observe"),
    Probe(27, "execve", one("execve", "/var/task/libattacker.so", {"words": [0]}, {"words": [0]}), "EPERM"),
    Probe(27, "execveat of a memfd", calls(call("memfd_create", "code", 0),
                                           call("execveat", {"result": 0}, "", {"words": [0]}, {"words": [0]}, 0x1000)), "EPERM"),
    Probe(28, "chmod u+s", one("fchmodat", AT_FDCWD, "/tmp", 0o4755, 0), "ENOSYS"),
    Probe(28, "create u+s", opens("/tmp/suid", O_WRONLY | O_CREAT) | one("openat", AT_FDCWD, "/tmp/suid", O_WRONLY | O_CREAT, 0o4755), "ENOSYS"),
    Probe(29, "map /tmp executable", {"deed": "map executable", "path": "/tmp/code"}, "EPERM", control="ok"),
    Probe(30, "map a memfd executable", {"deed": "map executable"}, "ok"),
    Probe(30, "map writable and executable", one("mmap", 0, 4096, 7, 0x22, BADFD, 0), "ok"),
    Probe(31, "map address 0", one("mmap", 0, 4096, 3, 0x32, BADFD, 0), "EPERM"),
    Probe(32, "ioctl(TIOCSTI)", one("ioctl", 0, 0x5412, "x"), "ENOSYS"),
    Probe(32, "ioctl(TIOCLINUX)", one("ioctl", 0, 0x541C, "\x02"), "ENOSYS"),
    *refused(33, "EPERM", "settimeofday", "clock_settime", "clock_adjtime", "adjtimex"),
    Probe(34, "nice -20", one("setpriority", 0, 0, -20), "EPERM"),
    Probe(34, "SCHED_FIFO", one("sched_setscheduler", 0, 1, {"words": [1]}), "EPERM"),
    Probe(34, "affinity", one("sched_setaffinity", 0, 8, {"words": [1]}), "EPERM", control="ok"),
    Probe(34, "ioprio", one("ioprio_set", 1, 0, 0), "EPERM"),
    Probe(34, "change a limit", one("prlimit64", 0, 7, {"words": [512, 512]}, 0), "EPERM", spoils=True, control="ok"),
    Probe(34, "limits of another", one("prlimit64", 2, 7, 0, {"zeros": 16}), "EPERM"),
    *refused(35, "EPERM", "shmget", "semget", "msgget", "mq_open", "mq_unlink"),
    Probe(36, "inotify", one("inotify_init1", 0), "EPERM", control="ok"),
    Probe(36, "fanotify", one("fanotify_init", 0, 0), "EPERM"),
    Probe(36, "F_SETLEASE", one("fcntl", 0, 1024, 0), "ENOSYS"),
    Probe(36, "F_NOTIFY", one("fcntl", 0, 1026, 1), "ENOSYS"),
    Probe(36, "F_SETSIG", one("fcntl", 0, 10, 9), "ENOSYS"),
    Probe(36, "F_SETOWN", one("fcntl", 0, 8, 1), "ENOSYS"),
    *(Probe(37, f"prctl({what})", one("prctl", option, value, 0, 0, 0), "ENOSYS", control=control) for what, option, value, control in (
        ("SET_DUMPABLE", 4, 1, "ok"), ("SET_PDEATHSIG", 1, 0, "ok"), ("SET_CHILD_SUBREAPER", 36, 1, "ok"), ("SET_TSC", 26, 1, "ok"),
        ("SET_SECCOMP", 22, 1, None), ("SET_NO_NEW_PRIVS", 38, 1, None), ("SET_MM", 35, 1, None), ("SET_PTRACER", 0x59616D61, -1, None))),
    Probe(38, "a filter of its own", one("seccomp", 1, 0, {"words": [0, 0]}), "EPERM"),
    Probe(38, "a ruleset of its own", one("landlock_create_ruleset", 0, 0, 1), "EPERM", control="ok"),
    Probe(39, "personality(ADDR_NO_RANDOMIZE)", one("personality", 0x40000), "EPERM", control="ok"),
    Probe(40, "a symlink to /etc/shadow", calls(call("unlinkat", AT_FDCWD, "/tmp/link", 0),
                                               call("symlinkat", "/etc/shadow", AT_FDCWD, "/tmp/link"),
                                               call("openat", AT_FDCWD, "/tmp/link", 0)), "ENOENT", control="ok"),
    Probe(41, "a hard link to its library", one("linkat", AT_FDCWD, "/var/task/libattacker.so", AT_FDCWD, "/tmp/lib", 0), "EXDEV"),
    Probe(41, "rename of its library", one("renameat", AT_FDCWD, "/var/task/libattacker.so", AT_FDCWD, "/tmp/lib"),
          Holds("EXDEV or EROFS", lambda o: o in ("EXDEV", "EROFS"))),
    *(Probe(42, f"a zip with {what}", {"entry": entry, "mode": mode}, "refused", kind="package") for what, entry, mode in (
        ("an absolute name", "/absolute", 0o100644), ("..", "a/../../b", 0o100644), ("a symbolic link", "link", 0o120777),
        ("a device", "device", 0o020666), ("a pipe", "pipe", 0o010666), ("a set-user-id bit", "suid", 0o104755),
        ("a name twice", "libattacker.so", 0o100644))),
    Probe(43, "a library that is damaged", {"damage": 12}, "refused", kind="damaged"),
    Probe(43, "a constructor that mounts", calls(call("mount", "x", "/tmp", "tmpfs", 0, 0)), "killed: mount", kind="load"),
    Probe(44, "open descriptors", {"deed": "open descriptors"}, [0, 1, 2, 3]),
    Probe(44, "open descriptors as seen from outside", {"observe": "descriptors"}, [0, 1, 2, 3], kind="observe"),
    Probe(45, "environment", {"deed": "environment"},
          Holds("ten of Lambda's, nothing of the daemon's", lambda o: {pair.split("=")[0] for pair in o} == VARIABLES)),
    *(frame(46, f"a frame: {what}", "Runtime.ProtocolError", frame=what) for what in (
        "started", "ready", "kind", "version", "empty", "garbage", "oversize", "lying", "no memfd", "device")),
    frame(46, "an answer to another's id", "Runtime.ProtocolError", frame="response", off=1),
    frame(46, "five answers", "forged", frame="response", times=5),
    frame(46, "200 descriptors with an answer", "Runtime.ProtocolError", frame="response", fds=200),
    Probe(48, "a zygote that starts a process", calls(call("clone", SIGCHLD, 0, 0, 0, 0)), "ENOSYS", kind="load"),
    frame(49, "a memfd without seals", "Runtime.ProtocolError", frame="unsealed"),
    frame(49, "a memfd with half of them", "Runtime.ProtocolError", frame="half sealed"),
    Probe(50, "all signals blocked, for ever", {"deed": "ignore signals"}, "timed out", function="attacker_hasty"),
    Probe(51, "a process that stays", {"deed": "clone", "flags": 0}, "EPERM", control="ok"),
    Probe(54, "exit(0)", {"deed": "exit", "code": 0}, "Runtime.ExitError: without providing a reason"),
    Probe(54, "exit(7)", {"deed": "exit", "code": 7}, "exit 7"),
    Probe(54, "abort()", {"deed": "abort"}, "signal: aborted"),
    Probe(54, "close its channel", one("close", 3), "Runtime.ExitError: without providing a reason"),
    Probe(55, "ESC, NUL and a forged REPORT in its output", {"deed": "print", "text": "a\x1b[2J\0b\rREPORT RequestId: x\n"}, "ok"),
    Probe(55, "8 MiB of output", {"deed": "print", "text": "x" * 1023 + "\n", "times": 8192}, "ok"),
    Probe(56, "an answer of 7 MB", {"deed": "answer", "bytes": 7_000_000}, "Function.ResponseSizeTooLarge", function="attacker_large"),
    Probe(58, "write outside /tmp", opens("/etc/new", O_WRONLY | O_CREAT), "EROFS"),
    Probe(58, "write to a device's folder", opens("/dev/file", O_WRONLY | O_CREAT), "EROFS"),
    Probe(59, "core files", {"observe": "limits"}, {"core": 0, "msgqueue": 0, "nice": 0, "rtprio": 0, "nofile": 1024}, kind="observe"),
    Probe(62, "300 ms of a processor", {"deed": "spin", "ms": 300}, Holds("under half", lambda o: o["used_us"] < 150_000),
          user=Holds("all of it", lambda o: o["used_us"] > 0), function="attacker_small"),
    Probe(64, "host name", {"deed": "who"}, Holds("the function's", lambda o: o["host"] == "attacker" and o["pid"] == 1),
          control=Holds("the host's", lambda o: o["host"] != "attacker")),
    *(Probe(65, f"{name} in its configuration", {"environment": {name: "x"}}, "refused", kind="configuration") for name in (
        "LD_PRELOAD", "LD_AUDIT", "LD_LIBRARY_PATH", "GLIBC_TUNABLES")),
    *(Probe(66, f"the function's name {name!r}", {"name": name}, "refused", kind="configuration") for name in ("../x", "a/b", "a b", "")),
    *(Probe(66, f"the handler {handler!r}", {"handler": handler}, "refused", kind="configuration") for handler in (
        "../libattacker.so", "/lib/libattacker.so", "libattacker.so:a;b", "libattacker.so:1")),
    *(Probe(67, f"a zygote: {what}", calls(*attempt), expected, kind="load") for what, attempt, expected in (
        ("clone(NEWUSER | NEWNET)", [call("clone", NEW_USER | NEW_NET | SIGCHLD, 0, 0, 0, 0)], "ENOSYS"),
        ("unshare(NEWUSER)", [call("unshare", NEW_USER)], "ENOSYS"), ("setns", [call("setns", BADFD, 0)], "EPERM"),
        ("socket", [call("socket", 2, 1, 0)], "EACCES"), ("move_mount of nothing", [call("move_mount", BADFD, "", AT_FDCWD, "/tmp", 4)],
         Holds("EPERM or EBADF", lambda o: o in ("EPERM", "EBADF"))),
        ("fsopen", [call("fsopen", "tmpfs", 0)], "killed: fsopen"), ("ptrace", [call("ptrace", 0, 0, 0, 0)], "killed: ptrace"),
        ("another listener", [call("seccomp", 1, 8, {"words": [1, {"words": [0x7fff000000000006]}]})], "EBUSY"))),
]

# How its layers look from outside, in /proc of a sibling. Rows of no attack: what a later one would begin with.
OBSERVED = [
    Probe(0, "namespaces it shares with the daemon", {"observe": "namespaces"}, [], kind="observe"),
    Probe(0, "namespaces it shares with its zygote", {"observe": "namespaces of zygote"}, ["cgroup", "net", "uts"], kind="observe"),
    Probe(0, "capabilities, no_new_privs, seccomp", {"observe": "status"},
          {"CapEff": 0, "CapPrm": 0, "CapInh": 0, "CapAmb": 0, "NoNewPrivs": 1, "Seccomp": 2, "Seccomp_filters": 2}, kind="observe"),
    Probe(0, "bounding set of its zygote", {"observe": "bounding set"}, 0, kind="observe"),
    Probe(0, "whose its files in /proc are", {"observe": "dumpable"}, "root's: not dumpable", kind="observe"),
    Probe(0, "cgroups of its own", {"observe": "cgroups"}, True, user=False, kind="observe"),
]

ELSEWHERE = [
    Elsewhere(47, "a bill that it forges", "no frame has a field for time or memory; measured outside", "tests/e2e/test_hostile_billing.py"),
    Elsewhere(48, "a zygote that lies, does not fork, or kills", "its own function's starts fail", "tests/e2e/test_hostile.py Constructors"),
    Elsewhere(52, "threads that run between events", "frozen, no processor time", "tests/e2e/test_freezing.py"),
    Elsewhere(53, "an early answer, then work", "counted as idle cpu, frozen within 5 ms", "tests/e2e/test_hostile_billing.py"),
    Elsewhere(54, "faults, stack overflow", "the signal, the address, a backtrace", "tests/e2e/test_crash_reports.py"),
    Elsewhere(57, "a worker that never reads", "ended by the time limit", "tests/unit/runtime/pool/worker_process_test.cc"),
    Elsewhere(60, "guessing the address layout over forks", "a crash replaces the zygote; `strict` shares no layout", "tests/e2e/test_isolation.py"),
    Elsewhere(61, "many cold starts at once", "limits of concurrency and memory", "tests/e2e/test_limits.py"),
    Elsewhere(63, "processor caches and timing", "not stopped: see what is not promised", "–"),
    Elsewhere(36, "flock and read locks on shared files", "not stopped: see what is not promised", "–"),
    Elsewhere(68, "cgroup descriptors kept by a zygote", "they move its own processes, into groups with its own function's limits; a worker keeps none (44)", "row 44"),
]

HOST_NETWORK = {}  # filled by the suite

# What shows that a layer is gone: each of these must come out otherwise without it.
REMOVALS = {
    "kNetworkNamespace": ["18: network that a socketpair is in"],
    "kIpcNamespace": ["0: namespaces it shares with the daemon"],
    "kHostName": ["64: host name"],
    "kPrivateRoot": ["1: open /root", "6: open /proc/1/environ", "7: open /proc/sys/kernel/core_pattern"],
    "kReadOnlyMounts": ["4: create /x", "58: write to a device's folder"],
    "kTmpFlags": ["29: map /tmp executable"],
    "kTmpLimits": ["14: fill /tmp", "15: inode bomb"],
    "kPrivateTmp": ["3: open a sibling's file in /tmp"],
    "kUid": ["26: its uid outside"],
    "kBoundingSet": ["0: bounding set of its zygote"],
    "kCapabilities": ["26: capabilities it has"],
    "kNotDumpable": ["0: whose its files in /proc are"],
    "kResourceLimits": ["16: descriptor bomb", "17: mlock 8 MiB", "59: core files"],
    "kCgroup": ["12: thread bomb", "13: memory bomb"],
    "kZygoteFilter": ["18: socket of AF_INET", "22: keyctl", "39: personality(ADDR_NO_RANDOMIZE)"],
    "kWorkerFilter": ["10: tgkill of another", "38: a ruleset of its own", "34: change a limit", "20: move_mount"],
    "kArchitectureCheck": ["25: int 0x80"],
    "kLandlock": ["5: list /"],
    "kWorkerPidNamespace": ["64: host name"],
    "kDescriptors": ["44: open descriptors"],
}
# Without it the kernel refuses the filters, and nothing starts.
FAILS_CLOSED = ["kNoNewPrivileges"]


def layers():
    """Names of the layers, in the order of their numbers."""
    text = (pathlib.Path(__file__).parents[2] / "sandbox/layers.h").read_text()
    return re.findall(r"^  (k\w+),", text, re.M)


def text_of(expected):
    return expected.text if isinstance(expected, Holds) else f"`{expected}`" if not isinstance(expected, bool) else ("yes" if expected else "no")


def page():
    lines = ["# Attacks", "", "What a function tries, and what must come of it. Made from `tests/sandbox/rows.py` by running it, and kept so by a test. "
             "`tests/sandbox/test_attacks.py` deploys a library that does each of these, in the real daemon, as root and as an ordinary user, forked and with a sandbox each (`strict`); "
             "after each one a sibling worker of the same function must have its memory and its `/tmp` as they were, another function must answer from "
             "the same process, and daemon and launcher must be the same ones. A name of an errno is what the attempt gets; `killed: mount` ends the "
             "worker. The numbers are those of our table of threats; row 0 is how a worker looks from outside.", "",
             "Control: the probes marked ¹ are run once more without any layer, and succeed.", "",
             "| row | attempt | outcome | as an ordinary user, if otherwise |", "| --- | --- | --- | --- |"]
    for probe in sorted(PROBES + OBSERVED, key=lambda probe: probe.row):
        mark = " ¹" if probe.control is not None else ""
        user = text_of(probe.user) if probe.user is not None else ""
        lines.append(f"| {probe.row} | {probe.what}{mark} | {text_of(probe.expected)} | {user} |".replace("\x1b", "ESC").replace("\0", "NUL"))
    lines += ["", "Held by other tests, or by none:", "", "| row | attempt | outcome | test |", "| --- | --- | --- | --- |"]
    lines += [f"| {each.row} | {each.what} | {each.expected} | {each.test} |" for each in sorted(ELSEWHERE, key=lambda each: each.row)]
    lines += ["", "## One layer at a time", "", "The suite runs again with executables that lack one layer (`tests/sandbox/weakened_layers.cc`: they are linked for it, "
              "what is installed has no such switch). These rows must then come out otherwise:", "", "| without | rows |", "| --- | --- |"]
    lines += [f"| {layer[1:]} | {'; '.join(rows)} |" for layer, rows in REMOVALS.items()]
    lines += [f"| {layer[1:]} | nothing starts |" for layer in FAILS_CLOSED]
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    print(page(), end="")
