#!/usr/bin/env python3
"""One function calls another, 64 bytes, warm, timed in the caller, beside three processes that do nothing else: ./dev bench chain

`floor` is a caller, a middle process in epoll and a callee over two socket pairs, as hearthd has them, doing nothing but to pass
the bytes on (tests/bench/chain_floor.c). `chain` is the same through Hearth, everything on: default isolation, admission, metering,
metrics, logs. Rounds are interleaved; medians of the rounds count. `--one-processor` puts everything on processor 0.
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


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--calls", type=int, default=20_000)
    parser.add_argument("--one-processor", action="store_true")
    arguments = parser.parse_args()
    subprocess.run(["cmake", "--build", str(BUILD), "--target", "chain_floor", "call_timer", "noop"], check=True,
                   stdout=subprocess.DEVNULL)
    floor_program = next(path for path in BUILD.rglob("chain_floor") if path.is_file())
    if arguments.one_processor:
        os.sched_setaffinity(0, {0})  # inherited by hearthd, launcher and workers

    def floor():
        near, far = (socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET) for _ in range(2))
        def start(*part, fds, **more):
            command = [str(floor_program), part[0], *(str(fd.fileno()) for fd in fds), *part[1:]]
            return subprocess.Popen(command, pass_fds=[fd.fileno() for fd in fds], **more)
        others = [start("callee", fds=[far[1]]), start("middle", fds=[near[1], far[0]])]
        first = start("caller", str(arguments.calls), fds=[near[0]], stdout=subprocess.PIPE)
        for end in (*near, *far):
            end.close()
        out = first.communicate()[0]
        for other in others:
            other.wait()
        return json.loads(out)

    def chain():
        answer = daemon.invoke("caller", str(arguments.calls), log_tail=False)
        if answer.status != 200 or answer.function_error:
            sys.exit(f"invalid run: {answer}")
        return answer.json()

    daemon = Daemon({"memory_mib": 8192})
    try:
        daemon.start()
        add_function(daemon, "caller", "call_timer")
        add_function(daemon, "callee", "noop")
        daemon.invoke("caller", "1000", log_tail=False)
        measured = {"floor": [], "chain": []}
        for number in range(arguments.rounds):
            for name, run in [("floor", floor), ("chain", chain)][::1 if number % 2 == 0 else -1]:
                measured[name].append(run())
    finally:
        daemon.remove()
    print(f"{'':>6} {'p50 us':>8} {'p99 us':>8} {'least us':>9} {'of floor':>9}   medians of {arguments.rounds} rounds of {arguments.calls} calls")
    medians = {name: {key: statistics.median(one[key] for one in rounds) / 1000 for key in rounds[0]}
               for name, rounds in measured.items()}
    for name, figures in medians.items():
        print(f"{name:>6} {figures['p50']:>8.1f} {figures['p99']:>8.1f} {figures['least']:>9.1f} {figures['p50'] / medians['floor']['p50']:>9.2f}")
    p50 = medians["chain"]["p50"]
    verdict = report.promised("function calls function, 64 B: p50", p50, at_most=TARGET_P50_US, unit="µs", digits=1)
    print(f"target: p50 <= {TARGET_P50_US:.0f} us: {verdict}")


if __name__ == "__main__":
    main()
