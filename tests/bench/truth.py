#!/usr/bin/env python3
"""How far durations in the ledger are from what handlers measure themselves: ./dev bench truth

Handlers sleep or spin for known times and take CLOCK_MONOTONIC at their first and last line. The difference is what the two
frames cost, and what a busy machine adds. Promised: never below 0, at most 0.5 ms at the 99th percentile, alone and under load.
Everything of Hearth is on. Warm calls only, since a cold one's init is a duration of its own. Beside them what one wake-up of a
waiting process costs here without Hearth: a duration begins before its worker is woken, so that it has one in it.
"""
import argparse
import os
import pathlib
import socket
import sys
import time

import report

ROOT = pathlib.Path(__file__).resolve().parents[2]
os.environ.setdefault("HEARTH_BUILD_DIR", str(ROOT / "build/release"))
sys.path.insert(0, str(ROOT / "tests/e2e"))
import wall_truth  # noqa: E402
from hearth_e2e import Daemon  # noqa: E402

PROMISED_P99_MS = 0.5
SLEEPS = [{"do": "sleep", "us": us} for us in (0, 200, 1_000, 5_000)]
SPINS = [{"do": "spin", "us": us} for us in (0, 200, 1_000, 5_000)]


def row(daemon, url, name, kinds, calls, at_once):
    measured = [(record, own) for record, own in wall_truth.measure(daemon, url, kinds, calls, at_once) if not record.cold]
    overhead = wall_truth.overhead_ns(measured)
    share = lambda p: overhead[min(len(overhead) - 1, int(len(overhead) * p))] / 1e6  # noqa: E731
    wrong = sum(not wall_truth.is_ceiling(record) for record, _ in measured)
    print(f"| {name} | {len(overhead)} | {overhead[0] / 1e6:.3f} | {share(0.5):.3f} | {share(0.99):.3f} | {share(0.999):.3f} | {wrong} |")
    report.promised(f"duration less the handler's own, {name}: p99", share(0.99), at_most=PROMISED_P99_MS, unit="ms", digits=3)
    return overhead[0] >= 0 and wrong == 0


def wake_ups(calls, kinds):
    """The floor, without Hearth: from a write to a socket until the process that waits for it runs, in ns, sorted. Between two the
    processor does what the handlers do."""
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    child = os.fork()
    if child == 0:
        ours.close()
        while order := theirs.recv(64):
            woken = time.monotonic_ns()
            do, us = order.decode().split()
            if do == "sleep":
                time.sleep(int(us) / 1e6)
            while do == "spin" and time.monotonic_ns() < woken + int(us) * 1000:
                pass
            theirs.send(str(woken).encode())
        os._exit(0)
    theirs.close()
    late = []
    for n in range(calls):
        order = f"{kinds[n % len(kinds)]['do']} {kinds[n % len(kinds)]['us']}".encode()
        sent = time.monotonic_ns()
        ours.send(order)
        late.append(int(ours.recv(64)) - sent)
    ours.close()
    os.waitpid(child, 0)
    return sorted(late)


def floor_row(name, late):
    share = lambda p: late[min(len(late) - 1, int(len(late) * p))] / 1e6  # noqa: E731
    print(f"| {name} | {len(late)} | {late[0] / 1e6:.3f} | {share(0.5):.3f} | {share(0.99):.3f} | {share(0.999):.3f} | |")


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--calls", type=int, default=4000)
    arguments = parser.parse_args()
    daemon = Daemon()
    try:
        daemon.start()
        url = wall_truth.deploy(daemon, memory=1769)  # a whole processor: with less a worker waits for its own limit
        wall_truth.measure(daemon, url, SLEEPS, 64, 8)  # warm workers for the rows below
        print(f"cores: {os.cpu_count()}; duration in the ledger less the handler's own interval, in ms")
        print("| what | calls | least | p50 | p99 | p99.9 | not its ceiling |\n| --- | --- | --- | --- | --- | --- | --- |")
        good = row(daemon, url, "sleeps, one at a time", SLEEPS, arguments.calls // 4, 1)
        good &= row(daemon, url, "spins, one at a time", SPINS, arguments.calls // 4, 1)
        floor_row("a wake-up alone, sleeps", wake_ups(arguments.calls // 4, SLEEPS))
        floor_row("a wake-up alone, spins", wake_ups(arguments.calls // 4, SPINS))
        good &= row(daemon, url, "sleeps, 8 at once", SLEEPS, arguments.calls, 8)
        good &= row(daemon, url, "spins, 2 at once", SPINS, arguments.calls, 2)
        if not good:
            sys.exit("a duration was below what the handler measured, or a bill not its ceiling")
    finally:
        daemon.stop()
        daemon.remove()


if __name__ == "__main__":
    main()
