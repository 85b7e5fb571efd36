#!/usr/bin/env python3
"""One function calls another, 64 bytes, warm, timed in the caller, beside three processes that do nothing else: ./dev bench chain

`floor` is a caller, a middle process in epoll and a callee over two socket pairs, as hearthd has them, doing nothing but to pass
the bytes on (tests/bench/chain_floor.c). `chain` is the same through Hearth, everything on: default isolation, admission, metering,
metrics, logs. Rounds are interleaved; medians of the rounds count. First with everything on processor 0, which is what the promise is about:
what a call costs. Then wherever the kernel puts it, where most of it is waking a processor that sleeps.
"""
import argparse
import json
import os
import pathlib
import socket
import statistics
import subprocess
import sys

import report

ROOT = pathlib.Path(__file__).resolve().parents[2]
BUILD = pathlib.Path(os.environ.setdefault("HEARTH_BUILD_DIR", str(ROOT / "build/release")))
sys.path.insert(0, str(ROOT / "tests/e2e"))
from hearth_e2e import Daemon, handler_path  # noqa: E402

TARGET_P50_US = 12.0


def add_function(daemon, name, library):
    """With a whole processor, so that no quota is measured."""
    daemon.create_function(name, handler_path(library), memory=1769, timeout=60)


def floor(program, calls):
    near, far = (socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET) for _ in range(2))

    def start(*part, fds, **more):
        command = [str(program), part[0], *(str(fd.fileno()) for fd in fds), *part[1:]]
        return subprocess.Popen(command, pass_fds=[fd.fileno() for fd in fds], **more)
    others = [start("callee", fds=[far[1]]), start("middle", fds=[near[1], far[0]])]
    first = start("caller", str(calls), fds=[near[0]], stdout=subprocess.PIPE)
    for end in (*near, *far):
        end.close()
    out = first.communicate()[0]
    for other in others:
        other.wait()
    return json.loads(out)


def chain(daemon, calls):
    answer = daemon.invoke("caller", str(calls), log_tail=False)
    if answer.status != 200 or answer.function_error:
        sys.exit(f"invalid run: {answer}")
    return answer.json()


def measure(processors, rounds, calls):
    """Microseconds, medians of the rounds: {"floor": {"p50": ..., ...}, "chain": ...}"""
    program = next(path for path in BUILD.rglob("chain_floor") if path.is_file())
    before = os.sched_getaffinity(0)
    os.sched_setaffinity(0, processors)  # inherited by hearthd, launcher and workers
    daemon = Daemon({"memory_mib": 8192})
    try:
        daemon.start()
        add_function(daemon, "caller", "call_timer")
        add_function(daemon, "callee", "noop")
        chain(daemon, 1000)
        measured = {"floor": [], "chain": []}
        for number in range(rounds):
            for name in list(measured)[::1 if number % 2 == 0 else -1]:
                measured[name].append(floor(program, calls) if name == "floor" else chain(daemon, calls))
    finally:
        daemon.remove()
        os.sched_setaffinity(0, before)
    return {name: {key: statistics.median(one[key] for one in found) / 1000 for key in found[0]} for name, found in measured.items()}


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--calls", type=int, default=20_000)
    arguments = parser.parse_args()
    subprocess.run(["cmake", "--build", str(BUILD), "--target", "chain_floor", "call_timer", "noop"], check=True,
                   stdout=subprocess.DEVNULL)
    print(f"{'':>30} {'p50 us':>8} {'p99 us':>8} {'least us':>9} {'of floor':>9}   medians of {arguments.rounds} rounds of {arguments.calls} calls")
    p50 = {}
    for where, processors in (("one processor", {0}), ("any processor", os.sched_getaffinity(0))):
        medians = measure(processors, arguments.rounds, arguments.calls)
        p50[where] = medians["chain"]["p50"]
        for name, figures in medians.items():
            print(f"{name + ', ' + where:>30} {figures['p50']:>8.1f} {figures['p99']:>8.1f} {figures['least']:>9.1f} "
                  f"{figures['p50'] / medians['floor']['p50']:>9.2f}", flush=True)
    verdict = report.promised("function calls function, 64 B, one processor: p50", p50["one processor"], at_most=TARGET_P50_US, unit="µs", digits=1)
    print(f"target: p50 <= {TARGET_P50_US:.0f} us on one processor: {verdict}")


if __name__ == "__main__":
    main()
