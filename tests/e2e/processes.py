"""The processes and cgroups that a daemon made, as /proc and /sys tell."""
import os
import pathlib


def parents():
    """{pid: parent} of all that live; what is dead but not reaped does not count."""
    found = {}
    for folder in pathlib.Path("/proc").glob("[0-9]*"):
        try:
            state, parent = (folder / "stat").read_text().rpartition(")")[2].split()[:2]
        except (FileNotFoundError, ProcessLookupError):
            continue
        if state not in "ZX":
            found[int(folder.name)] = int(parent)
    return found


def children(pid):
    return sorted(child for child, parent in parents().items() if parent == pid)


def descendants(pid):
    found, waiting = [], [pid]
    while waiting:
        below = children(waiting.pop())
        found += below
        waiting += below
    return found


def alive(pids):
    """Those of them that still live."""
    return sorted(set(pids) & parents().keys())


def cgroups_of(pid):
    """Folders that a daemon of that pid made, wherever cgroups are mounted."""
    root = pathlib.Path("/sys/fs/cgroup")
    return [folder for folder, names, _ in os.walk(root) if pathlib.Path(folder).name == f"hearth-{pid}"]


class Sandbox:
    """One sandbox of a daemon: launcher, init, zygote, workers. The zygote is init's first child."""

    def __init__(self, daemon):
        self.launcher = children(daemon.process.pid)[0]
        self.init = children(self.launcher)[0]
        self.zygote, *others = descendants(self.init)
        self.workers = others
