#!/usr/bin/env python3
"""What a start costs, beside bwrap's and runc's, and what many idle workers need: ./dev bench cold

In one process that stands where hearthd does: from asking the launcher's init for a worker (its cgroup, channel and pipes included) to
its first word, confined. bwrap and runc start the same executable, to the word that it has loaded the same library, which ours said
long before: a head start for them. A strict worker comes from a blank sandbox that is ready, since these are made while nobody waits;
"one without a blank" makes all of it. Rounds are interleaved, back to back and again with pauses, since a loop hides what waits for a
grace period of the kernel. Medians count. Exits non-zero only when a run was invalid.
"""
import argparse
import json
import os
import pathlib
import platform
import shutil
import subprocess
import sys
import tempfile
import time

import plot
import report

ROOT = pathlib.Path(__file__).resolve().parents[2]
BUILD = pathlib.Path(os.environ.get("HEARTH_BUILD_DIR", ROOT / "build/release")).resolve()
PROGRAM = BUILD / "tests/bench/bench_cold"
LIBEXEC = BUILD / "libexec/hearth"
LINKS = [name for name in ("lib", "lib64", "bin", "sbin") if pathlib.Path("/", name).is_symlink()]
# What issue 3 asks for, in milliseconds: back to back, spaced.
TARGETS = {"a ready worker": (0.5, 1.0), "a spare's first answer": (0.2, None), "first ever start": (15, 15), "a strict worker": (1.2, None)}
TIMES = {"bwrap": 4, "runc": 20}


def bwrap(code):
    links = [word for name in LINKS for word in ("--symlink", f"usr/{name}", f"/{name}")]
    return ["/usr/bin/bwrap", "--unshare-all", "--die-with-parent", "--clearenv", "--ro-bind", "/usr", "/usr", *links, "--dev", "/dev",
            "--tmpfs", "/tmp", "--ro-bind", code, "/var/task", "--ro-bind", str(LIBEXEC), "/worker", "/worker/hearth-worker"]


def runc(folder, code):
    """A bundle with the same in it; descriptor 3 is passed on."""
    root = folder / "rootfs"
    for name in ("usr", "proc", "dev", "tmp", "var/task", "worker"):
        (root / name).mkdir(parents=True)
    for name in LINKS:
        (root / name).symlink_to(f"usr/{name}")

    def bind(source, target):
        return {"destination": target, "type": "bind", "source": source, "options": ["rbind", "ro"]}
    config = {
        "ociVersion": "1.0.2",
        "process": {"terminal": False, "user": {"uid": 65534, "gid": 65534}, "args": ["/worker/hearth-worker"], "env": [], "cwd": "/",
                    "noNewPrivileges": True, "capabilities": {}},
        "root": {"path": str(root), "readonly": True}, "hostname": "bench",
        "mounts": [{"destination": "/proc", "type": "proc", "source": "proc"},
                   {"destination": "/dev", "type": "tmpfs", "source": "tmpfs", "options": ["nosuid", "mode=755", "size=65536k"]},
                   {"destination": "/tmp", "type": "tmpfs", "source": "tmpfs", "options": ["nosuid", "nodev", "size=16m"]},
                   bind("/usr", "/usr"), bind(code, "/var/task"), bind(str(LIBEXEC), "/worker")],
        "linux": {"namespaces": [{"type": kind} for kind in ("pid", "network", "ipc", "uts", "mount")],
                  "resources": {"memory": {"limit": 128 << 20}, "pids": {"limit": 64}}}}
    (folder / "config.json").write_text(json.dumps(config))
    return [shutil.which("runc", path="/usr/sbin:/usr/bin"), "--root", str(folder / "state"), "run", "--preserve-fds", "1", "--bundle", str(folder),
            "hearth-{id}"]


def run(*arguments):
    done = subprocess.run([PROGRAM, *map(str, arguments)], capture_output=True, text=True, check=False)
    if done.returncode != 0:
        sys.exit(f"invalid run: {done.stderr.strip()[-600:]}")
    return json.loads(done.stdout)


def at(values, percent):
    return sorted(values)[(len(values) - 1) * percent // 100]


def others(arguments, folder, code):
    """Those that can run here; why the others cannot is said."""
    found = []
    for name, every, words in (("bwrap", 2, lambda: bwrap(code)), ("runc", 5, lambda: runc(folder / "bundle", code))):
        if not shutil.which(name, path="/usr/sbin:/usr/bin"):
            print(f"{name}: not installed (apt-get install {'bubblewrap' if name == 'bwrap' else name})")
            continue
        packed = "\x1f".join([name, str(every), *words()])
        tried = subprocess.run([PROGRAM, "starts", LIBEXEC, code, arguments.library, "1", "0", packed], capture_output=True, text=True, check=False)
        if tried.returncode != 0:
            print(f"{name}: cannot start it here: {tried.stderr.strip()[-300:]}")
            continue
        found.append(packed)
    return found


def print_starts(results):
    print(f"{'ms':<26}{'back to back':>14}{'p95':>9}{'spaced':>12}{'p95':>9}   target")
    for name in results[0]:
        cells = [at(result[name], percent) / 1000 for result in results for percent in (50, 95)]
        target = TARGETS.get(name)
        said = "" if not target else f"{target[0]}" + (f", spaced {target[1]}" if target[1] else "")
        print(f"{name:<26}{cells[0]:>14.3f}{cells[1]:>9.3f}{cells[2]:>12.3f}{cells[3]:>9.3f}   {said}")
        for how, median, most in zip(("back to back", "spaced"), (cells[0], cells[2]), target or (), strict=False):
            if most:
                report.promised(f"{name}, {how}", median, at_most=most, unit="ms", digits=3)
    for name, times in TIMES.items():
        if name in results[0]:
            ratios = [at(result[name], 50) / at(result["a ready worker"], 50) for result in results]
            report.promised(f"a ready worker beside {name}: times as fast", min(ratios), at_least=times, digits=1)
            print(f"a ready worker is {ratios[0]:.1f} times as fast as {name} back to back, {ratios[1]:.1f} times spaced (target {times})")


def print_many(result):
    for name, values in result.items():
        print(f"{name:<26} median {at(values, 50):.1f}, p95 {at(values, 95):.1f}, of {len(values)}")


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=200)
    parser.add_argument("--pause-ms", type=int, default=30)
    parser.add_argument("--functions", type=int, default=100)
    parser.add_argument("--workers", type=int, default=10, help="of each function, alive at once")
    parser.add_argument("--library", default="libhearth-doctor.so")
    plot.add_argument(parser)
    arguments = parser.parse_args()
    subprocess.run(["cmake", "--build", BUILD, "--target", "bench_cold"], check=True, stdout=subprocess.DEVNULL)
    print(f"{platform.node()}: {os.cpu_count()} processors, kernel {platform.release()}, {time.strftime('%Y-%m-%d')}")
    with tempfile.TemporaryDirectory(prefix="hearth-cold-") as name:
        folder = pathlib.Path(name)
        folder.chmod(0o755)
        code = folder / "code"
        code.mkdir()
        shutil.copy(LIBEXEC / arguments.library, code)
        found = others(arguments, folder, str(code))
        starts = [run("starts", LIBEXEC, code, arguments.library, arguments.rounds, pause, *found) for pause in (0, arguments.pause_ms)]
        print_starts(starts)
        if arguments.plot:
            bars = plot.Bars(f"Starts, {arguments.pause_ms} ms apart: medians", "ms")
            for kind, took in starts[1].items():
                bars.add(kind, at(took, 50) / 1000)
            bars.write(arguments.plot, "starts")
        print(f"\n{arguments.functions} functions of 16 MiB, {arguments.workers} idle workers each, all at once:")
        print_many(run("many", LIBEXEC, code, arguments.library, arguments.functions, arguments.workers))


if __name__ == "__main__":
    main()
